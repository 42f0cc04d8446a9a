// CUDA's words for a host compiler. Included before the .cu file, which stays as it is.
//
// A block's shared memory is thread-local storage of the module: the compiler and linker lay it out, also for
// templates, and the runtime finds its bounds in the program header (shared_memory.cpp).
#pragma once
#include <stddef.h>
#include <stdint.h>

#define __global__
#define __device__
#define __host__
#define __constant__
#define __shared__ static __thread
#define __dynamic_shared__ __thread  // Python writes this for `extern __shared__`
#define __managed__
#define __grid_constant__
#define __launch_bounds__(...)
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(n) __attribute__((aligned(n)))

#define __CUDACC__ 1
#define __CUDA_ARCH__ 900
#define REFCONV_SIMULATOR 1  // for the rare kernel that must know

// -- where a thread is ---------------------------------------------------------------------------------------

struct uint3 {
    unsigned x, y, z;
};
struct dim3 {
    unsigned x = 1, y = 1, z = 1;
};
// The runtime rewrites threadIdx at every switch; an opaque call (a barrier) is where that can happen.
extern "C" {
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
}
static const int warpSize = 32;

// -- barriers ------------------------------------------------------------------------------------------------

extern "C" void refconv_barrier(const char* file, int line);
// A barrier is known by where it stands in the source, however often the compiler duplicates the call.
inline void __syncthreads(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    refconv_barrier(file, line);
}
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}

// -- stopping ------------------------------------------------------------------------------------------------

extern "C" [[noreturn]] void refconv_trap(const char* message, const char* file, int line);
[[noreturn]] inline void __trap(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    refconv_trap("__trap()", file, line);
}
#define assert(condition) ((condition) ? (void)0 : refconv_trap("assert(" #condition ")", __FILE__, __LINE__))
extern "C" int printf(const char*, ...);

// -- memory --------------------------------------------------------------------------------------------------

template <class T>
inline T __ldg(const T* pointer) {
    return *pointer;
}

// Threads of a launch never run at the same time, so a plain read-modify-write is atomic here.
template <class T>
inline T atomicAdd(T* address, T value) {
    T old = *address;
    *address = old + value;
    return old;
}

// -- arithmetic ----------------------------------------------------------------------------------------------

#define REFCONV_MIN_MAX(T)                                \
    inline T min(T a, T b) { return b < a ? b : a; }      \
    inline T max(T a, T b) { return a < b ? b : a; }
REFCONV_MIN_MAX(int)
REFCONV_MIN_MAX(unsigned)
REFCONV_MIN_MAX(long)
REFCONV_MIN_MAX(unsigned long)
REFCONV_MIN_MAX(long long)
REFCONV_MIN_MAX(unsigned long long)
#undef REFCONV_MIN_MAX

extern "C" {
float fmaf(float, float, float), fminf(float, float), fmaxf(float, float), fabsf(float), sqrtf(float);
float expf(float), logf(float), floorf(float), ceilf(float), truncf(float), rintf(float), powf(float, float);
double fma(double, double, double), fmin(double, double), fmax(double, double), fabs(double), sqrt(double);
double exp(double), log(double), floor(double), ceil(double), trunc(double), rint(double), pow(double, double);
void *memcpy(void*, const void*, size_t), *memset(void*, int, size_t);
}
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
inline double max(double a, double b) { return fmax(a, b); }
// The operands of fma decide its precision, as in CUDA's overloads.
inline float fma(float a, float b, float c) { return fmaf(a, b, c); }
