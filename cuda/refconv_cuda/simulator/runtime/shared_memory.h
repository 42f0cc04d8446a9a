// The shared memory of a block: the module's thread-local storage, which holds every `__shared__` variable.
#pragma once
#include "abi.h"
#include "image.h"

namespace refconv {

constexpr uint32_t kMostDynamicShared = 227 * 1024;  // what a block may have on sm_90

// What a block finds there at its start on a GPU is undefined; here it is `poison`. Of the dynamic part, only what
// the launch asked for is filled: nobody may touch the rest. From then on the words of words/address_spaces.h know where it
// is.
void fill_shared_memory(const Image&, uint32_t poison, uint32_t dynamic_bytes);

}  // namespace refconv
