// Where a thread is.
#pragma once
#include "vector_types.h"

// The runtime rewrites threadIdx at every switch of threads; an opaque call (a barrier) is where that can happen.
extern "C" {
extern REFCONV_OWN uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
}
static const int warpSize = 32;

namespace refconv {

// The number of the calling thread in its block, x fastest: warps are cut from this order.
REFCONV_UNCHECKED inline unsigned thread_rank() {
    return (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
}
inline unsigned lane() { return thread_rank() % 32; }
inline unsigned block_size() { return blockDim.x * blockDim.y * blockDim.z; }

}  // namespace refconv
