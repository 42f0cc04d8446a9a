// The mathematical functions, for float and double.
//
// They are the C library's, correctly rounded or within an ulp or two; a GPU's own differ from them in the last bits,
// and its fast ones (__expf) in more. CUDA's names without `f` are overloaded as in C++: float stays float, and an
// integer becomes double.
//
// The C library's <math.h> is not included: it differs from one version to the next, and makes macros of isnan and
// its like, which would swallow the overloads below. include/math.h stands in for it.
#pragma once
#include "bits.h"
#include "traits.h"

#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#define HUGE_VAL __builtin_inf()
#define HUGE_VALF __builtin_inff()
#define M_E 2.7182818284590452354
#define M_LOG2E 1.4426950408889634074
#define M_LOG10E 0.43429448190325182765
#define M_LN2 0.69314718055994530942
#define M_LN10 2.30258509299404568402
#define M_PI 3.14159265358979323846
#define M_PI_2 1.57079632679489661923
#define M_PI_4 0.78539816339744830962
#define M_1_PI 0.31830988618379067154
#define M_2_PI 0.63661977236758134308
#define M_2_SQRTPI 1.12837916709551257390
#define M_SQRT2 1.41421356237309504880
#define M_SQRT1_2 0.70710678118654752440

namespace refconv {
template <class T>
using if_integer = only_if<is_integer<T>>;
// Arithmetic operands that are not both float: C++ takes them as double.
template <class A, class B>
using if_mixed = only_if<is_number<A> && is_number<B> && !is_same<A, B>>;
}  // namespace refconv

// -- C's functions, overloaded -------------------------------------------------------------------------------

#define REFCONV_OF_ONE(name)                               \
    extern "C" double name(double) noexcept;               \
    extern "C" float name##f(float) noexcept;              \
    inline float name(float x) { return name##f(x); }      \
    template <class T, refconv::if_integer<T> = 0>         \
    inline double name(T x) { return name(double(x)); }

REFCONV_OF_ONE(acos)
REFCONV_OF_ONE(acosh)
REFCONV_OF_ONE(asin)
REFCONV_OF_ONE(asinh)
REFCONV_OF_ONE(atan)
REFCONV_OF_ONE(atanh)
REFCONV_OF_ONE(cbrt)
REFCONV_OF_ONE(ceil)
REFCONV_OF_ONE(cos)
REFCONV_OF_ONE(cosh)
REFCONV_OF_ONE(erf)
REFCONV_OF_ONE(erfc)
REFCONV_OF_ONE(exp)
REFCONV_OF_ONE(exp2)
REFCONV_OF_ONE(expm1)
REFCONV_OF_ONE(fabs)
REFCONV_OF_ONE(floor)
REFCONV_OF_ONE(lgamma)
REFCONV_OF_ONE(log)
REFCONV_OF_ONE(log10)
REFCONV_OF_ONE(log1p)
REFCONV_OF_ONE(log2)
REFCONV_OF_ONE(logb)
REFCONV_OF_ONE(nearbyint)
REFCONV_OF_ONE(rint)
REFCONV_OF_ONE(round)
REFCONV_OF_ONE(sin)
REFCONV_OF_ONE(sinh)
REFCONV_OF_ONE(sqrt)
REFCONV_OF_ONE(tan)
REFCONV_OF_ONE(tanh)
REFCONV_OF_ONE(tgamma)
REFCONV_OF_ONE(trunc)
#undef REFCONV_OF_ONE

#define REFCONV_OF_TWO(name)                                              \
    extern "C" double name(double, double) noexcept;                      \
    extern "C" float name##f(float, float) noexcept;                      \
    inline float name(float x, float y) { return name##f(x, y); }         \
    template <class A, class B, refconv::if_mixed<A, B> = 0>              \
    inline double name(A x, B y) { return name(double(x), double(y)); }   \
    template <class T, refconv::if_integer<T> = 0>                        \
    inline double name(T x, T y) { return name(double(x), double(y)); }

REFCONV_OF_TWO(atan2)
REFCONV_OF_TWO(copysign)
REFCONV_OF_TWO(fdim)
REFCONV_OF_TWO(fmax)
REFCONV_OF_TWO(fmin)
REFCONV_OF_TWO(fmod)
REFCONV_OF_TWO(hypot)
REFCONV_OF_TWO(nextafter)
REFCONV_OF_TWO(pow)
REFCONV_OF_TWO(remainder)
#undef REFCONV_OF_TWO

extern "C" {
double fma(double, double, double) noexcept;
float fmaf(float, float, float) noexcept;
double frexp(double, int* exponent) noexcept;
float frexpf(float, int* exponent) noexcept;
double ldexp(double, int exponent) noexcept;
float ldexpf(float, int exponent) noexcept;
double scalbn(double, int exponent) noexcept;
float scalbnf(float, int exponent) noexcept;
double scalbln(double, long exponent) noexcept;
float scalblnf(float, long exponent) noexcept;
double modf(double, double* whole) noexcept;
float modff(float, float* whole) noexcept;
double remquo(double, double, int* quotient) noexcept;
float remquof(float, float, int* quotient) noexcept;
int ilogb(double) noexcept;
int ilogbf(float) noexcept;
long lrint(double) noexcept;
long lrintf(float) noexcept;
long lround(double) noexcept;
long lroundf(float) noexcept;
long long llrint(double) noexcept;
long long llrintf(float) noexcept;
long long llround(double) noexcept;
long long llroundf(float) noexcept;
double nan(const char*) noexcept;
float nanf(const char*) noexcept;
double exp10(double) noexcept;
float exp10f(float) noexcept;
void sincos(double, double* sine, double* cosine) noexcept;
void sincosf(float, float* sine, float* cosine) noexcept;
double j0(double) noexcept;
float j0f(float) noexcept;
double j1(double) noexcept;
float j1f(float) noexcept;
double y0(double) noexcept;
float y0f(float) noexcept;
double y1(double) noexcept;
float y1f(float) noexcept;
}
inline float pow(float x, int y) { return powf(x, static_cast<float>(y)); }  // NVRTC has it so; C++ says double
inline float fma(float x, float y, float z) { return fmaf(x, y, z); }
inline float frexp(float x, int* exponent) { return frexpf(x, exponent); }
inline float ldexp(float x, int exponent) { return ldexpf(x, exponent); }
inline float scalbn(float x, int exponent) { return scalbnf(x, exponent); }
inline float scalbln(float x, long exponent) { return scalblnf(x, exponent); }
inline float modf(float x, float* whole) { return modff(x, whole); }
inline float remquo(float x, float y, int* quotient) { return remquof(x, y, quotient); }
inline int ilogb(float x) { return ilogbf(x); }
inline long lrint(float x) { return lrintf(x); }
inline long lround(float x) { return lroundf(x); }
inline long long llrint(float x) { return llrintf(x); }
inline long long llround(float x) { return llroundf(x); }
inline float exp10(float x) { return exp10f(x); }
inline void sincos(float x, float* sine, float* cosine) { sincosf(x, sine, cosine); }

inline bool isnan(float x) { return x != x; }
inline bool isnan(double x) { return x != x; }
inline bool isinf(float x) { return fabsf(x) == INFINITY; }
inline bool isinf(double x) { return fabs(x) == INFINITY; }
inline bool isfinite(float x) { return fabsf(x) < INFINITY; }
inline bool isfinite(double x) { return fabs(x) < INFINITY; }
inline bool isnormal(float x) { return isfinite(x) && fabsf(x) >= 0x1p-126f; }
inline bool isnormal(double x) { return isfinite(x) && fabs(x) >= 0x1p-1022; }
inline bool signbit(float x) { return __float_as_int(x) < 0; }
inline bool signbit(double x) { return __double_as_longlong(x) < 0; }

// -- functions that C does not have --------------------------------------------------------------------------

inline double rsqrt(double x) { return 1 / sqrt(x); }
inline float rsqrtf(float x) { return static_cast<float>(1 / sqrt(double(x))); }
inline double rcbrt(double x) { return 1 / cbrt(x); }
inline float rcbrtf(float x) { return static_cast<float>(1 / cbrt(double(x))); }
inline double rhypot(double x, double y) { return 1 / hypot(x, y); }
inline float rhypotf(float x, float y) { return static_cast<float>(1 / hypot(double(x), double(y))); }

// sin(pi x), exact where it is 0 or 1 in magnitude: x is first brought to [-1/2, 1/2], which loses nothing.
inline double sinpi(double x) {
    double nearest_whole = rint(x), rest = x - nearest_whole;
    if (rest == 0) return copysign(0.0, x);
    double value = fabs(rest) == 0.5 ? copysign(1.0, rest) : sin(M_PI * rest);
    return fmod(nearest_whole, 2.0) == 0 ? value : -value;
}
inline double cospi(double x) {
    double distance = fabs(fmod(x, 2.0));  // in [0, 2), and cos(pi x) = sin(pi (1/2 - x))
    return sinpi(distance > 1 ? distance - 1.5 : 0.5 - distance) + 0.0;
}
inline float sinpif(float x) { return static_cast<float>(sinpi(double(x))); }
inline float cospif(float x) { return static_cast<float>(cospi(double(x))); }
inline void sincospi(double x, double* sine, double* cosine) { *sine = sinpi(x), *cosine = cospi(x); }
inline void sincospif(float x, float* sine, float* cosine) { *sine = sinpif(x), *cosine = cospif(x); }

inline double normcdf(double x) { return erfc(-x * M_SQRT1_2) / 2; }
inline float normcdff(float x) { return static_cast<float>(normcdf(double(x))); }
inline double norm3d(double a, double b, double c) { return hypot(hypot(a, b), c); }
inline float norm3df(float a, float b, float c) { return sqrt(double(a) * a + double(b) * b + double(c) * c); }
inline double rnorm3d(double a, double b, double c) { return 1 / norm3d(a, b, c); }
inline float rnorm3df(float a, float b, float c) { return 1 / sqrt(double(a) * a + double(b) * b + double(c) * c); }
inline double norm4d(double a, double b, double c, double d) { return hypot(hypot(a, b), hypot(c, d)); }
inline float norm4df(float a, float b, float c, float d) {
    return sqrt(double(a) * a + double(b) * b + double(c) * c + double(d) * d);
}
inline float fdividef(float x, float y) { return x / y; }

inline float rsqrt(float x) { return rsqrtf(x); }
inline float rcbrt(float x) { return rcbrtf(x); }
inline float sinpi(float x) { return sinpif(x); }
inline float cospi(float x) { return cospif(x); }
inline float normcdf(float x) { return normcdff(x); }

// -- the fast ones, which are the accurate ones here ---------------------------------------------------------

inline float __expf(float x) { return expf(x); }
inline float __exp10f(float x) { return exp10f(x); }
inline float __logf(float x) { return logf(x); }
inline float __log2f(float x) { return log2f(x); }
inline float __log10f(float x) { return log10f(x); }
inline float __powf(float x, float y) { return powf(x, y); }
inline float __sinf(float x) { return sinf(x); }
inline float __cosf(float x) { return cosf(x); }
inline float __tanf(float x) { return tanf(x); }
inline float __tanhf(float x) { return tanhf(x); }
inline void __sincosf(float x, float* sine, float* cosine) { sincosf(x, sine, cosine); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __saturatef(float x) { return x > 0 ? fminf(x, 1) : 0; }  // a NaN becomes 0
