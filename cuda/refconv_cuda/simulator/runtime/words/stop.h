// Stopping, and saying something.
#pragma once
#include "qualifiers.h"

extern "C" [[noreturn]] void refconv_trap(const char* message, const char* file, int line);
extern "C" int printf(const char*, ...);

[[noreturn]] inline void __trap(REFCONV_HERE) {
    refconv_trap("__trap()", file, line);
}
inline void __brkpt(REFCONV_HERE) {
    refconv_trap("__brkpt()", file, line);
}

// Also with NDEBUG, which zig defines on its own account whenever it optimizes.
#define assert(...) ((__VA_ARGS__) ? (void)0 : refconv_trap("assert(" #__VA_ARGS__ ")", __FILE__, __LINE__))
