// Rounding: an exact result to a format, once, in any direction.
//
// What a narrow format's result should be, a wider one can tell: compute the exact result in double, rounded *to
// odd*, and round that to the narrow format. Rounding to odd cuts a value off and sets its last bit if anything was
// cut off, so that no later rounding takes it for exact or for a tie. That gives the correctly rounded result
// wherever double has at least two bits more (Boldo and Melquiond, "Emulation of a FMA and correctly rounded sums:
// proved algorithms using rounding to odd", IEEE Transactions on Computers 57, 2008).
#pragma once
#include "bits.h"
#include "maths.h"

namespace refconv {

enum class Rounding { nearest, zero, up, down };  // CUDA's suffixes _rn, _rz, _ru, _rd

// nearest: the bits of a floating-point value that an exact one was rounded to. error: the sign of exact - rounded.
// Bits are sign and magnitude, and the next larger magnitude is the next number, also from a subnormal to a normal
// and from the largest finite one to infinity.
template <class Bits>
inline Bits directed(Bits nearest, double error, Rounding mode) {
    constexpr Bits sign = Bits(1) << (8 * sizeof(Bits) - 1);
    bool exact_is_above = error > 0, exact_is_below = error < 0;  // neither if exact, or if NaN
    bool negative = nearest & sign;
    bool step_up = exact_is_above && (mode == Rounding::up || (mode == Rounding::zero && negative));
    bool step_down = exact_is_below && (mode == Rounding::down || (mode == Rounding::zero && !negative));
    if (!step_up && !step_down) return nearest;
    bool is_zero = (nearest & ~sign) == 0;
    if (is_zero) return step_up ? Bits(1) : Bits(sign | 1);
    return step_up != negative ? Bits(nearest + 1) : Bits(nearest - 1);
}

// The same to odd.
template <class Bits>
inline Bits odd(Bits nearest, double error) {
    if (nearest & 1) return nearest;
    return directed(directed(nearest, error, Rounding::up), error, Rounding::down);
}

// -- exact results in double, rounded to odd -----------------------------------------------------------------

inline double odd_double(double nearest, double error) {
    return bits_as<double>(odd(bits_as<unsigned long long>(nearest), error));
}

// Knuth's TwoSum: `error` is exact. No overflow: the terms come from narrower formats.
inline double odd_sum(double a, double b) {
    double sum = a + b, b_in_sum = sum - a;
    double error = (a - (sum - b_in_sum)) + (b - b_in_sum);
    return odd_double(sum, error);
}

// a / b for operands from narrower formats. The remainder a - quotient b is exact.
inline double odd_quotient(double a, double b) {
    double quotient = a / b, remainder = fma(-quotient, b, a);
    return odd_double(quotient, b < 0 ? -remainder : remainder);
}

inline double odd_root(double a) {
    double root = sqrt(a);
    return odd_double(root, fma(-root, root, a));
}

// Integers beyond 2^53: the last 11 of 64 bits are cut off.
inline double odd_double(unsigned long long magnitude) {
    if (magnitude >> 53 == 0) return static_cast<double>(magnitude);
    unsigned long long cut_off = magnitude & 0x7ff;
    return static_cast<double>(magnitude >> 11 | (cut_off != 0)) * 2048.0;
}
inline double odd_double(long long value) {
    unsigned long long magnitude = value;
    return value < 0 ? -odd_double(0 - magnitude) : odd_double(magnitude);
}

// Any integer: smaller ones are exact in double.
template <class Integer>
inline double exact_or_odd(Integer value) {
    if constexpr (sizeof(Integer) < 8) {
        return static_cast<double>(value);
    } else if constexpr (Integer(-1) < Integer(0)) {
        return odd_double(static_cast<long long>(value));
    } else {
        return odd_double(static_cast<unsigned long long>(value));
    }
}

// -- from double to float ------------------------------------------------------------------------------------

inline float to_float(double value, Rounding mode) {
    float nearest = static_cast<float>(value);
    if (mode == Rounding::nearest) return nearest;
    return bits_as<float>(directed(bits_as<unsigned>(nearest), value - nearest, mode));
}

inline float odd_float(double value) {
    float nearest = static_cast<float>(value);
    return bits_as<float>(odd(bits_as<unsigned>(nearest), value - nearest));
}

// An exact zero from terms of opposite sign is -0 if the rounding is downwards, else +0.
inline float rounded_sum(float a, float b, Rounding mode) {
    if (mode == Rounding::down && a == -b && a != 0) return -0.0f;
    return to_float(odd_sum(a, b), mode);
}

}  // namespace refconv

// -- CUDA's functions with a rounding in their name ----------------------------------------------------------

#define REFCONV_ROUNDED(suffix, mode)                                                                                 \
    inline float __fadd_##suffix(float a, float b) { return refconv::rounded_sum(a, b, mode); }                       \
    inline float __fsub_##suffix(float a, float b) { return refconv::rounded_sum(a, -b, mode); }                      \
    inline float __fmul_##suffix(float a, float b) { return refconv::to_float(double(a) * b, mode); }                 \
    inline float __fdiv_##suffix(float a, float b) { return refconv::to_float(refconv::odd_quotient(a, b), mode); }   \
    inline float __frcp_##suffix(float a) { return refconv::to_float(refconv::odd_quotient(1, a), mode); }            \
    inline float __fsqrt_##suffix(float a) { return refconv::to_float(refconv::odd_root(a), mode); }                  \
    inline float __fmaf_##suffix(float a, float b, float c) {                                                         \
        return refconv::to_float(refconv::odd_sum(double(a) * b, c), mode);                                           \
    }
REFCONV_ROUNDED(rz, refconv::Rounding::zero)
REFCONV_ROUNDED(ru, refconv::Rounding::up)
REFCONV_ROUNDED(rd, refconv::Rounding::down)
#undef REFCONV_ROUNDED

// To nearest is what the processor does anyway.
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __frcp_rn(float a) { return 1 / a; }
inline float __fsqrt_rn(float a) { return sqrtf(a); }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dsub_rn(double a, double b) { return a - b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __ddiv_rn(double a, double b) { return a / b; }
inline double __drcp_rn(double a) { return 1 / a; }
inline double __dsqrt_rn(double a) { return sqrt(a); }
inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }

// 1 / sqrt(a), correctly rounded. In double it is wrong by at most two units of 2^-53, so that only which side of
// the midpoint of two floats it lies on can come out wrong; and that, m^2 a > 1, a fused multiply-add decides.
inline float __frsqrt_rn(float a) {
    double near = 1 / sqrt(double(a));
    float below = refconv::to_float(near, refconv::Rounding::zero);
    if (!(below > 0 && below < INFINITY)) return static_cast<float>(near);  // a is 0, infinite, negative or NaN
    float above = __int_as_float(__float_as_int(below) + 1);
    double middle = (double(below) + double(above)) / 2;
    return fma(middle * middle, double(a), -1.0) > 0 ? below : above;
}
