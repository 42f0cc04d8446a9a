// Faults and signals while a kernel runs: they end the launch with a finding, not the process.
#pragma once
#include "abi.h"

namespace refconv {

// Installs the handlers for as long as it lives, then puts the old ones back: outside a launch the process's
// signals are its own.
class Traps {
  public:
    explicit Traps(Finding*);
    ~Traps();
    // The signal that came while no fiber was running, to be acted on between two blocks; 0 if none.
    static int pending();
};

}  // namespace refconv
