// PTX's types, and its registers as C++ variables.
#pragma once
#include "bits.h"
#include "narrow.h"
#include "traits.h"

namespace refconv {
namespace ptx {

using b8 = unsigned char;
using u8 = unsigned char;
using s8 = signed char;
using b16 = unsigned short;
using u16 = unsigned short;
using s16 = short;
using b32 = unsigned;
using u32 = unsigned;
using s32 = int;
using b64 = unsigned long long;
using u64 = unsigned long long;
using s64 = long long;
using f32 = float;
using f64 = double;
using pred = bool;
// These are never a register's: it holds one as 16 bits, or two as 32.
using f16 = HalfFormat;
using bf16 = BfloatFormat;

// A vector of registers, {a, b, c, d}.
template <class T, int n>
struct Pack {
    T of[n];
};

// What nobody has set: a NaN, if a float's.
template <class T>
inline T undefined() {
    constexpr u64 poison = 0xfff1fff1fff1fff1u;
    T value;
    __builtin_memcpy(&value, &poison, sizeof value);
    return value;
}
template <>
inline pred undefined<pred>() {
    return false;
}

// -- operands: a constraint's letter says what register the expression's value goes to -----------------------

template <class T>
inline constexpr bool is_pointer = false;
template <class T>
inline constexpr bool is_pointer<T*> = true;

template <char letter, class T>
inline constexpr bool fits = false;
template <class T>
inline constexpr bool fits<'h', T> = (is_integer<T> || __is_enum(T)) && sizeof(T) == 2;
template <class T>
inline constexpr bool fits<'r', T> = (is_integer<T> || __is_enum(T)) && sizeof(T) == 4;
template <class T>
inline constexpr bool fits<'l', T> = (is_integer<T> || __is_enum(T) || is_pointer<T>) && sizeof(T) == 8;
template <class T>
inline constexpr bool fits<'f', T> = is_same<T, float>;
template <class T>
inline constexpr bool fits<'d', T> = is_same<T, double>;

template <char letter, class T>
constexpr void check_operand() {
    static_assert(letter != 'h' || fits<'h', T>, "inline PTX: an operand \"h\" must be an integer of 16 bits");
    static_assert(letter != 'r' || fits<'r', T>, "inline PTX: an operand \"r\" must be an integer of 32 bits");
    static_assert(letter != 'l' || fits<'l', T>, "inline PTX: an operand \"l\" must be an integer of 64 bits or a pointer");
    static_assert(letter != 'f' || fits<'f', T>, "inline PTX: an operand \"f\" must be a float");
    static_assert(letter != 'd' || fits<'d', T>, "inline PTX: an operand \"d\" must be a double");
}

template <char letter>
struct RegisterOf;
template <>
struct RegisterOf<'h'> {
    using type = b16;
};
template <>
struct RegisterOf<'r'> {
    using type = b32;
};
template <>
struct RegisterOf<'l'> {
    using type = b64;
};
template <>
struct RegisterOf<'f'> {
    using type = f32;
};
template <>
struct RegisterOf<'d'> {
    using type = f64;
};
template <char letter>
using Register = typename RegisterOf<letter>::type;

template <char letter, class T>
REFCONV_UNCHECKED inline Register<letter> input(T value) {
    check_operand<letter, T>();
    if constexpr (fits<letter, T>) return bits_as<Register<letter>>(value);
    return {};
}

// The value to assign to `place`, which is named for its type alone.
template <char letter, class T>
REFCONV_UNCHECKED inline T output(const volatile T&, Register<letter> value) {
    check_operand<letter, T>();
    if constexpr (fits<letter, T>) return bits_as<T>(value);
    return {};
}

}  // namespace ptx
}  // namespace refconv
