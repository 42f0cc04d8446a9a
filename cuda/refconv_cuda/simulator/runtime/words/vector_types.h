// char1 to double4: structs with CUDA's names and alignments, so that `float4` is one 16-byte load on a GPU.
#pragma once
#include "qualifiers.h"

typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;

// name: float, of which T: float. Types of two and four are aligned to their size, but never beyond 16 bytes;
// types of one and three as a single element is.
#define REFCONV_VECTORS(name, T)                                                             \
    struct name##1 { T x; };                                                                 \
    struct __align__(2 * sizeof(T)) name##2 { T x, y; };                                     \
    struct name##3 { T x, y, z; };                                                           \
    struct __align__(4 * sizeof(T) < 16 ? 4 * sizeof(T) : 16) name##4 { T x, y, z, w; };     \
    constexpr name##1 make_##name##1(T x) { return {x}; }                                    \
    constexpr name##2 make_##name##2(T x, T y) { return {x, y}; }                            \
    constexpr name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }                    \
    constexpr name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }

REFCONV_VECTORS(char, signed char)
REFCONV_VECTORS(uchar, unsigned char)
REFCONV_VECTORS(short, short)
REFCONV_VECTORS(ushort, unsigned short)
REFCONV_VECTORS(int, int)
REFCONV_VECTORS(uint, unsigned int)
REFCONV_VECTORS(long, long)
REFCONV_VECTORS(ulong, unsigned long)
REFCONV_VECTORS(longlong, long long)
REFCONV_VECTORS(ulonglong, unsigned long long)
REFCONV_VECTORS(float, float)
REFCONV_VECTORS(double, double)
#undef REFCONV_VECTORS

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
    constexpr dim3(uint3 other) : x(other.x), y(other.y), z(other.z) {}
    constexpr operator uint3() const { return {x, y, z}; }
};
