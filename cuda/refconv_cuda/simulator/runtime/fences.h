// What one block knows of another: the release and acquire of CUDA's memory model, as kernels use it.
//
// A thread that has called __threadfence and then does an atomic on some address publishes what it and its block did
// before. A thread that later does an atomic on the same address learns it, and the rest of its block does at the
// next barrier. "The last block to finish adds up what all have written" is this pattern.
#pragma once
#include "abi.h"

namespace refconv {

// Accesses in phases [first, phase) by anyone, and in `phase` itself by one thread.
struct Knowledge {
    uint32_t first_phase, phase;
    uint16_t thread;

    bool covers(uint32_t access_phase, uint16_t access_thread) const {
        return (first_phase <= access_phase && access_phase < phase) ||
               (access_phase == phase && access_thread == thread);
    }
};

// A list that grows; no destructors run when a block is abandoned, so it is freed explicitly.
template <class T>
struct List {
    T* items = nullptr;
    uint32_t count = 0, room = 0;

    bool add(const T& item) {
        if (count == room) {
            uint32_t more = room ? 2 * room : 16;
            T* moved = static_cast<T*>(__builtin_realloc(items, more * sizeof(T)));
            if (!moved) return false;
            items = moved;
            room = more;
        }
        items[count++] = item;
        return true;
    }
    void free() {
        __builtin_free(items);
        items = nullptr;
        count = room = 0;
    }
};

class Fences {
  public:
    // An atomic on `address` by a thread of the current block, at this phase. fenced: whether the thread has called
    // __threadfence.
    void atomic(uintptr_t address, uint32_t block_first_phase, uint32_t phase, uint16_t thread, bool fenced);
    // Whether the thread, at this phase, knows of an access.
    bool knows(uint32_t access_phase, uint16_t access_thread, uint32_t phase, uint16_t thread) const;
    void begin_block();
    void free();

  private:
    struct Published {
        uintptr_t address;
        Knowledge knowledge;
    };
    // Since `phase`, the first `published` entries for `address` are known: to `thread` at once, to all later.
    struct Learnt {
        uintptr_t address;
        uint32_t published, phase;
        uint16_t thread;
    };
    List<Published> published_;
    List<Learnt> learnt_;  // by the current block
};

}  // namespace refconv
