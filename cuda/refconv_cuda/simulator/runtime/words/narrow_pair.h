// The functions and operators that __half2 and __nv_bfloat162 have in common: those of one number, on both.
#pragma once
#include "narrow_scalar.h"

namespace refconv {

// Base of Pair, which is __half2 or __nv_bfloat162. Raw: the struct of its bits that CUDA has beside it.
template <class Pair, class T, class Raw>
struct __align__(4) NarrowPair {
    T x, y;  // low, high

    NarrowPair() = default;
    constexpr NarrowPair(T low, T high) : x(low), y(high) {}
    NarrowPair(Raw raw) : x(T::of_bits(raw.x)), y(T::of_bits(raw.y)) {}
    operator Raw() const { return {x.bits(), y.bits()}; }

#define REFCONV_ON_BOTH_1(pair_name, name) \
    friend Pair pair_name(Pair a) { return Pair(name(a.x), name(a.y)); }
#define REFCONV_ON_BOTH_2(pair_name, name) \
    friend Pair pair_name(Pair a, Pair b) { return Pair(name(a.x, b.x), name(a.y, b.y)); }
#define REFCONV_ON_BOTH_3(pair_name, name) \
    friend Pair pair_name(Pair a, Pair b, Pair c) { return Pair(name(a.x, b.x, c.x), name(a.y, b.y, c.y)); }

    // -- arithmetic ------------------------------------------------------------------------------------------

    REFCONV_ON_BOTH_2(__hadd2, __hadd)
    REFCONV_ON_BOTH_2(__hsub2, __hsub)
    REFCONV_ON_BOTH_2(__hmul2, __hmul)
    REFCONV_ON_BOTH_2(__h2div, __hdiv)
    REFCONV_ON_BOTH_2(__hadd2_rn, __hadd)
    REFCONV_ON_BOTH_2(__hsub2_rn, __hsub)
    REFCONV_ON_BOTH_2(__hmul2_rn, __hmul)
    REFCONV_ON_BOTH_2(__hadd2_sat, __hadd_sat)
    REFCONV_ON_BOTH_2(__hsub2_sat, __hsub_sat)
    REFCONV_ON_BOTH_2(__hmul2_sat, __hmul_sat)
    REFCONV_ON_BOTH_2(__hmax2, __hmax)
    REFCONV_ON_BOTH_2(__hmin2, __hmin)
    REFCONV_ON_BOTH_2(__hmax2_nan, __hmax_nan)
    REFCONV_ON_BOTH_2(__hmin2_nan, __hmin_nan)
    REFCONV_ON_BOTH_3(__hfma2, __hfma)
    REFCONV_ON_BOTH_3(__hfma2_sat, __hfma_sat)
    REFCONV_ON_BOTH_3(__hfma2_relu, __hfma_relu)
    REFCONV_ON_BOTH_1(__hneg2, __hneg)
    REFCONV_ON_BOTH_1(__habs2, __habs)

    // As complex numbers, x + iy: a b + c, in four fused steps.
    friend Pair __hcmadd(Pair a, Pair b, Pair c) {
        T real = __hfma(a.x, b.x, c.x), imaginary = __hfma(a.x, b.y, c.y);
        return Pair(__hfma(__hneg(a.y), b.y, real), __hfma(a.y, b.x, imaginary));
    }

    // -- functions -------------------------------------------------------------------------------------------

    REFCONV_ON_BOTH_1(h2ceil, hceil)
    REFCONV_ON_BOTH_1(h2floor, hfloor)
    REFCONV_ON_BOTH_1(h2trunc, htrunc)
    REFCONV_ON_BOTH_1(h2rint, hrint)
    REFCONV_ON_BOTH_1(h2sqrt, hsqrt)
    REFCONV_ON_BOTH_1(h2rsqrt, hrsqrt)
    REFCONV_ON_BOTH_1(h2rcp, hrcp)
    REFCONV_ON_BOTH_1(h2exp, hexp)
    REFCONV_ON_BOTH_1(h2exp2, hexp2)
    REFCONV_ON_BOTH_1(h2exp10, hexp10)
    REFCONV_ON_BOTH_1(h2log, hlog)
    REFCONV_ON_BOTH_1(h2log2, hlog2)
    REFCONV_ON_BOTH_1(h2log10, hlog10)
    REFCONV_ON_BOTH_1(h2sin, hsin)
    REFCONV_ON_BOTH_1(h2cos, hcos)
    REFCONV_ON_BOTH_1(h2tanh, htanh)
    REFCONV_ON_BOTH_1(h2tanh_approx, htanh_approx)
#undef REFCONV_ON_BOTH_1
#undef REFCONV_ON_BOTH_2
#undef REFCONV_ON_BOTH_3

    // -- comparisons, in three forms: 1 and 0 as numbers, all and no bits of each half, and whether both hold ---

#define REFCONV_COMPARISON(name)                                                                                     \
    friend Pair __h##name##2(Pair a, Pair b) {                                                                       \
        return Pair(T(float(__h##name(a.x, b.x))), T(float(__h##name(a.y, b.y))));                                   \
    }                                                                                                                \
    friend unsigned __h##name##2_mask(Pair a, Pair b) {                                                              \
        return (__h##name(a.x, b.x) ? 0x0000ffffu : 0) | (__h##name(a.y, b.y) ? 0xffff0000u : 0);                    \
    }                                                                                                                \
    friend bool __hb##name##2(Pair a, Pair b) { return __h##name(a.x, b.x) && __h##name(a.y, b.y); }
    REFCONV_COMPARISON(eq)
    REFCONV_COMPARISON(ne)
    REFCONV_COMPARISON(lt)
    REFCONV_COMPARISON(le)
    REFCONV_COMPARISON(gt)
    REFCONV_COMPARISON(ge)
    REFCONV_COMPARISON(equ)
    REFCONV_COMPARISON(neu)
    REFCONV_COMPARISON(ltu)
    REFCONV_COMPARISON(leu)
    REFCONV_COMPARISON(gtu)
    REFCONV_COMPARISON(geu)
#undef REFCONV_COMPARISON
    friend Pair __hisnan2(Pair a) { return Pair(T(float(__hisnan(a.x))), T(float(__hisnan(a.y)))); }

    // -- taking apart and putting together -------------------------------------------------------------------

    friend float __low2float(Pair a) { return float(a.x); }
    friend float __high2float(Pair a) { return float(a.y); }
    friend Pair __lowhigh2highlow(Pair a) { return Pair(a.y, a.x); }

    // -- operators -------------------------------------------------------------------------------------------

    friend Pair operator+(Pair a, Pair b) { return __hadd2(a, b); }
    friend Pair operator-(Pair a, Pair b) { return __hsub2(a, b); }
    friend Pair operator*(Pair a, Pair b) { return __hmul2(a, b); }
    friend Pair operator/(Pair a, Pair b) { return __h2div(a, b); }
    friend Pair& operator+=(Pair& a, Pair b) { return a = a + b; }
    friend Pair& operator-=(Pair& a, Pair b) { return a = a - b; }
    friend Pair& operator*=(Pair& a, Pair b) { return a = a * b; }
    friend Pair& operator/=(Pair& a, Pair b) { return a = a / b; }
    friend Pair& operator++(Pair& a) { return a = Pair(a.x + T(1.0f), a.y + T(1.0f)); }
    friend Pair& operator--(Pair& a) { return a = Pair(a.x - T(1.0f), a.y - T(1.0f)); }
    friend Pair operator++(Pair& a, int) {
        Pair old = a;
        ++a;
        return old;
    }
    friend Pair operator--(Pair& a, int) {
        Pair old = a;
        --a;
        return old;
    }
    friend Pair operator+(Pair a) { return a; }
    friend Pair operator-(Pair a) { return __hneg2(a); }
    // True if it holds for both.
    friend bool operator==(Pair a, Pair b) { return __hbeq2(a, b); }
    friend bool operator!=(Pair a, Pair b) { return __hbneu2(a, b); }
    friend bool operator<(Pair a, Pair b) { return __hblt2(a, b); }
    friend bool operator<=(Pair a, Pair b) { return __hble2(a, b); }
    friend bool operator>(Pair a, Pair b) { return __hbgt2(a, b); }
    friend bool operator>=(Pair a, Pair b) { return __hbge2(a, b); }
};

}  // namespace refconv
