// The shared memory of a block: static, and dynamic as the launch asks for it.
#pragma once
#include "abi.h"

namespace refconv {

class SharedMemory {
  public:
    // Finds the module's thread-local storage, which holds every `__shared__` variable (cuda_words.h).
    void find();
    // What a block finds there at its start on a GPU is undefined; here it is `poison`.
    void fill(uint8_t poison, uint32_t dynamic_bytes) const;

  private:
    uint8_t *begin_ = nullptr, *end_ = nullptr;  // all of it
    uint8_t* dynamic_ = nullptr;                 // the dynamic part lies somewhere in between
};

constexpr uint32_t kMostDynamicShared = 227 * 1024;  // what a block may have on sm_90

}  // namespace refconv
