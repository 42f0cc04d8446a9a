// The cells of the checker, and the accesses that need no second look.
#pragma once
#include "abi.h"

namespace refconv {
namespace shadow {

// Who made an access, and where. Phases count on from launch to launch of a module, so phase 0 is nobody.
struct Stamp {
    uint32_t phase;
    uint32_t pc;  // relative to the module, with the highest bit set for an atomic, and the next if of the block's scope
    uint16_t thread;
    uint16_t syncs;  // of the thread's warp, when it did

    static constexpr uint32_t kAtomicBit = 1u << 31, kBlockBit = 1u << 30;
    bool is_of_block() const { return pc & kBlockBit; }
    bool is_atomic() const { return pc & kAtomicBit; }
};

// What is known of four bytes. Only the last write matters: it has been checked against all that came before. Of
// reads, a write must be checked against every one since; the last one, one by another thread, and the last one by
// another block are enough to find a race if there is one.
struct Cell {
    Stamp write, read, foreign_read;
    Stamp other_read;  // by another thread than `read`, in the same phase, and not ordered before it
    bool never_written;  // the launch says that it holds poison
    uint16_t copies;     // of cp.async that read or write the word and are under way
    // Not 0: the word is not to be judged in haste. Its highest bit: there are such copies. The others, if not 0: each byte
    // has a cell of its own, from this index of the bytes' list.
    uint32_t special;

    static constexpr uint32_t kCopiesBit = 1u << 31;
    uint32_t split() const { return special & ~kCopiesBit; }
};

// Memory with cells: an array, the block's shared memory, or the module's own variables.
struct Area {
    uintptr_t begin, size;
    Cell* cells;
    int32_t region;  // as in Finding
    bool shared, read_only;
};

// What the common accesses need, in one place: that of a thread which comes to a word in its block's order.
struct Fast {
    Area* area;  // where the last access was
    uint64_t countdown;  // accesses until the budget, or another thread, must be thought of
    uintptr_t base;      // of the module
    uintptr_t stacks, stacks_size;  // the threads' own variables, which are no concern of the checker
    uint32_t phase, block_first_phase, launch_first_phase;
    uint16_t thread, syncs;  // of the current thread
};
extern Fast fast;

inline Stamp stamp_now(const void* pc) {
    return {fast.phase, static_cast<uint32_t>(reinterpret_cast<uintptr_t>(pc) - fast.base), fast.thread, fast.syncs};
}

// The cell of an aligned word in the same area as the last access, unless there is something to decide about it.
inline Cell* easy_cell(uintptr_t address) {
    uintptr_t offset = address - fast.area->begin;
    if (offset >= fast.area->size || (address & 3) || fast.area->size - offset < 4 || fast.countdown == 0) return nullptr;
    Cell* cell = fast.area->cells + offset / 4;
    return cell->special ? nullptr : cell;
}

inline bool is_own_variable(uintptr_t address) { return address - fast.stacks < fast.stacks_size; }

// Whether an access is over and done with: it never was, or an earlier launch made it, or a barrier of this block came
// after it. Shared memory begins anew with every block, so what an earlier block did to it is over, too.
inline bool is_over(const Stamp& stamp) {
    return stamp.phase < fast.phase &&
           (fast.area->shared || stamp.phase < fast.launch_first_phase || stamp.phase >= fast.block_first_phase);
}
inline bool is_own(const Stamp& stamp) { return stamp.phase == fast.phase && stamp.thread == fast.thread; }

// Both return whether that was all there is to check.
inline bool easy_read(uintptr_t address, const void* pc) {
    Cell* cell = easy_cell(address);
    if (!cell || cell->never_written || !(is_over(cell->write) || is_own(cell->write))) return false;
    if (fast.area->shared && cell->write.phase < fast.block_first_phase) return false;  // nobody in this block wrote it
    if (cell->read.phase == fast.phase && cell->read.thread != fast.thread) {
        if (fast.syncs) return false;  // a __syncwarp may have come between the two
        cell->other_read = cell->read;
    } else if (!is_over(cell->read) && !is_own(cell->read)) {
        return false;
    }
    cell->read = stamp_now(pc);
    --fast.countdown;
    return true;
}
inline bool easy_write(uintptr_t address, const void* pc) {
    Cell* cell = easy_cell(address);
    if (!cell || fast.area->read_only || cell->foreign_read.phase) return false;
    if (!(is_over(cell->write) || is_own(cell->write)) || !is_over(cell->read)) return false;
    cell->write = stamp_now(pc);
    cell->never_written = false;
    --fast.countdown;
    return true;
}

}  // namespace shadow
}  // namespace refconv
