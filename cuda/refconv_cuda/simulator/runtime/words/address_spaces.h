// Which memory an address is of, and shared memory's own addresses.
//
// A pointer is an address of the host's. PTX's `.shared` instructions take another: 32 bits, counted from where the
// block's shared memory begins. The first 1024 of those are nobody's, as on compute capability 9, so that 0 is never
// right; and they are aligned as the pointers are.
#pragma once
#include "qualifiers.h"

extern "C" {
// 0 where the pointer is not near shared memory.
unsigned refconv_shared_address(const void* pointer);
void* refconv_shared_pointer(unsigned address);
// The same for `size` bytes that are about to be touched: outside shared memory they are a finding.
void* refconv_shared_bytes(unsigned address, int size, const char* file, int line);
bool refconv_is_shared(const void* pointer);
bool refconv_is_local(const void* pointer);
// An access whose address is no multiple of its size.
[[noreturn]] void refconv_misaligned(const void* pointer, int size, const char* file, int line);
}

inline size_t __cvta_generic_to_shared(const void* pointer) { return refconv_shared_address(pointer); }
inline void* __cvta_shared_to_generic(size_t address) { return refconv_shared_pointer(static_cast<unsigned>(address)); }
inline size_t __cvta_generic_to_global(const void* pointer) { return reinterpret_cast<size_t>(pointer); }
inline void* __cvta_global_to_generic(size_t address) { return reinterpret_cast<void*>(address); }

inline unsigned __isShared(const void* pointer) { return refconv_is_shared(pointer); }
inline unsigned __isLocal(const void* pointer) { return refconv_is_local(pointer); }
inline unsigned __isGlobal(const void* pointer) { return !refconv_is_shared(pointer) && !refconv_is_local(pointer); }
