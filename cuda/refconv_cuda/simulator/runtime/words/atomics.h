// Atomic operations. Threads of a launch run one at a time, so a plain read, change and write is atomic here; unless
// several operating-system threads share its blocks (REFCONV_THREADS): then the processor's own operations are needed.
#pragma once
#include "barriers.h"
#include "memory.h"
#include "traits.h"
#include "vector_types.h"

// Told to the checker before each atomic access: two of them are no race, and the plain accesses below are not seen.
#ifdef REFCONV_CHECK
extern "C" void refconv_atomic_access(const volatile void* address, int size, const void* where, bool of_block);
#else
inline void refconv_atomic_access(const volatile void*, int, const void*, bool) {}
#endif

namespace refconv {

// The types that CUDA has an atomic operation for. cuda_fp16.h and cuda_bf16.h add theirs to the first.
using u32 = unsigned;
using u64 = unsigned long long;
template <class T> inline constexpr bool can_add = is_one_of<T, int, u32, u64, float, double, float2, float4>;
template <class T> inline constexpr bool can_subtract = is_one_of<T, int, u32>;
template <class T> inline constexpr bool can_exchange = is_one_of<T, int, u32, u64, float>;
template <class T> inline constexpr bool can_compare = is_one_of<T, int, u32, u64, long long>;  // Min, Max
template <class T> inline constexpr bool can_combine = is_one_of<T, int, u32, u64>;             // And, Or, Xor
template <class T> inline constexpr bool can_count = is_one_of<T, u32>;                         // Inc, Dec
template <class T> inline constexpr bool can_swap = is_one_of<T, int, u32, u64, unsigned short>;  // CAS

// What each operation makes of the old value and its operand.
struct Add {
    template <class T> REFCONV_UNCHECKED static T of(T old, T operand) { return old + operand; }
    // Signed integers wrap around, which in C++ only unsigned ones do.
    REFCONV_UNCHECKED static int of(int old, int operand) { return static_cast<int>(u32(old) + u32(operand)); }
    REFCONV_UNCHECKED static float2 of(float2 a, float2 b) { return {a.x + b.x, a.y + b.y}; }
    REFCONV_UNCHECKED static float4 of(float4 a, float4 b) { return {a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w}; }
};
struct Subtract {
    template <class T> REFCONV_UNCHECKED static T of(T old, T operand) { return T(u32(old) - u32(operand)); }
};
struct Exchange {
    template <class T> REFCONV_UNCHECKED static T of(T, T operand) { return operand; }
};
struct Minimum {
    template <class T> REFCONV_UNCHECKED static T of(T old, T operand) { return operand < old ? operand : old; }
};
struct Maximum {
    template <class T> REFCONV_UNCHECKED static T of(T old, T operand) { return old < operand ? operand : old; }
};
struct And {
    template <class T> REFCONV_UNCHECKED static T of(T old, T operand) { return old & operand; }
};
struct Or {
    template <class T> REFCONV_UNCHECKED static T of(T old, T operand) { return old | operand; }
};
struct Xor {
    template <class T> REFCONV_UNCHECKED static T of(T old, T operand) { return old ^ operand; }
};
struct Increment {  // 0, 1, ..., operand, 0, 1, ...
    template <class T> REFCONV_UNCHECKED static T of(T old, T operand) { return old >= operand ? 0 : old + 1; }
};
struct Decrement {
    template <class T> REFCONV_UNCHECKED static T of(T old, T operand) {
        return old == 0 || old > operand ? operand : old - 1;
    }
};

#ifdef REFCONV_THREADS

// Replaces the value by `of(value)` in one step, by its bits; returns what it was.
template <class Bits, class T, class Of>
inline T exchanged_bits(T* address, Of of) {
    static_assert(sizeof(Bits) == sizeof(T), "the bits of the value");
    Bits* place = reinterpret_cast<Bits*>(address);
    Bits before = __atomic_load_n(place, __ATOMIC_SEQ_CST), after;
    T old;
    do {
        __builtin_memcpy(static_cast<void*>(&old), &before, sizeof old);
        T changed = of(old);
        __builtin_memcpy(&after, static_cast<const void*>(&changed), sizeof after);
    } while (!__atomic_compare_exchange_n(place, &before, after, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    return old;
}
template <class T, class Of>
inline T exchanged(T* address, Of of) {
    if constexpr (sizeof(T) == 2) return exchanged_bits<unsigned short>(address, of);
    if constexpr (sizeof(T) == 4) return exchanged_bits<u32>(address, of);
    if constexpr (sizeof(T) == 8) return exchanged_bits<u64>(address, of);
}

template <class Operation, bool, class T>
inline T atomically(T* address, T operand) {
    refconv_atomic_turn();
    return exchanged(address, [operand](T old) { return Operation::of(old, operand); });
}
// Of a float4, as CUDA says, each element is atomic on its own.
template <class Operation, bool kOfBlock>
inline float4 atomically(float4* address, float4 operand) {
    return {atomically<Operation, kOfBlock>(&address->x, operand.x), atomically<Operation, kOfBlock>(&address->y, operand.y),
            atomically<Operation, kOfBlock>(&address->z, operand.z), atomically<Operation, kOfBlock>(&address->w, operand.w)};
}

template <bool, class T>
inline T compare_and_swap(T* address, T expected, T replacement) {
    refconv_atomic_turn();
    return exchanged(address, [=](T old) { return old == expected ? replacement : old; });
}

#else

template <class Operation, bool kOfBlock, class T>
REFCONV_UNCHECKED REFCONV_APART inline T atomically(T* address, T operand) {
    refconv_atomic_turn(__builtin_return_address(0));  // before the checker is told, so that what it learns is what this access sees
    refconv_atomic_access(address, sizeof(T), __builtin_return_address(0), kOfBlock);
    T old = *address;
    *address = Operation::of(old, operand);
    return old;
}

template <bool kOfBlock, class T>
REFCONV_UNCHECKED REFCONV_APART inline T compare_and_swap(T* address, T expected, T replacement) {
    refconv_atomic_turn(__builtin_return_address(0));  // before the checker is told, so that what it learns is what this access sees
    refconv_atomic_access(address, sizeof(T), __builtin_return_address(0), kOfBlock);
    T old = *address;
    if (old == expected) *address = replacement;
    return old;
}

#endif

}  // namespace refconv

// One function for each scope. The address decides the type, and the operand converts to it. The block's scope is the
// checker's concern; the others are the same here.
#define REFCONV_ATOMIC_IN(name, Operation, allowed, of_block)                                       \
    template <class T>                                                                              \
    inline __forceinline__ T name(T* address, typename refconv::Given<T>::type operand) {           \
        static_assert(refconv::allowed<T>, "CUDA has no " #name " for this type");                  \
        T old = refconv::atomically<refconv::Operation, of_block>(address, operand);                \
        REFCONV_AFTER_CALL;                                                                         \
        return old;                                                                                 \
    }
#define REFCONV_ATOMIC(name, Operation, allowed)               \
    REFCONV_ATOMIC_IN(name, Operation, allowed, false)         \
    REFCONV_ATOMIC_IN(name##_block, Operation, allowed, true)  \
    REFCONV_ATOMIC_IN(name##_system, Operation, allowed, false)
REFCONV_ATOMIC(atomicAdd, Add, can_add)
REFCONV_ATOMIC(atomicSub, Subtract, can_subtract)
REFCONV_ATOMIC(atomicExch, Exchange, can_exchange)
REFCONV_ATOMIC(atomicMin, Minimum, can_compare)
REFCONV_ATOMIC(atomicMax, Maximum, can_compare)
REFCONV_ATOMIC(atomicAnd, And, can_combine)
REFCONV_ATOMIC(atomicOr, Or, can_combine)
REFCONV_ATOMIC(atomicXor, Xor, can_combine)
REFCONV_ATOMIC(atomicInc, Increment, can_count)
REFCONV_ATOMIC(atomicDec, Decrement, can_count)
#undef REFCONV_ATOMIC
#undef REFCONV_ATOMIC_IN

#define REFCONV_CAS(name, of_block)                                                                 \
    template <class T>                                                                              \
    inline __forceinline__ T name(T* address, typename refconv::Given<T>::type expected,            \
                                  typename refconv::Given<T>::type replacement) {                   \
        static_assert(refconv::can_swap<T>, "CUDA has no atomicCAS for this type");                 \
        T old = refconv::compare_and_swap<of_block>(address, expected, replacement);                \
        REFCONV_AFTER_CALL;                                                                         \
        return old;                                                                                 \
    }
REFCONV_CAS(atomicCAS, false)
REFCONV_CAS(atomicCAS_block, true)
REFCONV_CAS(atomicCAS_system, false)
#undef REFCONV_CAS
