// The checker: for every word of memory, who last wrote and read it, and whether it was ever written.
//
// The kernel is compiled with -fsanitize=thread, whose runtime is not linked: the compiler calls a hook before each
// load and store (hooks.cpp), and the hooks come here. In a plain build nothing does, and all of this is empty.
//
// Two accesses race if one is a write, not both are atomic, different threads make them, and nothing orders them.
// What orders them is
//   - a barrier between them. Every stretch between two barriers of a block has a number of its own, its phase, and
//     blocks run one after another, so "an earlier phase of this block" is a comparison of two numbers;
//   - within a warp, a __syncwarp that both threads have taken part in since;
//   - between blocks, the pattern of CUDA's memory model: __threadfence and an atomic on one side, an atomic on the
//     same address on the other (fences.h).
//
// A cp.async is an access of its thread all the time from its start to the wait for it: at both ends it is checked like
// another, and in between its thread must not touch what it writes, either.
#pragma once
#include "abi.h"
#include "image.h"

namespace refconv {

struct Copy;

namespace shadow {

#ifdef REFCONV_CHECK
bool begin_launch(const Launch&, const Image&, Finding*);  // false: out of memory
void end_launch();
void begin_block(const Index& block);
bool next_phase(int threads);  // of so many live ones; false: something was found in the one that ends
void turn(const void* pc);     // the current thread waits for another in a loop, and so uses up the step budget
void become(int thread, uint16_t syncs);  // the current thread, and its count of __syncwarp
// A cp.async of the current thread: its accesses are checked, and from then on it is under way. In the end the thread has
// waited for it, which makes them accesses of now; or nobody has, and the block is over.
void check_copy(const Copy&);
void begin_copy(Copy&);
void end_copy(const Copy&, bool waited);
#else
inline bool begin_launch(const Launch&, const Image&, Finding*) { return true; }
inline void end_launch() {}
inline void begin_block(const Index&) {}
inline bool next_phase(int) { return true; }
inline void turn(const void*) {}
inline void become(int, uint16_t) {}
inline void check_copy(const Copy&) {}
inline void begin_copy(Copy&) {}
inline void end_copy(const Copy&, bool) {}
#endif

enum Access : int { kRead = 0, kWrite = 1, kAtomic = 2, kBlockAtomic = 3 };  // the last: among the block's threads only

// One access of the current thread, about to happen; does not return if it is a finding.
void check(const volatile void* address, uint32_t size, Access access, const void* pc);
void check_range(const volatile void* address, size_t size, Access access, const void* pc);
void fence();  // the current thread has called __threadfence

}  // namespace shadow
}  // namespace refconv
