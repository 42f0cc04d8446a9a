// Faults and signals while a kernel runs: they end the launch with a finding, not the process.
#pragma once
#include "abi.h"

namespace refconv {

// Installs the handlers for as long as it lives, then puts the old ones back: outside a launch the process's
// signals are its own.
class Traps {
  public:
    Traps(Finding*, uintptr_t module_base);
    ~Traps();
    // The signals that have come so far, a bit each. Those that come on a fiber end it at once; others, while the
    // scheduler runs, are looked at between two phases of a block.
    static uint64_t arrived();
};

}  // namespace refconv
