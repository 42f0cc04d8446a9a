// Loads, stores and copies by PTX: the checker sees them as accesses of the statement's line.
#pragma once
#include "address_spaces.h"
#include "barriers.h"
#include "copy_async.h"
#include "memory.h"
#include "ptx_registers.h"
#include "stop.h"

namespace refconv {
namespace ptx {

// -- addresses -----------------------------------------------------------------------------------------------

// One of shared memory, as it is; or a register of 64 bits that should hold one.
inline u32 window(u32 address) { return address; }
inline u32 window(u64 address) { return address >> 32 ? 0 : static_cast<u32>(address); }

struct SharedAddress {
    u32 address;
    void* bytes(int size, const char* file, int line) const { return refconv_shared_bytes(address, size, file, line); }
};
struct GenericAddress {
    u64 address;
    void* bytes(int, const char*, int) const { return reinterpret_cast<void*>(address); }
};

// What is touched there is the caller's business, and the checker's.
inline void* shared(u32 address, int size = 1, REFCONV_HERE) { return refconv_shared_bytes(address, size, file, line); }
