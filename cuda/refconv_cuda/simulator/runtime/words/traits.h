// What the words ask about types. They do without C++'s <type_traits>: kernels written for NVRTC, which has none, may
// bring a piece of it themselves.
#pragma once

namespace refconv {

template <class A, class B>
inline constexpr bool is_same = false;
template <class A>
inline constexpr bool is_same<A, A> = true;

template <class T, class... Types>
inline constexpr bool is_one_of = (is_same<T, Types> || ...);

template <class T>
inline constexpr bool is_integer = is_one_of<T, bool, char, signed char, unsigned char, short, unsigned short, int,
                                             unsigned, long, unsigned long, long long, unsigned long long>;
template <class T>
inline constexpr bool is_number = is_integer<T> || is_one_of<T, float, double>;

// only_if<condition> is int, or no type: a template that names it exists only where the condition holds.
template <bool condition>
struct OnlyIf {};
template <>
struct OnlyIf<true> {
    using type = int;
};
template <bool condition>
using only_if = typename OnlyIf<condition>::type;

}  // namespace refconv
