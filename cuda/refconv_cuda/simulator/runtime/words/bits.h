// The bits of a value, read as another type.
#pragma once
#include "qualifiers.h"

namespace refconv {

template <class To, class From>
inline To bits_as(From value) {
    static_assert(sizeof(To) == sizeof(From), "all bits, and no more");
    To result;
    __builtin_memcpy(&result, &value, sizeof result);
    return result;
}

}  // namespace refconv

inline int __float_as_int(float x) { return refconv::bits_as<int>(x); }
inline unsigned __float_as_uint(float x) { return refconv::bits_as<unsigned>(x); }
inline float __int_as_float(int x) { return refconv::bits_as<float>(x); }
inline float __uint_as_float(unsigned x) { return refconv::bits_as<float>(x); }
inline long long __double_as_longlong(double x) { return refconv::bits_as<long long>(x); }
inline double __longlong_as_double(long long x) { return refconv::bits_as<double>(x); }

inline int __double2hiint(double x) { return static_cast<int>(__double_as_longlong(x) >> 32); }
inline int __double2loint(double x) { return static_cast<int>(__double_as_longlong(x)); }
inline double __hiloint2double(int high, int low) {
    unsigned long long upper = static_cast<unsigned>(high);
    return refconv::bits_as<double>(upper << 32 | static_cast<unsigned>(low));
}
