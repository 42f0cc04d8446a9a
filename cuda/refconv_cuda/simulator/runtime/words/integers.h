// Integer arithmetic: the least and the greatest, bit counts, high halves of products, bytes.
#pragma once
#include "maths.h"
#include "vector_types.h"

// -- min, max, abs -------------------------------------------------------------------------------------------

namespace refconv {
template <class T>
inline T lesser_of(T a, T b) {
    return b < a ? b : a;
}
template <class T>
inline T greater_of(T a, T b) {
    return a < b ? b : a;
}
}  // namespace refconv

// CUDA's overloads: two operands of one type, or of one size with and without a sign, which meet as unsigned.
// Everything else (an int with a size_t) is ambiguous there as well as here.
#define REFCONV_MIN_MAX(A, B, Result)                                           \
    inline Result min(A a, B b) { return refconv::lesser_of<Result>(a, b); }    \
    inline Result max(A a, B b) { return refconv::greater_of<Result>(a, b); }
#define REFCONV_MIN_MAX_OF(Signed, Unsigned)       \
    REFCONV_MIN_MAX(Signed, Signed, Signed)        \
    REFCONV_MIN_MAX(Unsigned, Unsigned, Unsigned)  \
    REFCONV_MIN_MAX(Signed, Unsigned, Unsigned)    \
    REFCONV_MIN_MAX(Unsigned, Signed, Unsigned)
REFCONV_MIN_MAX_OF(int, unsigned)
REFCONV_MIN_MAX_OF(long, unsigned long)
REFCONV_MIN_MAX_OF(long long, unsigned long long)
#undef REFCONV_MIN_MAX_OF
#undef REFCONV_MIN_MAX

// Of a NaN and a number, the number.
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
inline double max(double a, double b) { return fmax(a, b); }
inline double min(float a, double b) { return fmin(double(a), b); }
inline double max(float a, double b) { return fmax(double(a), b); }
inline double min(double a, float b) { return fmin(a, double(b)); }
inline double max(double a, float b) { return fmax(a, double(b)); }
inline unsigned umin(unsigned a, unsigned b) { return min(a, b); }
inline unsigned umax(unsigned a, unsigned b) { return max(a, b); }
inline long long llmin(long long a, long long b) { return min(a, b); }
inline long long llmax(long long a, long long b) { return max(a, b); }
inline unsigned long long ullmin(unsigned long long a, unsigned long long b) { return min(a, b); }
inline unsigned long long ullmax(unsigned long long a, unsigned long long b) { return max(a, b); }

extern "C" {
int abs(int) noexcept;
long labs(long) noexcept;
long long llabs(long long) noexcept;
}
inline long abs(long x) { return labs(x); }
inline long long abs(long long x) { return llabs(x); }
inline float abs(float x) { return fabsf(x); }
inline double abs(double x) { return fabs(x); }

// -- counting and reversing bits -----------------------------------------------------------------------------

// In plain C: what the compiler would make of __builtin_popcount calls a library that is not there (libgcc) on
// processors that have no instruction for it.
inline int __popcll(unsigned long long x) {
    x -= (x >> 1) & 0x5555555555555555;                             // each pair of bits holds its count,
    x = (x & 0x3333333333333333) + ((x >> 2) & 0x3333333333333333); // each nibble,
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;                        // each byte;
    return static_cast<int>((x * 0x0101010101010101) >> 56);        // the top byte of this product holds their sum
}
inline int __popc(unsigned x) { return __popcll(x); }

inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
inline int __clzll(long long x) { return x == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(x)); }
// The lowest set bit, counted from 1; 0 if there is none.
inline int __ffs(int x) { return x == 0 ? 0 : __builtin_ctz(static_cast<unsigned>(x)) + 1; }
inline int __ffsll(long long x) { return x == 0 ? 0 : __builtin_ctzll(static_cast<unsigned long long>(x)) + 1; }

inline unsigned long long __brevll(unsigned long long x) {
    x = (x >> 1 & 0x5555555555555555) | (x & 0x5555555555555555) << 1;  // swaps neighbouring bits,
    x = (x >> 2 & 0x3333333333333333) | (x & 0x3333333333333333) << 2;  // pairs,
    x = (x >> 4 & 0x0f0f0f0f0f0f0f0f) | (x & 0x0f0f0f0f0f0f0f0f) << 4;  // nibbles,
    return __builtin_bswap64(x);                                        // bytes
}
inline unsigned __brev(unsigned x) { return static_cast<unsigned>(__brevll(x) >> 32); }

// -- products ------------------------------------------------------------------------------------------------

namespace refconv {
// The lowest 24 bits, with the sign that their topmost gives.
inline int signed24(int x) { return static_cast<int>(static_cast<unsigned>(x) << 8) >> 8; }
}  // namespace refconv

inline int __mul24(int a, int b) {
    return static_cast<int>(static_cast<long long>(refconv::signed24(a)) * refconv::signed24(b));
}
inline unsigned __umul24(unsigned a, unsigned b) { return (a & 0xffffff) * (b & 0xffffff); }
inline int __mulhi(int a, int b) { return static_cast<int>(static_cast<long long>(a) * b >> 32); }
inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned long long>(a) * b >> 32; }
inline long long __mul64hi(long long a, long long b) {
    return static_cast<long long>(static_cast<__int128>(a) * b >> 64);
}
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return static_cast<unsigned long long>(static_cast<unsigned __int128>(a) * b >> 64);
}

// -- averages, and sums of absolute differences --------------------------------------------------------------

inline int __hadd(int a, int b) { return static_cast<int>((static_cast<long long>(a) + b) >> 1); }
inline int __rhadd(int a, int b) { return static_cast<int>((static_cast<long long>(a) + b + 1) >> 1); }
inline unsigned __uhadd(unsigned a, unsigned b) { return (static_cast<unsigned long long>(a) + b) >> 1; }
inline unsigned __urhadd(unsigned a, unsigned b) { return (static_cast<unsigned long long>(a) + b + 1) >> 1; }
inline unsigned __usad(unsigned a, unsigned b, unsigned sum) { return (a < b ? b - a : a - b) + sum; }
inline unsigned __sad(int a, int b, unsigned sum) {
    unsigned first = static_cast<unsigned>(a), second = static_cast<unsigned>(b);
    return (a < b ? second - first : first - second) + sum;
}

// -- shifting and permuting across two words -----------------------------------------------------------------

namespace refconv {
inline unsigned long long joined(unsigned low, unsigned high) {
    return static_cast<unsigned long long>(high) << 32 | low;
}
}  // namespace refconv

// high:low shifted, of which the upper word (left) or the lower (right); by shift mod 32, or by at most 32 (c: clamp).
inline unsigned __funnelshift_lc(unsigned low, unsigned high, unsigned shift) {
    return static_cast<unsigned>(refconv::joined(low, high) << min(shift, 32u) >> 32);
}
inline unsigned __funnelshift_rc(unsigned low, unsigned high, unsigned shift) {
    return static_cast<unsigned>(refconv::joined(low, high) >> min(shift, 32u));
}
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
    return __funnelshift_lc(low, high, shift & 31);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
    return __funnelshift_rc(low, high, shift & 31);
}

// Byte i of the result is that byte of b:a which the lowest three bits of nibble i of the selector name.
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
    unsigned result = 0;
    for (int i = 0; i < 4; ++i) {
        unsigned chosen = selector >> (4 * i) & 7;
        result |= static_cast<unsigned>(refconv::joined(a, b) >> (8 * chosen) & 0xff) << (8 * i);
    }
    return result;
}

// -- dot products of bytes, added to c -----------------------------------------------------------------------

namespace refconv {

template <class Byte, class T>
inline T dot4(T a, T b, T c) {
    unsigned sum = static_cast<unsigned>(c);
    for (int i = 0; i < 32; i += 8) sum += static_cast<unsigned>(Byte(a >> i) * Byte(b >> i));
    return static_cast<T>(sum);
}
// Both halves of a, and the two bytes of b from bit `first`.
template <class Half, class Byte, class T>
inline T dot2(T a, T b, T c, int first) {
    unsigned low = static_cast<unsigned>(Half(a) * Byte(b >> first));
    unsigned high = static_cast<unsigned>(Half(a >> 16) * Byte(b >> (first + 8)));
    return static_cast<T>(static_cast<unsigned>(c) + low + high);
}

}  // namespace refconv

inline int __dp4a(int a, int b, int c) { return refconv::dot4<signed char>(a, b, c); }
inline unsigned __dp4a(unsigned a, unsigned b, unsigned c) { return refconv::dot4<unsigned char>(a, b, c); }
inline int __dp4a(char4 a, char4 b, int c) { return __dp4a(refconv::bits_as<int>(a), refconv::bits_as<int>(b), c); }
inline unsigned __dp4a(uchar4 a, uchar4 b, unsigned c) {
    return __dp4a(refconv::bits_as<unsigned>(a), refconv::bits_as<unsigned>(b), c);
}
inline int __dp2a_lo(int a, int b, int c) { return refconv::dot2<short, signed char>(a, b, c, 0); }
inline int __dp2a_hi(int a, int b, int c) { return refconv::dot2<short, signed char>(a, b, c, 16); }
inline unsigned __dp2a_lo(unsigned a, unsigned b, unsigned c) {
    return refconv::dot2<unsigned short, unsigned char>(a, b, c, 0);
}
inline unsigned __dp2a_hi(unsigned a, unsigned b, unsigned c) {
    return refconv::dot2<unsigned short, unsigned char>(a, b, c, 16);
}
