// The second stage of a sum that was split among blocks: the splits' partial sums, added in a fixed order.
//
//     result[e] = sum over the splits of partial[split, e], first to last, rounded once
//
// No atomics, so the result is the same at every run. Napkin: neighbouring threads read neighbouring elements; the
// launchers choose so few splits that these are a few hundredths of what the first stage reads.
#include "precision.cuh"

template <typename Real>
__global__ void sum_splits(const typename Precision<Real>::Sum* __restrict__ partial, Real* __restrict__ result,
                           long long size, int splits) {
    long long step = static_cast<long long>(gridDim.x) * blockDim.x;
    for (long long e = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; e < size; e += step) {
        typename Precision<Real>::Sum sum = 0;
        for (int split = 0; split < splits; ++split) sum += partial[split * size + e];
        result[e] = Precision<Real>::store(sum);
    }
}
