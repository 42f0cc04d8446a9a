// Loads, stores and copies by PTX: the checker sees them as accesses of the statement's line.
#pragma once
#include "address_spaces.h"
#include "atomics.h"
#include "barriers.h"
#include "copy_async.h"
#include "memory.h"
#include "ptx_registers.h"
#include "stop.h"

namespace refconv {
namespace ptx {

// -- addresses -----------------------------------------------------------------------------------------------

// An address of shared memory, from a register of 32 bits or of 64.
struct SharedAddress {
    u32 value;

    void* bytes(int size, const char* file, int line) const { return refconv_shared_bytes(value, size, file, line); }
};
inline SharedAddress in_shared(u32 address) { return {address}; }
// A pointer that nobody has converted has more bits than 32: address 0 then says so.
inline SharedAddress in_shared(u64 address) { return {address >> 32 ? 0 : static_cast<u32>(address)}; }

struct Address {
    u64 value;

    void* bytes(int, const char*, int) const { return reinterpret_cast<void*>(value); }
};
inline Address in_generic(u64 address) { return {address}; }
inline Address in_global(u64 address, REFCONV_HERE) {
    const void* pointer = reinterpret_cast<const void*>(address);
    if (!__isGlobal(pointer)) refconv_trap("an instruction on global memory, with an address of another", file, line);
    return {address};
}

// Where an instruction finds `size` bytes; it touches them itself.
inline void* shared(u32 address, int size = 1, REFCONV_HERE) {
    return in_shared(address).bytes(size, file, line);
}
inline void* shared(u64 address, int size = 1, REFCONV_HERE) {
    return in_shared(address).bytes(size, file, line);
}
inline void* global(u64 address, REFCONV_HERE) { return in_global(address, file, line).bytes(1, file, line); }

// -- loads and stores: of all registers of a vector at once --------------------------------------------------

template <int size>
struct Word;
template <>
struct Word<1> {
    using type = unsigned char;
};
template <>
struct Word<2> {
    using type = unsigned short;
};
template <>
struct Word<4> {
    using type = unsigned;
};
template <>
struct Word<8> {
    using type = unsigned long long;
};
template <>
struct Word<16> {
    typedef unsigned type __attribute__((vector_size(16)));
};

// Inlined, all of them, such that the access stands on the statement's line.
template <int size>
inline __forceinline__ typename Word<size>::type* aligned(void* bytes, const char* file, int line) {
    if (reinterpret_cast<size_t>(bytes) % size != 0) refconv_misaligned(bytes, size, file, line);
    return static_cast<typename Word<size>::type*>(bytes);
}

template <class T, int n, class From>
inline __forceinline__ Pack<T, n> load(From address, REFCONV_HERE) {
    constexpr int size = n * sizeof(T);
    return bits_as<Pack<T, n>>(*aligned<size>(address.bytes(size, file, line), file, line));
}
template <class T, int n, class To>
inline __forceinline__ void store(To address, const T (&values)[n], REFCONV_HERE) {
    constexpr int size = n * sizeof(T);
    Pack<T, n> pack;
    for (int i = 0; i < n; ++i) pack.of[i] = values[i];
    *aligned<size>(address.bytes(size, file, line), file, line) = bits_as<typename Word<size>::type>(pack);
}

// A hint.
inline void nothing(u64) {}

// -- cp.async: what its operands must be ---------------------------------------------------------------------

template <int smallest, int size>
constexpr int copy_size() {
    static_assert(size == 16 || (smallest == 4 && (size == 4 || size == 8)),
                  "inline PTX: cp.async.ca copies 4, 8 or 16 bytes, cp.async.cg copies 16");
    return size;
}

// Of which memory it is only matters to a copy that reads it: with no bytes to read it may point anywhere, and by chance to
// where other memory lies.
inline const void* source(u64 address) { return reinterpret_cast<const void*>(address); }

inline int source_size(u32 size, u32 most, REFCONV_HERE) {
    if (size > most) refconv_trap("cp.async whose src-size is larger than its cp-size", file, line);
    return static_cast<int>(size);
}

}  // namespace ptx
}  // namespace refconv
