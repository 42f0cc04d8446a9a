// In which type a sum is kept, by the type that its operands and its result are stored in.
//
// float and double are added as they are. float16 and bfloat16 are storage: a product of two of them is exact in
// float, sums are kept in float, and a result is rounded once, when it is written.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

template <typename Real>
struct Precision {
    using Sum = Real;
    __device__ static Sum load(Real value) { return value; }
    __device__ static Real store(Sum sum) { return sum; }
};

template <>
struct Precision<__half> {
    using Sum = float;
    __device__ static float load(__half value) { return __half2float(value); }
    __device__ static __half store(float sum) { return __float2half(sum); }
};

template <>
struct Precision<__nv_bfloat16> {
    using Sum = float;
    __device__ static float load(__nv_bfloat16 value) { return __bfloat162float(value); }
    __device__ static __nv_bfloat16 store(float sum) { return __float2bfloat16(sum); }
};
