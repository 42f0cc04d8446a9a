// The blocks of a launch shared out to several operating-system threads, each of which runs one after another.
//
// For launches whose blocks have nothing to do with one another, or nothing but atomics: then a plain launch in order gives
// the same results, and the same finding, as one after another.
#pragma once
#include "abi.h"

namespace refconv {

#ifdef REFCONV_THREADS
// Runs all blocks. Of several blocks in which something is wrong, the first is the finding, as it would be in order.
void share_blocks(const Kernel&, void** arguments, const Launch&, Finding*);
// Ends the launch; from a signal's handler on the thread that launched.
void stop_workers();
#else
inline void stop_workers() {}
#endif

}  // namespace refconv
