// half and bfloat16, as bits, from and to float.
//
//     half      1 sign, 5 exponent, 10 fraction bits: smallest normal 2^-14, steps of 2^-24 below, largest 65504
//     bfloat16  1 sign, 8 exponent,  7 fraction bits: the upper half of a float
//
// Written out, because not every processor converts them itself, and the library that compilers call then is not
// there. A NaN becomes the one that NVIDIA's processors give, all ones without a sign.
#pragma once
#include "rounding.h"

namespace refconv {

struct HalfFormat {
    static constexpr unsigned short kNan = 0x7fff, kInfinity = 0x7c00, kLargest = 0x7bff;

    static float widen(unsigned short bits) {
        unsigned sign = (bits & 0x8000u) << 16, magnitude = bits & 0x7fffu;
        if (magnitude > kInfinity) return bits_as<float>(0x7fffffffu);
        if (magnitude == kInfinity) return bits_as<float>(sign | 0x7f800000u);
        // Read as a float, the magnitude's exponent is too small by 127 - 15 = 112. A multiplication mends that, and
        // makes a subnormal normal on the way; it is exact.
        return bits_as<float>(sign | bits_as<unsigned>(bits_as<float>(magnitude << 13) * 0x1p112f));
    }

    // To nearest, ties to even.
    static unsigned short narrow(float value) {
        unsigned bits = bits_as<unsigned>(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
        if (magnitude > 0x7f800000) return kNan;
        if (magnitude >= bits_as<unsigned>(65520.0f)) return sign | kInfinity;  // halfway to 65536
        if (magnitude < bits_as<unsigned>(0x1p-14f)) {
            // A multiple of 2^-24 is wanted, which is the last bit of floats from 0.5 to 1: the addition rounds.
            unsigned sum = bits_as<unsigned>(bits_as<float>(magnitude) + 0.5f);
            return sign | (sum - bits_as<unsigned>(0.5f));
        }
        // 13 bits go. Just under half of their weight is added, and the other bit if what remains is odd.
        unsigned odd = magnitude >> 13 & 1;
        return sign | ((magnitude - (112u << 23) + 0xfff + odd) >> 13);
    }
};

struct BfloatFormat {
    static constexpr unsigned short kNan = 0x7fff, kInfinity = 0x7f80, kLargest = 0x7f7f;

    static float widen(unsigned short bits) { return bits_as<float>(static_cast<unsigned>(bits) << 16); }

    static unsigned short narrow(float value) {
        unsigned bits = bits_as<unsigned>(value);
        if ((bits & 0x7fffffff) > 0x7f800000) return kNan;
        unsigned odd = bits >> 16 & 1;
        return (bits + 0x7fff + odd) >> 16;
    }
};

// Of a double, which may itself be an exact value rounded to odd.
template <class Format>
inline unsigned short narrow(double value, Rounding mode) {
    unsigned short nearest = Format::narrow(odd_float(value));
    if (mode == Rounding::nearest) return nearest;
    return directed(nearest, value - static_cast<double>(Format::widen(nearest)), mode);
}

}  // namespace refconv
