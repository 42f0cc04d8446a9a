// CUDA's <cuda_bf16.h>: __nv_bfloat16 and __nv_bfloat162.
//
// Conversions, arithmetic and comparisons are ml_dtypes' bfloat16, bit for bit; fused operations round once, as a GPU
// does.
#pragma once
#include "../cuda_words.h"
#include "../words/narrow_pair.h"

#define REFCONV_CUDA_BF16 1  // for the kernel table: __nv_bfloat16 is known

struct __nv_bfloat16_raw {
    unsigned short x;
};
struct __align__(4) __nv_bfloat162_raw {
    unsigned short x, y;
};

struct __nv_bfloat16 : refconv::NarrowScalar<__nv_bfloat16, refconv::BfloatFormat, __nv_bfloat16_raw> {
    using NarrowScalar::NarrowScalar;
};
struct __nv_bfloat162 : refconv::NarrowPair<__nv_bfloat162, __nv_bfloat16, __nv_bfloat162_raw> {
    using NarrowPair::NarrowPair;
};

typedef __nv_bfloat16 nv_bfloat16;
typedef __nv_bfloat162 nv_bfloat162;

namespace refconv {

// They take part in what the words offer for float.
template <> inline constexpr bool can_be_shuffled<__nv_bfloat16> = true;
template <> inline constexpr bool can_be_shuffled<__nv_bfloat162> = true;
template <> inline constexpr bool can_add<__nv_bfloat16> = true;
template <> inline constexpr bool can_add<__nv_bfloat162> = true;

}  // namespace refconv

// -- from and to float ---------------------------------------------------------------------------------------

inline __nv_bfloat16 __float2bfloat16(float x) { return __nv_bfloat16(x); }
inline __nv_bfloat16 __float2bfloat16_rn(float x) { return __nv_bfloat16(x); }
inline __nv_bfloat16 __float2bfloat16_rz(float x) { return __nv_bfloat16::rounded(x, refconv::Rounding::zero); }
inline __nv_bfloat16 __float2bfloat16_ru(float x) { return __nv_bfloat16::rounded(x, refconv::Rounding::up); }
inline __nv_bfloat16 __float2bfloat16_rd(float x) { return __nv_bfloat16::rounded(x, refconv::Rounding::down); }
inline __nv_bfloat16 __double2bfloat16(double x) { return __nv_bfloat16(x); }
inline float __bfloat162float(__nv_bfloat16 x) { return float(x); }

// -- from and to integers ------------------------------------------------------------------------------------

#define REFCONV_BFLOAT16_AND_ROUNDED(name, Integer, suffix, mode)                                                         \
    inline __nv_bfloat16 __##name##2bfloat16_##suffix(Integer x) {                                                        \
        return __nv_bfloat16::rounded(refconv::exact_or_odd(x), mode);                                                    \
    }                                                                                                                     \
    inline Integer __bfloat162##name##_##suffix(__nv_bfloat16 x) { return refconv::to_integer<Integer>(float(x), mode); }
#define REFCONV_BFLOAT16_AND(name, Integer)                                     \
    REFCONV_BFLOAT16_AND_ROUNDED(name, Integer, rn, refconv::Rounding::nearest) \
    REFCONV_BFLOAT16_AND_ROUNDED(name, Integer, rz, refconv::Rounding::zero)    \
    REFCONV_BFLOAT16_AND_ROUNDED(name, Integer, ru, refconv::Rounding::up)      \
    REFCONV_BFLOAT16_AND_ROUNDED(name, Integer, rd, refconv::Rounding::down)
REFCONV_BFLOAT16_AND(short, short)
REFCONV_BFLOAT16_AND(ushort, unsigned short)
REFCONV_BFLOAT16_AND(int, int)
REFCONV_BFLOAT16_AND(uint, unsigned)
REFCONV_BFLOAT16_AND(ll, long long)
REFCONV_BFLOAT16_AND(ull, unsigned long long)
#undef REFCONV_BFLOAT16_AND
#undef REFCONV_BFLOAT16_AND_ROUNDED
inline signed char __bfloat162char_rz(__nv_bfloat16 x) { return static_cast<signed char>(x); }
inline unsigned char __bfloat162uchar_rz(__nv_bfloat16 x) { return static_cast<unsigned char>(x); }

// -- from and to bits ----------------------------------------------------------------------------------------

inline short __bfloat16_as_short(__nv_bfloat16 x) { return static_cast<short>(x.bits()); }
inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 x) { return x.bits(); }
inline __nv_bfloat16 __short_as_bfloat16(short x) { return __nv_bfloat16::of_bits(x); }
inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short x) { return __nv_bfloat16::of_bits(x); }

// -- pairs ---------------------------------------------------------------------------------------------------

inline __nv_bfloat162 make_bfloat162(__nv_bfloat16 low, __nv_bfloat16 high) { return __nv_bfloat162(low, high); }
inline __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 low, __nv_bfloat16 high) { return __nv_bfloat162(low, high); }
inline __nv_bfloat162 __bfloat162bfloat162(__nv_bfloat16 x) { return __nv_bfloat162(x, x); }
inline __nv_bfloat162 __float2bfloat162_rn(float x) { return __nv_bfloat162(__nv_bfloat16(x), __nv_bfloat16(x)); }
inline __nv_bfloat162 __floats2bfloat162_rn(float low, float high) { return __nv_bfloat162(__nv_bfloat16(low), __nv_bfloat16(high)); }
inline __nv_bfloat162 __float22bfloat162_rn(float2 x) { return __nv_bfloat162(__nv_bfloat16(x.x), __nv_bfloat16(x.y)); }
inline float2 __bfloat1622float2(__nv_bfloat162 x) { return {float(x.x), float(x.y)}; }
inline __nv_bfloat16 __low2bfloat16(__nv_bfloat162 x) { return x.x; }
inline __nv_bfloat16 __high2bfloat16(__nv_bfloat162 x) { return x.y; }
inline __nv_bfloat162 __low2bfloat162(__nv_bfloat162 x) { return __nv_bfloat162(x.x, x.x); }
inline __nv_bfloat162 __high2bfloat162(__nv_bfloat162 x) { return __nv_bfloat162(x.y, x.y); }
inline __nv_bfloat162 __lows2bfloat162(__nv_bfloat162 a, __nv_bfloat162 b) { return __nv_bfloat162(a.x, b.x); }
inline __nv_bfloat162 __highs2bfloat162(__nv_bfloat162 a, __nv_bfloat162 b) { return __nv_bfloat162(a.y, b.y); }

// -- constants -----------------------------------------------------------------------------------------------

#define CUDART_INF_BF16 __ushort_as_bfloat16(0x7f80)
#define CUDART_NAN_BF16 __ushort_as_bfloat16(0x7fff)
#define CUDART_MIN_DENORM_BF16 __ushort_as_bfloat16(0x0001)
#define CUDART_MAX_NORMAL_BF16 __ushort_as_bfloat16(0x7f7f)
#define CUDART_NEG_ZERO_BF16 __ushort_as_bfloat16(0x8000)
#define CUDART_ZERO_BF16 __ushort_as_bfloat16(0x0000)
#define CUDART_ONE_BF16 __ushort_as_bfloat16(0x3f80)
