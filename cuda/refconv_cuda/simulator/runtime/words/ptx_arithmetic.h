// PTX's arithmetic, where C++ has no operator that is just the same.
#pragma once
#include "maths.h"
#include "narrow_scalar.h"
#include "ptx_registers.h"

namespace refconv {
namespace ptx {

// -- integers: signed ones wrap around, too ------------------------------------------------------------------

template <class T>
inline T add(T a, T b) {
    return static_cast<T>(static_cast<u64>(a) + static_cast<u64>(b));
}
template <class T>
inline T subtract(T a, T b) {
    return static_cast<T>(static_cast<u64>(a) - static_cast<u64>(b));
}
template <class T>
inline T multiply(T a, T b) {
    return static_cast<T>(static_cast<u64>(a) * static_cast<u64>(b));
}
template <class T>
inline T lesser(T a, T b) {
    return b < a ? b : a;
}
template <class T>
inline T greater(T a, T b) {
    return a < b ? b : a;
}

// A shift by more bits than there are shifts all of them out.
template <class T>
inline T shift_left(T a, u32 by) {
    return by < 8 * sizeof(T) ? static_cast<T>(static_cast<u64>(a) << by) : T(0);
}
template <class T>
inline T shift_right(T a, u32 by) {
    constexpr u32 last = 8 * sizeof(T) - 1;
    if (by <= last) return static_cast<T>(a >> by);
    return a < 0 ? static_cast<T>(-1) : T(0);
}

// Each bit of the result is the bit of `table` whose number the bits of a, b and c spell.
inline b32 lop3(b32 a, b32 b, b32 c, int table) {
    b32 result = 0;
    for (int i = 0; i < 8; ++i) {
        b32 here = (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
        if (table >> i & 1) result |= here;
    }
    return result;
}

// -- two registers as one, the lower first -------------------------------------------------------------------

template <class Whole, class Part>
inline Whole joined(const Part (&parts)[2]) {
    return static_cast<Whole>(static_cast<Whole>(parts[1]) << 8 * sizeof(Part) | parts[0]);
}
template <class Part, class Whole>
inline Pack<Part, 2> parted(Whole whole) {
    return {{static_cast<Part>(whole), static_cast<Part>(whole >> 8 * sizeof(Part))}};
}

// -- half and bfloat16: one number in 16 bits, or two in 32; rounded once, as NarrowScalar is --------------------

template <class Format, class Bits, class Operation, class... Others>
inline Bits each_narrow(Operation operation, Bits a, Others... others) {
    Bits result = 0;
    for (unsigned shift = 0; shift < 8 * sizeof(Bits); shift += 16) {
        auto part = [shift](Bits all) { return Format::widen(static_cast<b16>(all >> shift)); };
        result = static_cast<Bits>(result | static_cast<Bits>(Format::narrow(operation(part(a), part(others)...))) << shift);
    }
    return result;
}
template <class Format, class Bits>
inline Bits narrow_sum(Bits a, Bits b) {
    return each_narrow<Format>([](f32 x, f32 y) { return x + y; }, a, b);
}
template <class Format, class Bits>
inline Bits narrow_difference(Bits a, Bits b) {
    return each_narrow<Format>([](f32 x, f32 y) { return x - y; }, a, b);
}
template <class Format, class Bits>
inline Bits narrow_product(Bits a, Bits b) {
    return each_narrow<Format>([](f32 x, f32 y) { return x * y; }, a, b);
}
template <class Format, class Bits>
inline Bits narrow_fma(Bits a, Bits b, Bits c) {
    return each_narrow<Format>([](f32 x, f32 y, f32 z) { return fused(x, y, z); }, a, b, c);
}

// -- conversions ---------------------------------------------------------------------------------------------

// To 10 fraction bits, the nearest, and of two equally near the one farther from zero.
inline b32 to_tf32(f32 x) {
    if (x != x) return 0x7fffffff;
    b32 bits = bits_as<b32>(x);
    return (bits & 0x7fffffff) == 0x7f800000 ? bits : (bits + 0x1000) & 0xffffe000;
}

template <class Format>
inline b32 narrowed(f32 upper, f32 lower) {
    return static_cast<b32>(Format::narrow(upper)) << 16 | Format::narrow(lower);
}

}  // namespace ptx
}  // namespace refconv
