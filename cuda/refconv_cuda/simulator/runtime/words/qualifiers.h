// The words that stand in front of functions, variables and types.
#pragma once
#include <stddef.h>
#include <stdint.h>

// -- which compiler this pretends to be ----------------------------------------------------------------------

#define __CUDACC__ 1
#define __CUDACC_RTC__ 1  // NVRTC compiles the same file for CuPy: what is host code for nvcc is not for us either
#define __CUDACC_VER_MAJOR__ 12
#define __CUDACC_VER_MINOR__ 9
#define __CUDA_ARCH__ 900
#define REFCONV_SIMULATOR 1  // for the rare kernel that must know

// -- functions -----------------------------------------------------------------------------------------------

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)
#define __maxnreg__(...)
#define __noinline__ __attribute__((noinline))
// Without `inline`, because people write `inline __forceinline__` too, and g++ refuses a second `inline`. It then
// warns of every function that has only one of them.
#define __forceinline__ __attribute__((always_inline))
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wattributes"
#endif

// -- variables -----------------------------------------------------------------------------------------------

#define __constant__
#define __managed__
#define __grid_constant__
// A block's shared memory is thread-local storage of the module: the compiler and linker lay it out, also for
// templates, and the runtime finds its bounds in the program header (shared_memory.cpp).
#if defined(__clang__) || __GNUC__ < 10
#define __shared__ static __thread
#else
// g++ would give an array of half a guard, a byte that says whether its constructors have run, though they do nothing.
#define __shared__ static __constinit __thread
#endif
#define __dynamic_shared__ __thread  // Python writes this for `extern __shared__`

// What each operating-system thread that runs blocks has of its own, where there may be more than one.
#ifdef REFCONV_THREADS
#define REFCONV_OWN __thread
#else
#define REFCONV_OWN
#endif

// -- types ---------------------------------------------------------------------------------------------------

namespace refconv {
template <size_t n>
constexpr size_t alignment() {
    return n;
}
template <class T>
constexpr size_t alignment() {
    return alignof(T);
}
}  // namespace refconv

#define __align__(n) __attribute__((aligned(n)))
#define __builtin_align__(n) __align__(n)
// C++ allows `alignas` only in front of a declaration, CUDA also in `__shared__ alignas(16) float tile[32]`.
#define alignas(...) __attribute__((aligned(refconv::alignment<__VA_ARGS__>())))

#if !defined(__clang__)
#define __builtin_assume(condition) ((condition) ? (void)0 : __builtin_unreachable())
#endif

// -- places ------------------------------------------------------------------------------------------------------

// A place in the kernel, for default arguments: the line, and above its bits the column, so that two barriers on one line
// are two. (Not the return address: a compiler may duplicate a call, or merge two.)
#define REFCONV_LINE_BITS 20
#if defined(__clang__)
#define REFCONV_COLUMN __builtin_COLUMN()
#else
namespace std {
struct source_location {  // what g++ looks for, under this name, to answer __builtin_source_location
    struct __impl {
        const char *_M_file_name, *_M_function_name;
        unsigned _M_line, _M_column;
    };
};
}  // namespace std
#define REFCONV_COLUMN \
    (static_cast<const std::source_location::__impl*>(static_cast<const void*>(__builtin_source_location()))->_M_column)
#endif
#define REFCONV_LINE (__builtin_LINE() + static_cast<int>((REFCONV_COLUMN & 0x7ffu) << REFCONV_LINE_BITS))
// Every word ends with where it stands in the kernel; callers leave that out.
#define REFCONV_HERE const char *file = __builtin_FILE(), int line = REFCONV_LINE

// -- the checker ---------------------------------------------------------------------------------------------

// With REFCONV_CHECK the kernel is compiled such that each of its loads and stores reports to the runtime. That
// must hold for what a word does with the kernel's memory, and must not for a word's own bookkeeping:
#define REFCONV_UNCHECKED __attribute__((no_sanitize("thread")))
// A word that finds its place in the kernel by its return address must stay a call of its own, and not become a jump
// where it is the last thing that a function does: something follows it.
#ifdef REFCONV_CHECK
#define REFCONV_APART __attribute__((noinline))
#define REFCONV_AFTER_CALL asm volatile("")
#else
#define REFCONV_APART
#define REFCONV_AFTER_CALL
#endif
