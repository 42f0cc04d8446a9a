// cp.async: copies from global to shared memory that are under way while their thread goes on.
//
// A thread's copies since its last commit are a group; it waits for all groups but so many of the newest. Until then
// nobody knows how much of a copy has happened. Here each happens at one moment: as late as it may, at the wait; under an
// order that is drawn, this is drawn too: at once, at the wait, or at a call in between. What nobody waits for does not
// happen: the block has ended before.
#pragma once
#include "abi.h"
#include "fences.h"
#include "order.h"
#include "place.h"

namespace refconv {

struct Copy {
    uint8_t* to;
    const uint8_t* from;
    uint8_t size, source_size;  // what lies beyond the latter becomes 0
    bool done;                  // carried out, but not waited for
    uint16_t syncs;             // as in a Stamp of when it was issued, and so is `phase`
    uint32_t phase;
    int16_t thread;  // -1: nobody's, free for the next
    Place place;
    const void* pc;
    int32_t group;  // its number among the thread's
    int32_t calls;  // of its thread until it is carried out; kAtWait: until the wait
    int32_t next;   // of the same thread, or of the free ones; -1: none

    static constexpr int32_t kAtWait = -1;

    bool reads(uintptr_t address, size_t bytes) const { return overlaps(from, source_size, address, bytes); }
    bool writes(uintptr_t address, size_t bytes) const { return overlaps(to, size, address, bytes); }

  private:
    static bool overlaps(const uint8_t* begin, size_t size, uintptr_t address, size_t bytes) {
        uintptr_t first = reinterpret_cast<uintptr_t>(begin);
        return address < first + size && first < address + bytes;
    }
};

// The copies of one block.
class Copies {
  public:
    void end_block();

    // -- of the current thread; a copy's `to`, `from`, sizes, place and pc are given -------------------------------

    // Does not return if the copy is none that there can be.
    void issue(Copy);
    void commit();
    void wait(int most_pending);
    void wait_all();

    // A copy that the access meets: it touches what is being written, or writes what is being read. Or null.
    const Copy* met_by(uintptr_t address, size_t size, bool is_write) const;

  private:
    struct Own {  // a thread's, in the order in which it issued them
        int32_t first, last;
        int32_t group;  // the number of the one that is open
        int32_t soon;   // how many are to be carried out before the wait
    };
    static constexpr int kMostThreads = 1024;  // as in block.h
    // Under way in a block, as many as a Cell can count. Others are carried out at once; more different words no block has.
    static constexpr uint32_t kMost = 65535;

    Own& begin_call();  // on every call: copies whose time has come are carried out
    void add(Own&, const Copy&);
    void complete(Own&, int32_t before_group);

    List<Copy> copies_;
    int32_t free_ = -1;
    bool in_use_ = false;  // by this block
    Own own_[kMostThreads];
};

}  // namespace refconv
