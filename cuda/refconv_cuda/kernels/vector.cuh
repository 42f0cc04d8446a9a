// Neighbouring elements, moved by the widest accesses that there are: 16 bytes.
//
// A struct that is aligned to its size is what makes the compiler emit one 128-bit access for it. Of elements that do
// not begin at a multiple of that size none may be moved so: the launcher looks at the channels and at the addresses.
#pragma once

template <typename Real, int kCount>
struct alignas(sizeof(Real) * kCount) Vector {
    Real at[kCount];
};

// How many elements one access moves, of kCount neighbours.
template <typename Real, int kCount>
struct Access {
    static constexpr int kMost = 16 / static_cast<int>(sizeof(Real));
    static constexpr int kElements = kCount < kMost ? kCount : kMost;
    static_assert(kCount % kElements == 0, "accesses must share out the neighbours");
    using Type = Vector<Real, kElements>;
};

template <typename Real, int kCount>
__device__ inline void load_vector(const Real* from, Real (&to)[kCount]) {
    using A = Access<Real, kCount>;
#pragma unroll
    for (int i = 0; i < kCount; i += A::kElements) {
        typename A::Type vector = *reinterpret_cast<const typename A::Type*>(from + i);
#pragma unroll
        for (int j = 0; j < A::kElements; ++j) to[i + j] = vector.at[j];
    }
}

template <typename Real, int kCount>
__device__ inline void store_vector(const Real (&from)[kCount], Real* to) {
    using A = Access<Real, kCount>;
#pragma unroll
    for (int i = 0; i < kCount; i += A::kElements) {
        typename A::Type vector;
#pragma unroll
        for (int j = 0; j < A::kElements; ++j) vector.at[j] = from[i + j];
        *reinterpret_cast<typename A::Type*>(to + i) = vector;
    }
}
