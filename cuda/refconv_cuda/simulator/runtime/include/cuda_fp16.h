// CUDA's <cuda_fp16.h>: __half and __half2.
//
// Conversions, arithmetic and comparisons are NumPy's float16, bit for bit; fused operations round once, as a GPU does.
#pragma once
#include "../cuda_words.h"
#include "../words/narrow_pair.h"

#define REFCONV_CUDA_FP16 1  // for the kernel table: __half is known

struct __half_raw {
    unsigned short x;
};
struct __align__(4) __half2_raw {
    unsigned short x, y;
};

struct __half : refconv::NarrowScalar<__half, refconv::HalfFormat, __half_raw> {
    using NarrowScalar::NarrowScalar;
};
struct __half2 : refconv::NarrowPair<__half2, __half, __half2_raw> {
    using NarrowPair::NarrowPair;
};

typedef __half half;
typedef __half2 half2;
typedef __half nv_half;
typedef __half2 nv_half2;

namespace refconv {

// They take part in what the words offer for float.
template <> inline constexpr bool can_be_shuffled<__half> = true;
template <> inline constexpr bool can_be_shuffled<__half2> = true;
template <> inline constexpr bool can_add<__half> = true;
template <> inline constexpr bool can_add<__half2> = true;

}  // namespace refconv

// -- from and to float ---------------------------------------------------------------------------------------

inline __half __float2half(float x) { return __half(x); }
inline __half __float2half_rn(float x) { return __half(x); }
inline __half __float2half_rz(float x) { return __half::rounded(x, refconv::Rounding::zero); }
inline __half __float2half_ru(float x) { return __half::rounded(x, refconv::Rounding::up); }
inline __half __float2half_rd(float x) { return __half::rounded(x, refconv::Rounding::down); }
inline __half __double2half(double x) { return __half(x); }
inline float __half2float(__half x) { return float(x); }

// -- from and to integers ------------------------------------------------------------------------------------

#define REFCONV_HALF_AND_ROUNDED(name, Integer, suffix, mode)                                                  \
    inline __half __##name##2half_##suffix(Integer x) {                                                        \
        return __half::rounded(refconv::exact_or_odd(x), mode);                                                \
    }                                                                                                          \
    inline Integer __half2##name##_##suffix(__half x) { return refconv::to_integer<Integer>(float(x), mode); }
#define REFCONV_HALF_AND(name, Integer)                                     \
    REFCONV_HALF_AND_ROUNDED(name, Integer, rn, refconv::Rounding::nearest) \
    REFCONV_HALF_AND_ROUNDED(name, Integer, rz, refconv::Rounding::zero)    \
    REFCONV_HALF_AND_ROUNDED(name, Integer, ru, refconv::Rounding::up)      \
    REFCONV_HALF_AND_ROUNDED(name, Integer, rd, refconv::Rounding::down)
REFCONV_HALF_AND(short, short)
REFCONV_HALF_AND(ushort, unsigned short)
REFCONV_HALF_AND(int, int)
REFCONV_HALF_AND(uint, unsigned)
REFCONV_HALF_AND(ll, long long)
REFCONV_HALF_AND(ull, unsigned long long)
#undef REFCONV_HALF_AND
#undef REFCONV_HALF_AND_ROUNDED
inline signed char __half2char_rz(__half x) { return static_cast<signed char>(x); }
inline unsigned char __half2uchar_rz(__half x) { return static_cast<unsigned char>(x); }

// -- from and to bits ----------------------------------------------------------------------------------------

inline short __half_as_short(__half x) { return static_cast<short>(x.bits()); }
inline unsigned short __half_as_ushort(__half x) { return x.bits(); }
inline __half __short_as_half(short x) { return __half::of_bits(x); }
inline __half __ushort_as_half(unsigned short x) { return __half::of_bits(x); }

// -- pairs ---------------------------------------------------------------------------------------------------

inline __half2 make_half2(__half low, __half high) { return __half2(low, high); }
inline __half2 __halves2half2(__half low, __half high) { return __half2(low, high); }
inline __half2 __half2half2(__half x) { return __half2(x, x); }
inline __half2 __float2half2_rn(float x) { return __half2(__half(x), __half(x)); }
inline __half2 __floats2half2_rn(float low, float high) { return __half2(__half(low), __half(high)); }
inline __half2 __float22half2_rn(float2 x) { return __half2(__half(x.x), __half(x.y)); }
inline float2 __half22float2(__half2 x) { return {float(x.x), float(x.y)}; }
inline __half __low2half(__half2 x) { return x.x; }
inline __half __high2half(__half2 x) { return x.y; }
inline __half2 __low2half2(__half2 x) { return __half2(x.x, x.x); }
inline __half2 __high2half2(__half2 x) { return __half2(x.y, x.y); }
inline __half2 __lows2half2(__half2 a, __half2 b) { return __half2(a.x, b.x); }
inline __half2 __highs2half2(__half2 a, __half2 b) { return __half2(a.y, b.y); }

// -- constants -----------------------------------------------------------------------------------------------

#define CUDART_INF_FP16 __ushort_as_half(0x7c00)
#define CUDART_NAN_FP16 __ushort_as_half(0x7fff)
#define CUDART_MIN_DENORM_FP16 __ushort_as_half(0x0001)
#define CUDART_MAX_NORMAL_FP16 __ushort_as_half(0x7bff)
#define CUDART_NEG_ZERO_FP16 __ushort_as_half(0x8000)
#define CUDART_ZERO_FP16 __ushort_as_half(0x0000)
#define CUDART_ONE_FP16 __ushort_as_half(0x3c00)
