#ifdef REFCONV_CHECK
#include "shadow.h"

#include <stdlib.h>
#include <string.h>

#include "block.h"
#include "fences.h"
#include "shared_memory.h"

namespace refconv {
namespace shadow {

namespace {

// Who made an access, and where. phase 0: nobody yet.
struct Stamp {
    uint32_t phase = 0;
    uint32_t pc = 0;  // relative to the module, with the highest bit set for an atomic
    uint16_t thread = 0;
    uint16_t syncs = 0;  // of the thread's warp, when it did

    static constexpr uint32_t kAtomicBit = 1u << 31;
    bool is_atomic() const { return pc & kAtomicBit; }
};

// What is known of four bytes. Only the last write matters: it has been checked against all that came before. Of
// reads, a write must be checked against every one since; the last one, one by another thread, and the last one by
// another block are enough to find a race if there is one.
struct Cell {
    Stamp write, read, foreign_read;
    uint16_t other_reader = 0;   // a thread that read in the same phase as `read` did, and is not that one
    bool has_other_reader = false;
    bool never_written = false;  // the launch says that it holds poison
    uint32_t split = 0;          // not 0: each byte has a cell of its own, from this index of the bytes' list
};

// Memory with cells: an array, the block's shared memory, or the module's own variables.
struct Area {
    uintptr_t begin, size;
    Cell* cells;
    int32_t region;  // as in Finding
    bool shared, read_only;
};

constexpr int kMostAreas = 64;

Area areas[kMostAreas];
int area_count;
Area* last_area;
List<Cell> bytes;  // the cells of split words, four at a time; index 0 stands for none
Fences fences;
Image image;
const Launch* launch;
Finding* finding;
uint32_t phase, block_first_phase;
uint64_t steps;

// The phase at which each block began, to name a block by a phase.
struct BlockStart {
    uint32_t phase;
    Index block;
};
List<BlockStart> block_starts;

constexpr uint64_t kPreemptOneIn = 8;

Index block_of(uint32_t access_phase) {
    uint32_t low = 0, high = block_starts.count;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        (block_starts.items[middle].phase <= access_phase ? low : high) = middle;
    }
    return block_starts.items[low].block;
}

[[noreturn]] void report(Kind kind, uintptr_t address, uint32_t size, Access access, const void* pc, const Area* area) {
    finding->kind = kind;
    finding->is_write = access;
    finding->address = address;
    finding->size = static_cast<int32_t>(size);
    finding->thread = the_block.current_thread();
    finding->pc = reinterpret_cast<uintptr_t>(pc) - image.base;
    uintptr_t storage = reinterpret_cast<uintptr_t>(image.storage_begin);
    uintptr_t storage_end = reinterpret_cast<uintptr_t>(image.storage_end);
    bool shared = address - storage < storage_end - storage;
    finding->region = shared ? kSharedRegion : area ? area->region : kNoRegion;
    finding->offset = address - (shared ? storage : area ? area->begin : 0);
    the_block.abandon();
}

[[noreturn]] void report_race(uintptr_t address, uint32_t size, Access access, const void* pc, const Area* area,
                              const Stamp& other, uint16_t other_thread, Access other_access) {
    finding->has_other = 1;
    finding->other_is_write = other.is_atomic() ? kAtomic : other_access;
    finding->other_block = block_of(other.phase);
    finding->other_thread = the_block.index(other_thread);
    finding->other_pc = other.pc & ~Stamp::kAtomicBit;
    report(kRace, address, size, access, pc, area);
}

bool add_area(uint8_t* begin, uint8_t* end, int32_t region, bool read_only, bool uninitialised) {
    size_t size = end - begin;
    if (size == 0) return true;
    if (area_count == kMostAreas) return false;
    size_t words = (size + 3) / 4;
    Cell* cells = static_cast<Cell*>(calloc(words, sizeof(Cell)));
    if (!cells) return false;
    for (size_t i = 0; uninitialised && i < words; ++i) cells[i].never_written = true;
    areas[area_count++] = {reinterpret_cast<uintptr_t>(begin), size, cells, region, region == kSharedRegion, read_only};
    return true;
}

// The static part, and as much of the dynamic part as was asked for; what lies between is nobody's.
bool add_shared_areas(uint8_t* dynamic, uint32_t dynamic_size) {
    uint8_t *begin = image.storage_begin, *end = image.storage_end;
    if (!dynamic) return add_area(begin, end, kSharedRegion, false, false);
    return add_area(begin, dynamic, kSharedRegion, false, false) &&
           add_area(dynamic, dynamic + dynamic_size, kSharedRegion, false, false) &&
           add_area(dynamic + kMostDynamicShared, end, kSharedRegion, false, false);
}

Area* area_of(uintptr_t address) {
    if (address - last_area->begin < last_area->size) return last_area;
    for (int i = 0; i < area_count; ++i) {
        if (address - areas[i].begin < areas[i].size) return last_area = &areas[i];
    }
    return nullptr;
}

// -- races ---------------------------------------------------------------------------------------------------

// Whether an earlier access by `other_thread` is ordered before one of the current thread, now.
bool ordered(const Stamp& other, uint16_t other_thread) {
    int self = the_block.current();
    if (other.phase >= block_first_phase) {
        if (other.phase < phase || other_thread == self) return true;
        if (other_thread / kWarpSize == self / kWarpSize) {
            bool both_synced = the_block.thread(self).syncs > other.syncs &&
                               the_block.thread(other_thread).syncs > other.syncs;
            if (both_synced) return true;
        }
    }
    return fences.knows(other.phase, other_thread, phase, static_cast<uint16_t>(self));
}

struct Now {
    uintptr_t address;
    uint32_t size;
    Access access;
    const void* pc;
    const Area* area;
    Stamp stamp;
};

void check_against(const Now& now, const Stamp& other, uint16_t other_thread, Access other_access) {
    if (other.phase == 0 || (now.access == kAtomic && other.is_atomic())) return;
    if (!ordered(other, other_thread)) {
        report_race(now.address, now.size, now.access, now.pc, now.area, other, other_thread, other_access);
    }
}

void note_read(Cell& cell, const Stamp& stamp) {
    if (cell.read.phase == stamp.phase) {
        if (cell.read.thread != stamp.thread) {
            cell.other_reader = cell.read.thread;
            cell.has_other_reader = true;
        }
    } else {
        if (cell.read.phase != 0 && cell.read.phase < block_first_phase) cell.foreign_read = cell.read;
        cell.has_other_reader = false;
    }
    cell.read = stamp;
}

void check_cell(Cell& cell, const Now& now) {
    bool writes = now.access != kRead;
    // Shared memory begins anew with every block: what earlier blocks did to it is of no concern.
    if (now.area->shared && cell.write.phase < block_first_phase && cell.read.phase < block_first_phase) {
        cell = Cell();
        cell.never_written = true;
    }
    if (now.access != kWrite && cell.never_written) {
        report(kUninitialised, now.address, now.size, now.access, now.pc, now.area);
    }
    if (cell.write.phase != phase || cell.write.thread != now.stamp.thread) {
        check_against(now, cell.write, cell.write.thread, kWrite);
    }
    if (!writes) {
        note_read(cell, now.stamp);
        return;
    }
    check_against(now, cell.read, cell.read.thread, kRead);
    if (cell.has_other_reader) check_against(now, cell.read, cell.other_reader, kRead);
    check_against(now, cell.foreign_read, cell.foreign_read.thread, kRead);
    cell.write = now.stamp;
    cell.never_written = false;
}

// The cells of a word's four bytes, made when first a part of the word is touched.
Cell* split(Cell& cell) {
    if (cell.split == 0) {
        if (bytes.count == 0) {
            for (int i = 0; i < 4; ++i) bytes.add(Cell());
        }
        uint32_t first = bytes.count;
        for (int i = 0; i < 4; ++i) {
            if (!bytes.add(cell)) {
                finding->kind = kOutOfMemory;
                the_block.abandon();
            }
        }
        cell.split = first;
    }
    return bytes.items + cell.split;
}

void check_word(Cell& cell, uint32_t first_byte, uint32_t count, const Now& now) {
    if (count == 4 && cell.split == 0) {
        check_cell(cell, now);
        return;
    }
    Cell* parts = split(cell);
    for (uint32_t i = first_byte; i < first_byte + count; ++i) check_cell(parts[i], now);
}

}  // namespace

// -- one access ----------------------------------------------------------------------------------------------

void check(const volatile void* pointer, uint32_t size, Access access, const void* pc) {
    uintptr_t address = reinterpret_cast<uintptr_t>(pointer);
    if (the_block.stacks().holds(address)) return;  // a thread's own variables
    if (++steps > launch->step_budget && launch->step_budget) report(kEndless, address, size, access, pc, nullptr);
    if (launch->order == kPreemptive && the_block.random().below(kPreemptOneIn) == 0) the_block.preempt();
    Area* area = area_of(address);
    if (!area) {
        if (address - image.begin < image.end - image.begin) return;  // constants, threadIdx and the like
        report(kOutOfBounds, address, size, access, pc, nullptr);
    }
    uintptr_t offset = address - area->begin;
    if (offset + size > area->size) report(kOutOfBounds, address, size, access, pc, area);
    if (address & (size - 1)) report(kMisaligned, address, size, access, pc, area);
    if (access != kRead && area->read_only) report(kReadOnly, address, size, access, pc, area);
    const Thread& thread = the_block.thread(the_block.current());
    uint32_t where = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(pc) - image.base);
    Now now = {address, size, access, pc, area,
               {phase, where | (access == kAtomic ? Stamp::kAtomicBit : 0),
                static_cast<uint16_t>(the_block.current()), thread.syncs}};
    Cell* cell = area->cells + offset / 4;
    for (uint32_t left = size, byte = offset % 4; left > 0; ++cell, byte = 0) {
        uint32_t count = left < 4 - byte ? left : 4 - byte;
        check_word(*cell, byte, count, now);
        left -= count;
    }
    if (access == kAtomic && !area->shared) {
        fences.atomic(address, block_first_phase, phase, now.stamp.thread, thread.fenced);
    }
}

void check_range(const volatile void* pointer, size_t size, Access access, const void* pc) {
    const volatile char* byte = static_cast<const volatile char*>(pointer);
    for (size_t i = 0; i < size; ++i) check(byte + i, 1, access, pc);
}

void fence() { the_block.thread(the_block.current()).fenced = true; }

// -- the launch ----------------------------------------------------------------------------------------------

bool begin_launch(const Launch& launched, const Image& found, Finding* reported) {
    launch = &launched;
    image = found;
    finding = reported;
    area_count = 0;
    steps = 0;
    phase = block_first_phase = 0;
    bool room = add_shared_areas(static_cast<uint8_t*>(refconv_dynamic_shared()), launched.dynamic_shared);
    for (int i = 0; room && i < launched.region_count; ++i) {
        const Region& region = launched.regions[i];
        room = add_area(region.begin, region.end, i, region.read_only, region.uninitialised);
    }
    if (area_count == 0) areas[0] = {0, 0, nullptr, kNoRegion, false, false};
    last_area = &areas[0];
    return room;
}

void end_launch() {
    for (int i = 0; i < area_count; ++i) free(areas[i].cells);
    area_count = 0;
    bytes.free();
    fences.free();
    block_starts.free();
}

void begin_block(const Index& block) {
    block_first_phase = ++phase;
    block_starts.add({phase, block});
    fences.begin_block();
}

void next_phase() { ++phase; }

}  // namespace shadow
}  // namespace refconv
#endif
