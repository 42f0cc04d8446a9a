// What one block knows of another: the release and acquire of CUDA's memory model, as kernels use it.
//
// A thread that has called __threadfence and then does an atomic on some address publishes what it and its block did
// before. A thread that later does an atomic on the same address learns it, and the rest of its block does at the
// next barrier. "The last block to finish adds up what all have written" is this pattern.
#pragma once
#include "abi.h"

namespace refconv {

constexpr int kLanes = 32;

// A thread at some point of its run: its phase, and its warp's count of __syncwarp.
struct Point {
    uint32_t phase;
    uint16_t thread, syncs;
};

// What a thread knew when it published: all of its block in phases [first, at.phase); of the phase itself, what it did,
// and what the lanes of its warp did before a __syncwarp.
struct Knowledge {
    uint32_t first_phase;
    Point at;

    bool covers(const Point& access) const {
        if (first_phase <= access.phase && access.phase < at.phase) return true;
        if (access.phase != at.phase) return false;
        bool warp = access.thread / kLanes == at.thread / kLanes;
        return access.thread == at.thread || (warp && access.syncs < at.syncs);
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
    // An atomic on `address` by a thread of the current block. fenced: whether it has called __threadfence. Which of its
    // writes came before the fence is not told apart, to be on the safe side.
    void atomic(uintptr_t address, uint32_t block_first_phase, const Point& now, bool fenced);
    // Whether a thread of the current block knows of an access.
    bool knows(const Point& access, const Point& now) const;
    void begin_block();
    void free();

  private:
    struct Published {
        uintptr_t address;
        Knowledge knowledge;
    };
    // The first `published` entries for `address` are known: to a thread since `at`, to the lanes of its warp after the
    // next __syncwarp, to the block after the next barrier.
    struct Learnt {
        uintptr_t address;
        uint32_t published;
        Point at;

        bool is_known(const Point& now) const {
            bool warp = now.thread / kLanes == at.thread / kLanes;
            return at.phase < now.phase || at.thread == now.thread || (warp && at.syncs < now.syncs);
        }
    };
    List<Published> published_;
    List<Learnt> learnt_;  // by the current block
};

}  // namespace refconv
