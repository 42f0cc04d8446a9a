#include "fences.h"

namespace refconv {

void Fences::atomic(uintptr_t address, uint32_t block_first_phase, const Point& now, bool fenced) {
    bool anything = false;
    for (uint32_t i = 0; i < published_.count; ++i) anything |= published_.items[i].address == address;
    if (anything) learnt_.add({address, published_.count, now});
    if (!fenced) return;
    published_.add({address, {block_first_phase, now}});
    // What this thread has learnt from others, it passes on.
    uint32_t known = published_.count;
    for (uint32_t l = 0; l < learnt_.count; ++l) {
        const Learnt& learnt = learnt_.items[l];
        for (uint32_t i = 0; learnt.is_known(now) && i < known && i < learnt.published; ++i) {
            Published entry = published_.items[i];
            if (entry.address != learnt.address || entry.address == address) continue;
            entry.address = address;
            published_.add(entry);
        }
    }
}

bool Fences::knows(const Point& access, const Point& now) const {
    for (uint32_t l = 0; l < learnt_.count; ++l) {
        const Learnt& learnt = learnt_.items[l];
        if (!learnt.is_known(now)) continue;
        for (uint32_t i = 0; i < learnt.published; ++i) {
            const Published& entry = published_.items[i];
            if (entry.address == learnt.address && entry.knowledge.covers(access)) return true;
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
