#include "fences.h"

namespace refconv {

void Fences::atomic(uintptr_t address, uint32_t block_first_phase, uint32_t phase, uint16_t thread, bool fenced) {
    bool anything = false;
    for (uint32_t i = 0; i < published_.count; ++i) anything |= published_.items[i].address == address;
    if (anything) learnt_.add({address, published_.count, phase, thread});
    if (!fenced) return;
    published_.add({address, {block_first_phase, phase, thread}});
    // What this block has learnt from others, it passes on.
    uint32_t known = published_.count;
    for (uint32_t l = 0; l < learnt_.count; ++l) {
        const Learnt& learnt = learnt_.items[l];
        for (uint32_t i = 0; i < known && i < learnt.published; ++i) {
            const Published& entry = published_.items[i];
            if (entry.address == learnt.address && entry.address != address) {
                published_.add({address, entry.knowledge});
            }
        }
    }
}

bool Fences::knows(uint32_t access_phase, uint16_t access_thread, uint32_t phase, uint16_t thread) const {
    for (uint32_t l = 0; l < learnt_.count; ++l) {
        const Learnt& learnt = learnt_.items[l];
        if (learnt.thread != thread && learnt.phase >= phase) continue;
        for (uint32_t i = 0; i < learnt.published; ++i) {
            const Published& entry = published_.items[i];
            if (entry.address == learnt.address && entry.knowledge.covers(access_phase, access_thread)) return true;
        }
    }
    return false;
}

void Fences::begin_block() { learnt_.count = 0; }

void Fences::free() {
    published_.free();
    learnt_.free();
}

}  // namespace refconv
