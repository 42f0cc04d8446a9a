// Time, for kernels that measure themselves or wait: one thread waiting lets the others have their turn.
#pragma once
#include "barriers.h"

extern "C" long clock() noexcept;  // the C library's: processor time in microseconds

// In nanoseconds of processor time, as if the clock ran at 1 GHz.
inline long long clock64() {
    refconv_atomic_turn();
    return 1000 * static_cast<long long>(clock());
}
