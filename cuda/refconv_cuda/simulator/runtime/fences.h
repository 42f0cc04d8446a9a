// What one block knows of another: the release and acquire of CUDA's memory model, as kernels use it.
//
// A thread that has called __threadfence and then does an atomic on some address releases what it had done before the
// fence, what it then knew of its warp, and what its block had done before the last barrier before the fence. A thread
// that later does an atomic on the same address acquires all that, and what those who released it had acquired; the
// lanes of its warp do at the next __syncwarp, the rest of its block at the next barrier. "The last block to finish
// adds up what all have written" is this pattern.
#pragma once
#include "abi.h"

namespace refconv {

constexpr int kLanes = 32;

// A thread at some point of its run: its phase, and its count of __syncwarp and fences.
struct Point {
    uint32_t phase;
    uint16_t thread, syncs;
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
    // An atomic on `address` by the current thread.
    void atomic(uintptr_t address, uint32_t block_first_phase, const Point& now);
    // Whether the current thread knows of an access; atomic: where it was one, its address, else 0.
    bool knows(const Point& access, uintptr_t atomic, const Point& now);
    void begin_block() { block_acquired_ = acquired_.count; }
    void free();

  private:
    struct Release {
        uintptr_t address;
        uint32_t previous;  // at this address: one more than its index; 0: none
        uint32_t query;     // the last that came here
        uint32_t first_phase, fence_phase;
        Point at;
        uint16_t known[kLanes];                 // of its warp, itself among it, at the fence
        uint32_t acquired_begin, acquired_end;  // what its block had acquired

        bool covers(const Point& access, uintptr_t atomic) const;
    };
    struct Acquired {
        uint32_t release;  // the newest; as Release::previous
        Point at;
    };
    static constexpr uint32_t kMost = 1 << 18;  // releases; 30 MB

    uint32_t* newest(uintptr_t address, bool make);
    bool grow();

    List<Release> releases_;
    List<Acquired> acquired_;
    uint32_t block_acquired_ = 0;  // where the current block's begin
    List<uint32_t> pending_;
    uint32_t query_ = 0;
    bool too_many_ = false;  // then all is taken for known: better a race unseen than one that is none
    // The newest release at an address: open addressing, a power of two.
    struct Slot {
        uintptr_t address;
        uint32_t release;
    };
    Slot* slots_ = nullptr;
    uint32_t slot_count_ = 0, slots_used_ = 0;
};

}  // namespace refconv
