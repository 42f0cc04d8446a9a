#include "fences.h"

#include <string.h>

#include "block.h"

namespace refconv {

bool Fences::Release::covers(const Point& access, uintptr_t atomic) const {
    // The atomic itself stands behind the fence, but whoever has seen it comes after it: the last block may set the
    // ticket back to 0.
    if (atomic == address && access.thread == at.thread && access.phase == at.phase && access.syncs <= at.syncs) return true;
    if (first_phase <= access.phase && access.phase < fence_phase) return true;
    bool warp = access.thread / kLanes == at.thread / kLanes;
    return access.phase == fence_phase && warp && access.syncs < known[access.thread % kLanes];
}

// -- by address ----------------------------------------------------------------------------------------------

uint32_t* Fences::newest(uintptr_t address, bool make) {
    if (make && 2 * slots_used_ >= slot_count_ && !grow()) return nullptr;
    if (slot_count_ == 0) return nullptr;
    uint32_t i = static_cast<uint32_t>((address * 0x9e3779b97f4a7c15u) >> 32) & (slot_count_ - 1);
    while (slots_[i].address && slots_[i].address != address) i = (i + 1) & (slot_count_ - 1);
    if (!slots_[i].address) {
        if (!make) return nullptr;
        slots_[i].address = address;
        ++slots_used_;
    }
    return &slots_[i].release;
}

bool Fences::grow() {
    uint32_t old_count = slot_count_, more = old_count ? 2 * old_count : 64;
    Slot* old = slots_;
    Slot* made = static_cast<Slot*>(__builtin_calloc(more, sizeof(Slot)));
    if (!made) return false;
    slots_ = made;
    slot_count_ = more;
    slots_used_ = 0;
    for (uint32_t i = 0; i < old_count; ++i) {
        if (old[i].address) *newest(old[i].address, true) = old[i].release;
    }
    __builtin_free(old);
    return true;
}

// -- release and acquire -------------------------------------------------------------------------------------

void Fences::atomic(uintptr_t address, uint32_t block_first_phase, const Point& now) {
    if (too_many_) return;
    uint32_t* head = newest(address, false);
    if (head && *head) {
        // Often, as in a loop that waits for a lock, there is nothing new.
        const Acquired* last = acquired_.count > block_acquired_ ? &acquired_.items[acquired_.count - 1] : nullptr;
        bool again = last && last->release == *head && last->at.thread == now.thread;
        if (!again && !acquired_.add({*head, now})) too_many_ = true;
    }
    uint32_t fence_phase = the_block().thread(now.thread).fence_phase;
    if (fence_phase == 0) return;
    head = newest(address, true);
    if (!head || releases_.count == kMost || acquired_.count > 4 * kMost) {
        too_many_ = true;
        return;
    }
    Release release = {address, *head, 0, block_first_phase, fence_phase, now, {}, block_acquired_, acquired_.count};
    memcpy(release.known, the_block().known_at_fence(now.thread), sizeof release.known);
    if (releases_.add(release)) {
        *head = releases_.count;
    } else {
        too_many_ = true;
    }
}

bool Fences::knows(const Point& access, uintptr_t atomic, const Point& now) {
    if (too_many_) return true;
    ++query_;
    pending_.count = 0;
    const uint16_t* known = the_block().known(now.thread);
    for (uint32_t i = block_acquired_; i < acquired_.count; ++i) {
        const Point& at = acquired_.items[i].at;
        bool by_warp = at.thread / kLanes == now.thread / kLanes && at.syncs < known[at.thread % kLanes];
        if (at.thread != now.thread && at.phase == now.phase && !by_warp) continue;
        if (!pending_.add(acquired_.items[i].release)) return true;
    }
    while (pending_.count > 0) {
        uint32_t next = pending_.items[--pending_.count];
        // Those before one that was here are, too.
        while (next && releases_.items[next - 1].query != query_) {
            Release& release = releases_.items[next - 1];
            release.query = query_;
            if (release.covers(access, atomic)) return true;
            for (uint32_t i = release.acquired_begin; i < release.acquired_end; ++i) {
                const Point& at = acquired_.items[i].at;
                bool by_warp = at.thread / kLanes == release.at.thread / kLanes && at.syncs < release.known[at.thread % kLanes];
                if (at.thread != release.at.thread && at.phase >= release.fence_phase && !by_warp) continue;
                if (!pending_.add(acquired_.items[i].release)) return true;
            }
            next = release.previous;
        }
    }
    return false;
}

void Fences::free() {
    releases_.free();
    acquired_.free();
    pending_.free();
    __builtin_free(slots_);
    slots_ = nullptr;
    slot_count_ = slots_used_ = block_acquired_ = 0;
    too_many_ = false;
}

}  // namespace refconv
