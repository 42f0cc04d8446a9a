// Neighbours on their way from global to shared memory as the words that they lie in: halves are not taken apart.
//
// An array of halves in registers is one register a half, packed again when it is stored: two instructions for each
// element that is moved. It is filled as an array would be: load_vector, clear, or element by element.
#pragma once

#include "vector.cuh"

template <typename Real, int kCount_>
struct Packed {
    static constexpr int kCount = kCount_, kWords = kCount * static_cast<int>(sizeof(Real)) / 4;
    static_assert(sizeof(Real) == 2 || sizeof(Real) == 4, "a word holds one element or two");

    unsigned words[kWords];

    struct Element {
        Packed& all;
        int number;
        __device__ void operator=(Real value) { all.set(number, value); }
    };
    __device__ Element operator[](int number) { return {*this, number}; }

private:
    __device__ void set(int number, Real value) {
        if (sizeof(Real) == 4) {
            words[number] = *reinterpret_cast<const unsigned*>(&value);
            return;
        }
        unsigned bits = *reinterpret_cast<const unsigned short*>(&value);
        unsigned& word = words[number / 2];
        word = number % 2 == 0 ? bits : word | bits << 16;  // first to last, as they are filled
    }
};

template <typename Real, int kCount>
__device__ inline void load_vector(const Real* from, Packed<Real, kCount>& to) {
    load_vector(reinterpret_cast<const unsigned*>(from), to.words);
}

template <typename Real, int kCount>
__device__ inline void store_vector(const Packed<Real, kCount>& from, Real* to) {
    store_vector(from.words, reinterpret_cast<unsigned*>(to));
}

template <typename Real, int kCount>
__device__ inline void clear(Packed<Real, kCount>& values) {
#pragma unroll
    for (int i = 0; i < Packed<Real, kCount>::kWords; ++i) values.words[i] = 0;
}
