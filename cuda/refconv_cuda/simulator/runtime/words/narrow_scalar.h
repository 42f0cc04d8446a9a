// The functions and operators that __half and __nv_bfloat16 have in common, written once.
//
// A result is computed in float, rounded to float, and then rounded to the narrow type. For + - * / and the square
// root that is the correctly rounded result, as if there had been one rounding: float has at least twice the narrow
// type's significand bits and two more (S. Figueroa, "When is double rounding innocuous?", SIGNUM Newsletter, 1995).
// A fused multiply-add needs more care, and gets it in `fused`.
#pragma once
#include "conversions.h"
#include "narrow.h"

namespace refconv {

// a b + c with one rounding at its end. The product is exact in double; the sum is rounded to odd on the way.
inline float fused(float a, float b, float c) { return odd_float(odd_sum(double(a) * double(b), double(c))); }

inline bool is_unordered(float a, float b) { return a != a || b != b; }

// Base of T, which is __half or __nv_bfloat16. Raw: the struct of its bits that CUDA has beside it.
template <class T, class Format, class Raw>
struct NarrowScalar {
    // -- from and to other types -----------------------------------------------------------------------------

    NarrowScalar() = default;  // uninitialised, so that it may stand in shared memory
    constexpr NarrowScalar(Raw raw) : __x(raw.x) {}
    NarrowScalar(float value) : __x(Format::narrow(value)) {}
    NarrowScalar(double value) : __x(narrow<Format>(value, Rounding::nearest)) {}
    template <class Integer, if_integer<Integer> = 0>
    NarrowScalar(Integer value) : __x(narrow<Format>(exact_or_odd(value), Rounding::nearest)) {}

    operator Raw() const { return {__x}; }
    operator float() const { return Format::widen(__x); }
    operator bool() const { return (__x & 0x7fff) != 0; }
    template <class Integer, if_integer<Integer> = 0>
    operator Integer() const {
        return to_integer<Integer>(Format::widen(__x), Rounding::zero);
    }

    // For the words, not for kernels.
    unsigned short bits() const { return __x; }
    static T of_bits(int bits) { return T(Raw{static_cast<unsigned short>(bits)}); }
    static T rounded(double value, Rounding mode) { return of_bits(narrow<Format>(value, mode)); }

    // The functions below are `friend`s: that makes them ordinary functions beside T, found for arguments of type T.

    // -- arithmetic ------------------------------------------------------------------------------------------

    friend T __hadd(T a, T b) { return T(float(a) + float(b)); }
    friend T __hsub(T a, T b) { return T(float(a) - float(b)); }
    friend T __hmul(T a, T b) { return T(float(a) * float(b)); }
    friend T __hdiv(T a, T b) { return T(float(a) / float(b)); }
    friend T __hfma(T a, T b, T c) { return T(fused(a, b, c)); }

    // _rn: never fused with its neighbours, and nothing is here.
    friend T __hadd_rn(T a, T b) { return __hadd(a, b); }
    friend T __hsub_rn(T a, T b) { return __hsub(a, b); }
    friend T __hmul_rn(T a, T b) { return __hmul(a, b); }

    // _sat: brought to [0, 1], a NaN to 0. _relu: no less than 0.
    friend T __hadd_sat(T a, T b) { return T(__saturatef(float(a) + float(b))); }
    friend T __hsub_sat(T a, T b) { return T(__saturatef(float(a) - float(b))); }
    friend T __hmul_sat(T a, T b) { return T(__saturatef(float(a) * float(b))); }
    friend T __hfma_sat(T a, T b, T c) { return T(__saturatef(fused(a, b, c))); }
    friend T __hfma_relu(T a, T b, T c) {
        float result = fused(a, b, c);
        return T(result <= 0 ? 0.0f : result);
    }

    friend T __hneg(T a) { return T::of_bits(a.bits() ^ 0x8000); }
    friend T __habs(T a) { return T::of_bits(a.bits() & 0x7fff); }

    // -- comparisons: false if either is a NaN; those with a `u` (unordered) are true then --------------------

    friend bool __heq(T a, T b) { return float(a) == float(b); }
    friend bool __hne(T a, T b) { return float(a) < float(b) || float(a) > float(b); }
    friend bool __hlt(T a, T b) { return float(a) < float(b); }
    friend bool __hle(T a, T b) { return float(a) <= float(b); }
    friend bool __hgt(T a, T b) { return float(a) > float(b); }
    friend bool __hge(T a, T b) { return float(a) >= float(b); }
    friend bool __hequ(T a, T b) { return is_unordered(a, b) || __heq(a, b); }
    friend bool __hneu(T a, T b) { return is_unordered(a, b) || __hne(a, b); }
    friend bool __hltu(T a, T b) { return is_unordered(a, b) || __hlt(a, b); }
    friend bool __hleu(T a, T b) { return is_unordered(a, b) || __hle(a, b); }
    friend bool __hgtu(T a, T b) { return is_unordered(a, b) || __hgt(a, b); }
    friend bool __hgeu(T a, T b) { return is_unordered(a, b) || __hge(a, b); }
    friend bool __hisnan(T a) { return float(a) != float(a); }
    friend int __hisinf(T a) { return float(a) == INFINITY ? 1 : float(a) == -INFINITY ? -1 : 0; }

    // Of a NaN and a number, the number, or with _nan the NaN. -0 counts as less than +0.
    friend T __hmax(T a, T b) {
        if (__hisnan(a)) return T(float(b));  // through float, which makes any NaN the usual one
        if (__hisnan(b) || __hgt(a, b)) return a;
        if (__hlt(a, b)) return b;
        return a.bits() & 0x8000 ? b : a;
    }
    friend T __hmin(T a, T b) {
        if (__hisnan(a)) return T(float(b));
        if (__hisnan(b) || __hlt(a, b)) return a;
        if (__hgt(a, b)) return b;
        return a.bits() & 0x8000 ? a : b;
    }
    friend T __hmax_nan(T a, T b) { return is_unordered(a, b) ? T(NAN) : __hmax(a, b); }
    friend T __hmin_nan(T a, T b) { return is_unordered(a, b) ? T(NAN) : __hmin(a, b); }

    // -- functions -------------------------------------------------------------------------------------------

    friend T hceil(T a) { return T(ceilf(a)); }
    friend T hfloor(T a) { return T(floorf(a)); }
    friend T htrunc(T a) { return T(truncf(a)); }
    friend T hrint(T a) { return T(rintf(a)); }
    friend T hsqrt(T a) { return T(sqrtf(a)); }
    friend T hrsqrt(T a) { return T(__frsqrt_rn(a)); }
    friend T hrcp(T a) { return T(1 / float(a)); }
    // A GPU's differ from these in the last bit here and there.
    friend T hexp(T a) { return T(expf(a)); }
    friend T hexp2(T a) { return T(exp2f(a)); }
    friend T hexp10(T a) { return T(exp10f(a)); }
    friend T hlog(T a) { return T(logf(a)); }
    friend T hlog2(T a) { return T(log2f(a)); }
    friend T hlog10(T a) { return T(log10f(a)); }
    friend T hsin(T a) { return T(sinf(a)); }
    friend T hcos(T a) { return T(cosf(a)); }
    friend T htanh(T a) { return T(tanhf(a)); }
    friend T htanh_approx(T a) { return T(tanhf(a)); }

    // -- operators -------------------------------------------------------------------------------------------

    friend T operator+(T a, T b) { return __hadd(a, b); }
    friend T operator-(T a, T b) { return __hsub(a, b); }
    friend T operator*(T a, T b) { return __hmul(a, b); }
    friend T operator/(T a, T b) { return __hdiv(a, b); }
    friend T& operator+=(T& a, T b) { return a = a + b; }
    friend T& operator-=(T& a, T b) { return a = a - b; }
    friend T& operator*=(T& a, T b) { return a = a * b; }
    friend T& operator/=(T& a, T b) { return a = a / b; }
    friend T& operator++(T& a) { return a = a + T(1.0f); }
    friend T& operator--(T& a) { return a = a - T(1.0f); }
    friend T operator++(T& a, int) {
        T old = a;
        ++a;
        return old;
    }
    friend T operator--(T& a, int) {
        T old = a;
        --a;
        return old;
    }
    friend T operator+(T a) { return a; }
    friend T operator-(T a) { return __hneg(a); }
    friend bool operator==(T a, T b) { return __heq(a, b); }
    friend bool operator!=(T a, T b) { return __hneu(a, b); }
    friend bool operator<(T a, T b) { return __hlt(a, b); }
    friend bool operator<=(T a, T b) { return __hle(a, b); }
    friend bool operator>(T a, T b) { return __hgt(a, b); }
    friend bool operator>=(T a, T b) { return __hge(a, b); }

  protected:
    unsigned short __x;
};

}  // namespace refconv
