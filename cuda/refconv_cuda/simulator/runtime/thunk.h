// From a kernel's signature to an entry of the kernel table: how to call it with void** as a launch does, and what
// each parameter is, so that Python can refuse an argument of the wrong kind instead of misreading it.
#pragma once
#include "abi.h"

namespace refconv {

template <class T>
struct Describe {  // a struct by value; also vectors
    static constexpr char kind = 'V';
    static constexpr char element = 0;
    static constexpr int element_size = 0;
    static constexpr bool is_const = false;
};

#define REFCONV_DESCRIBE(type, letter)                    \
    template <>                                           \
    struct Describe<type> {                               \
        static constexpr char kind = letter, element = 0; \
        static constexpr int element_size = 0;            \
        static constexpr bool is_const = false;           \
    };
REFCONV_DESCRIBE(bool, 'b')
REFCONV_DESCRIBE(char, 'i')
REFCONV_DESCRIBE(signed char, 'i')
REFCONV_DESCRIBE(short, 'i')
REFCONV_DESCRIBE(int, 'i')
REFCONV_DESCRIBE(long, 'i')
REFCONV_DESCRIBE(long long, 'i')
REFCONV_DESCRIBE(unsigned char, 'u')
REFCONV_DESCRIBE(unsigned short, 'u')
REFCONV_DESCRIBE(unsigned, 'u')
REFCONV_DESCRIBE(unsigned long, 'u')
REFCONV_DESCRIBE(unsigned long long, 'u')
REFCONV_DESCRIBE(float, 'f')
REFCONV_DESCRIBE(double, 'f')
#ifdef REFCONV_CUDA_FP16
REFCONV_DESCRIBE(__half, 'h')
#endif
#ifdef REFCONV_CUDA_BF16
REFCONV_DESCRIBE(__nv_bfloat16, 'g')
#endif
#undef REFCONV_DESCRIBE

template <class T>
struct Size {
    static constexpr int value = sizeof(T);
};
template <>
struct Size<void> {
    static constexpr int value = 1;
};

template <class T>
struct Describe<T*> {
    static constexpr char kind = 'p', element = Describe<T>::kind;
    static constexpr int element_size = Size<T>::value;
    static constexpr bool is_const = false;
};
template <class T>
struct Describe<const T*> : Describe<T*> {
    static constexpr bool is_const = true;
};
template <class T>
struct Describe<volatile T*> : Describe<T*> {};
template <class T>
struct Describe<const volatile T*> : Describe<const T*> {};

template <int... I>
struct Positions {};
template <int n, int... I>
struct UpTo : UpTo<n - 1, n - 1, I...> {};
template <int... I>
struct UpTo<0, I...> {
    using type = Positions<I...>;
};

template <auto kernel>
struct Thunk;

template <class... P, void (*kernel)(P...)>
struct Thunk<kernel> {
    static constexpr int count = sizeof...(P);
    // One more than there are, because C++ knows no empty array.
    static constexpr Parameter parameters[count + 1] = {
        {Describe<P>::kind, Describe<P>::element, sizeof(P), Describe<P>::element_size, Describe<P>::is_const}...,
        {}};

    // The arguments' own memory is the launch's, not the kernel's, and no matter for the checker.
    __attribute__((no_sanitize("thread"))) static void call(void** arguments) { unpack(arguments, typename UpTo<count>::type{}); }

    template <int... I>
    __attribute__((no_sanitize("thread"))) static void unpack(void** arguments, Positions<I...>) {
        kernel(*static_cast<P*>(arguments[I])...);
    }
};

}  // namespace refconv

#define REFCONV_KERNEL(name, ...) \
    {name, &refconv::Thunk<(__VA_ARGS__)>::call, refconv::Thunk<(__VA_ARGS__)>::parameters, \
     refconv::Thunk<(__VA_ARGS__)>::count}
