// Stopping, and saying something.
#pragma once
#include "qualifiers.h"

extern "C" [[noreturn]] void refconv_trap(const char* message, const char* file, int line);
extern "C" int printf(const char*, ...);
extern "C" int snprintf(char*, size_t, const char*, ...) noexcept;

[[noreturn]] inline void __trap(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    refconv_trap("__trap()", file, line);
}
inline void __brkpt(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    refconv_trap("__brkpt()", file, line);
}

// <assert.h> defines `assert` anew each time that it is included, and its macro calls this function of the C library.
// Here the module has one of its own, hidden, which the linker prefers.
extern "C" [[noreturn]] __attribute__((visibility("hidden"))) REFCONV_UNCHECKED inline void __assert_fail(
    const char* condition, const char* file, unsigned line, const char*) noexcept {
    static char message[256];
    snprintf(message, sizeof message, "assert(%s)", condition);
    refconv_trap(message, file, static_cast<int>(line));
}
#define assert(...) ((__VA_ARGS__) ? (void)0 : refconv_trap("assert(" #__VA_ARGS__ ")", __FILE__, __LINE__))
// zig defines it on its own account whenever it optimizes. A kernel's assertions always hold here.
#undef NDEBUG
