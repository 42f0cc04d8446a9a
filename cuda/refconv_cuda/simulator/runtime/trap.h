// Faults and signals while a kernel runs: they end the launch with a finding, not the process.
#pragma once
#include <signal.h>

#include "abi.h"
#include "block.h"

namespace refconv {

// How one operating-system thread of a launch tells another to stop: by a signal that means nothing to the process.
constexpr int kStop = SIGURG;

// The first installs the handlers, the second puts the old ones back: outside a launch the process's signals are its own.
// module_base: what a finding's `pc` is relative to.
void set_traps(uintptr_t module_base);
void remove_traps();

// The signals that have come since, a bit each. Those that come on a fiber end it at once; others, while the scheduler
// runs, when the next fiber has its turn.
uint64_t arrived_signals();

constexpr int kMostPosts = 16;

// From the first on, the block runs on this operating-system thread, and a fault or a signal there is the block's.
int take_post(Block&);
void leave_post(int number);
// Ends the block's run on its thread, from another.
void stop(const Block&);

}  // namespace refconv
