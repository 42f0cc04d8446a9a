// Barriers of a block, and fences.
#pragma once
#include "qualifiers.h"

extern "C" {
void refconv_barrier(const char* file, int line);
// Also says how many threads of the block came with a predicate other than 0.
int refconv_barrier_count(int predicate, const char* file, int line);
// A thread that may be waiting for another in a loop lets others have their turn. where: the code, if not the caller's.
void refconv_atomic_turn(const void* where = nullptr);
// The checker takes note of the fence.
void refconv_fence();
}

// A barrier is known by where it stands in the source, however often the compiler duplicates the call.
inline void __syncthreads(REFCONV_HERE) {
    refconv_barrier(file, line);
}
inline int __syncthreads_count(int predicate, REFCONV_HERE) {
    return refconv_barrier_count(predicate, file, line);
}
inline int __syncthreads_or(int predicate, REFCONV_HERE) {
    return refconv_barrier_count(predicate, file, line) != 0;
}
// All say yes where none says no: right also where some threads have left the kernel.
inline int __syncthreads_and(int predicate, REFCONV_HERE) {
    return refconv_barrier_count(!predicate, file, line) == 0;
}

// Threads of a block run one at a time and see each other's stores at once: a fence has only the compiler to hold back, and
// the checker to tell. It is also where a loop waits for another thread's flag.
inline void __threadfence_block() {
    asm volatile("" ::: "memory");
    refconv_atomic_turn();
}
inline void __threadfence() {
#ifdef REFCONV_THREADS
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
    __threadfence_block();
    refconv_fence();
}
inline void __threadfence_system() { __threadfence(); }
inline void __nanosleep(unsigned) { refconv_atomic_turn(); }
