// Between integers and floating point, rounded as the name says.
#pragma once
#include "rounding.h"

namespace refconv {

inline double whole(double value, Rounding mode) {
    switch (mode) {
        case Rounding::zero: return trunc(value);
        case Rounding::up: return ceil(value);
        case Rounding::down: return floor(value);
        default: return rint(value);
    }
}

// Beyond the integer's range a GPU gives the nearest integer that there is, where C++ leaves the result open.
// A NaN gives 0, except that anything to 64 bits and double to anything give the lowest signed integer's bits (the
// PTX manual, under cvt).
template <class Integer, class Real>
inline Integer to_integer(Real value, Rounding mode) {
    constexpr bool is_signed = Integer(-1) < Integer(0);
    constexpr Integer top_bit = Integer(1ull << (8 * sizeof(Integer) - 1));
    constexpr Integer lowest = is_signed ? top_bit : 0, highest = Integer(~lowest);
    if (value != value) return sizeof(Integer) == 8 || sizeof(Real) == 8 ? top_bit : 0;
    double result = whole(value, mode);
    double limit = (is_signed ? 1.0 : 2.0) * static_cast<double>(1ull << (8 * sizeof(Integer) - 1));
    if (result >= limit) return highest;
    if (result <= (is_signed ? -limit : 0.0)) return lowest;
    return static_cast<Integer>(result);
}

// A 64-bit integer to double, in any direction.
inline double to_double(unsigned long long value, Rounding mode) {
    double nearest = static_cast<double>(value);
    // Compared as integers; 2^64 is the one result that has no integer to compare with.
    bool is_beyond = nearest == 18446744073709551616.0;
    unsigned long long back = is_beyond ? 0 : static_cast<unsigned long long>(nearest);
    double error = is_beyond || back > value ? -1 : back < value ? 1 : 0;
    return bits_as<double>(directed(bits_as<unsigned long long>(nearest), error, mode));
}
inline double to_double(long long value, Rounding mode) {
    unsigned long long magnitude = value;
    if (value >= 0) return to_double(magnitude, mode);
    Rounding mirrored = mode == Rounding::up ? Rounding::down : mode == Rounding::down ? Rounding::up : mode;
    return -to_double(0 - magnitude, mirrored);
}

}  // namespace refconv

#define REFCONV_TO_INTEGERS(Real, suffix, mode)                                                            \
    inline int __##Real##2int_##suffix(Real x) { return refconv::to_integer<int>(x, mode); }                     \
    inline unsigned __##Real##2uint_##suffix(Real x) { return refconv::to_integer<unsigned>(x, mode); }          \
    inline long long __##Real##2ll_##suffix(Real x) { return refconv::to_integer<long long>(x, mode); }          \
    inline unsigned long long __##Real##2ull_##suffix(Real x) {                                                  \
        return refconv::to_integer<unsigned long long>(x, mode);                                                 \
    }
#define REFCONV_CONVERSIONS(suffix, mode)                                                                        \
    REFCONV_TO_INTEGERS(float, suffix, mode)                                                                     \
    REFCONV_TO_INTEGERS(double, suffix, mode)                                                                    \
    inline float __double2float_##suffix(double x) { return refconv::to_float(x, mode); }                        \
    inline float __int2float_##suffix(int x) { return refconv::to_float(x, mode); }                              \
    inline float __uint2float_##suffix(unsigned x) { return refconv::to_float(x, mode); }                        \
    inline float __ll2float_##suffix(long long x) { return refconv::to_float(refconv::odd_double(x), mode); }    \
    inline float __ull2float_##suffix(unsigned long long x) {                                                    \
        return refconv::to_float(refconv::odd_double(x), mode);                                                  \
    }                                                                                                            \
    inline double __ll2double_##suffix(long long x) { return refconv::to_double(x, mode); }                      \
    inline double __ull2double_##suffix(unsigned long long x) { return refconv::to_double(x, mode); }
REFCONV_CONVERSIONS(rn, refconv::Rounding::nearest)
REFCONV_CONVERSIONS(rz, refconv::Rounding::zero)
REFCONV_CONVERSIONS(ru, refconv::Rounding::up)
REFCONV_CONVERSIONS(rd, refconv::Rounding::down)
#undef REFCONV_CONVERSIONS
#undef REFCONV_TO_INTEGERS

inline double __int2double_rn(int x) { return x; }  // exact
inline double __uint2double_rn(unsigned x) { return x; }
