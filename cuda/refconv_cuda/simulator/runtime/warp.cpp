// What the words for barriers, warps and atomics call.
#include "block.h"
#include "shadow.h"

using refconv::Place;
using refconv::the_block;

extern "C" {

unsigned refconv_collective(unsigned mask, int operation, unsigned long long value, unsigned long long* lanes,
                            const char* file, int line) {
    return the_block().collective(mask, operation, value, reinterpret_cast<uint64_t*>(lanes), {file, line});
}

void refconv_syncwarp(unsigned mask, const char* file, int line) {
    the_block().collective(mask, refconv::kSyncWarp, 0, nullptr, {file, line});
}

// The place is the source's: the compiler may merge two calls into one.
unsigned refconv_active_lanes(const char* file, int line) { return the_block().active_lanes({file, line}); }

void refconv_undefined_lane(int lane, const char* file, int line) {
    the_block().finding().address = static_cast<uintptr_t>(lane);
    the_block().report(refconv::kUndefinedLane, {file, line});
}

void refconv_atomic_turn(const void* where) {
    refconv::shadow::turn(where ? where : __builtin_return_address(0));
    the_block().atomic_turn();
}

void refconv_fence() {
#ifdef REFCONV_CHECK
    refconv::shadow::fence();
#endif
}

[[noreturn]] void refconv_trap(const char* message, const char* file, int line) {
    the_block().finding().message = message;
    the_block().report(refconv::kTrap, {file, line});
}
}
