// Neighbouring channels of one pixel: read and written as one access, added up in the type of the sums.
#pragma once

#include "precision.cuh"
#include "vector.cuh"

template <typename Real, int kVector>
struct alignas(kVector * sizeof(typename Precision<Real>::Sum)) Channels {
    using P = Precision<Real>;

    typename P::Sum of[kVector];

    __device__ static Channels zero() {
        Channels result;
#pragma unroll
        for (int v = 0; v < kVector; ++v) result.of[v] = 0;
        return result;
    }

    // The address must be a multiple of what is read or written, or of 16 bytes.
    __device__ static Channels load(const Real* from) {
        Real stored[kVector];
        load_vector(from, stored);
        Channels result;
#pragma unroll
        for (int v = 0; v < kVector; ++v) result.of[v] = P::load(stored[v]);
        return result;
    }

    __device__ void store(Real* to) const {
        Real stored[kVector];
#pragma unroll
        for (int v = 0; v < kVector; ++v) stored[v] = P::store(of[v]);
        store_vector(stored, to);
    }

    __device__ void add_multiple(typename P::Sum factor, const Channels& b) {
#pragma unroll
        for (int v = 0; v < kVector; ++v) of[v] += factor * b.of[v];
    }

    __device__ void add_product(const Channels& a, const Channels& b) {
#pragma unroll
        for (int v = 0; v < kVector; ++v) of[v] += a.of[v] * b.of[v];
    }
};
