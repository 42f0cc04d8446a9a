#ifdef REFCONV_CHECK
#include "shadow.h"

#include <stdlib.h>

#include "block.h"
#include "fences.h"
#include "shadow_cells.h"
#include "shared_memory.h"

namespace refconv {
namespace shadow {

Fast fast;

namespace {

constexpr int kMostAreas = 64;

Area areas[kMostAreas];
int area_count;
Cell* module_cells;  // of the module's own variables, which outlive a launch
List<Cell> bytes;  // the cells of split words, four at a time; index 0 stands for none
Fences fences;
Image image;
const Launch* launch;
Finding* finding;
uint64_t steps_left;  // of the launch's budget, beyond those of fast.countdown

// The phase at which each block began, to name a block by a phase.
struct BlockStart {
    uint32_t phase;
    Index block;
};
List<BlockStart> block_starts;

constexpr uint64_t kPreemptEvery = 8;  // accesses, on average
constexpr uint64_t kSteps = 1 << 20;

Index block_of(uint32_t access_phase) {
    uint32_t low = 0, high = block_starts.count;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        (block_starts.items[middle].phase <= access_phase ? low : high) = middle;
    }
    return block_starts.items[low].block;
}

void fill_finding(Kind kind, uintptr_t address, uint32_t size, Access access, const void* pc, const Area* area,
                  const Index& thread) {
    finding->kind = kind;
    finding->is_write = access;
    finding->address = address;
    finding->size = static_cast<int32_t>(size);
    finding->thread = thread;
    finding->pc = reinterpret_cast<uintptr_t>(pc) - image.base;
    uintptr_t storage = reinterpret_cast<uintptr_t>(image.storage_begin);
    uintptr_t storage_end = reinterpret_cast<uintptr_t>(image.storage_end);
    if (address - storage < storage_end - storage) {
        finding->region = kSharedRegion;
        finding->offset = address - storage;
    } else if (area && area->region == kModuleRegion) {
        finding->region = kModuleRegion;
        finding->offset = address - image.base;
    } else {
        finding->region = area ? area->region : kNoRegion;
        finding->offset = address - (area ? area->begin : 0);
    }
}

[[noreturn]] void report(Kind kind, uintptr_t address, uint32_t size, Access access, const void* pc, const Area* area) {
    fill_finding(kind, address, size, access, pc, area, the_block().current_thread());
    the_block().abandon();
}

[[noreturn]] void report_race(uintptr_t address, uint32_t size, Access access, const void* pc, const Area* area,
                              const Stamp& other, uint16_t other_thread, Access other_access) {
    finding->has_other = 1;
    finding->other_is_write = other.is_atomic() ? kAtomic : other_access;
    finding->other_block = block_of(other.phase);
    finding->other_thread = the_block().index(other_thread);
    finding->other_pc = other.pc & ~(Stamp::kAtomicBit | Stamp::kBlockBit);
    report(kRace, address, size, access, pc, area);
}

bool add_area(uint8_t* begin, uint8_t* end, int32_t region, bool read_only, bool uninitialised, Cell* cells = nullptr) {
    size_t size = end - begin;
    if (size == 0) return true;
    if (area_count == kMostAreas) return false;
    size_t words = (size + 3) / 4;
    if (!cells) cells = static_cast<Cell*>(calloc(words, sizeof(Cell)));
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
    for (int i = 0; i < area_count; ++i) {
        if (address - areas[i].begin < areas[i].size) return fast.area = &areas[i];
    }
    return nullptr;
}

// -- races ---------------------------------------------------------------------------------------------------

// Whether a barrier or a __syncwarp orders an earlier access before one of the current thread, now.
bool ordered_in_block(const Stamp& other) {
    if (other.phase < fast.block_first_phase) return false;
    if (other.phase < fast.phase || other.thread == fast.thread) return true;
    bool warp = other.thread / kWarpSize == fast.thread / kWarpSize;
    return warp && the_block().syncs_known(fast.thread, other.thread) > other.syncs;
}

// Whether anything does. address: of the access.
bool ordered(const Stamp& other, uintptr_t address) {
    if (ordered_in_block(other)) return true;
    return fences.knows({other.phase, other.thread, other.syncs}, other.is_atomic() ? address : 0,
                        {fast.phase, fast.thread, fast.syncs});
}

struct Now {
    uintptr_t address;
    uint32_t size;
    Access access;
    const void* pc;
    const Area* area;
    Stamp stamp;
};

// An atomic of the block's scope is one for the block's own threads only.
bool are_both_atomic(const Now& now, const Stamp& other) {
    if (now.access != kAtomic || !other.is_atomic()) return false;
    return other.phase >= fast.block_first_phase || !(now.stamp.is_of_block() || other.is_of_block());
}

void check_against(const Now& now, const Stamp& other, uint16_t other_thread, Access other_access) {
    // Shared memory begins anew with every block, and all memory with every launch.
    uint32_t since = now.area->shared ? fast.block_first_phase : fast.launch_first_phase;
    if (other.phase < since || are_both_atomic(now, other)) return;
    if (!ordered(other, now.address)) {
        report_race(now.address, now.size, now.access, now.pc, now.area, other, other_thread, other_access);
    }
}

// A cp.async may still read or write the word: nobody may write to what it reads, nor touch what it writes, which is shared
// memory.
void check_against_copies(const Now& now) {
    bool writes = now.access != kRead;
    if (!writes && !now.area->shared) return;
    const Copy* copy = the_block().copies().met_by(now.address, now.size, writes);
    if (!copy) return;
    finding->has_other = 1;
    finding->other_is_write = copy->writes(now.address, now.size);
    finding->other_block = finding->block;
    finding->other_thread = the_block().index(copy->thread);
    finding->other_file = copy->place.file;
    finding->other_line = copy->place.line();
    Stamp issued = {copy->phase, 0, static_cast<uint16_t>(copy->thread), copy->syncs};
    report(ordered_in_block(issued) ? kMeetsCopy : kRacesCopy, now.address, now.size, now.access, now.pc, now.area);
}

void note_read(Cell& cell, const Stamp& stamp) {
    if (cell.read.phase >= fast.launch_first_phase && cell.read.phase < fast.block_first_phase) {
        cell.foreign_read = cell.read;
    } else if (!ordered_in_block(cell.read)) {
        // A write that comes after this read, but not after that one, must be checked against that one, too. Had it
        // been ordered before this one, whatever comes after this one would come after both. One by another warp is
        // worth more: a __syncwarp will not order it.
        bool other_warp = cell.read.thread / kWarpSize != stamp.thread / kWarpSize;
        bool kept_is_foreign = cell.other_read.phase == fast.phase &&
                               cell.other_read.thread / kWarpSize != stamp.thread / kWarpSize;
        if (other_warp || !kept_is_foreign) cell.other_read = cell.read;
    }
    cell.read = stamp;
}

// Returns whether the bytes are read though nobody has written them.
bool check_cell(Cell& cell, const Now& now) {
    bool writes = now.access != kRead;
    // Shared memory begins anew with every block: what earlier blocks did to it is of no concern.
    if (now.area->shared && cell.write.phase < fast.block_first_phase && cell.read.phase < fast.block_first_phase) {
        cell = Cell();
        cell.never_written = true;
    }
    bool unwritten = now.access != kWrite && cell.never_written;
    if (cell.write.phase != fast.phase || cell.write.thread != now.stamp.thread) {
        check_against(now, cell.write, cell.write.thread, kWrite);
    }
    if (!writes) {
        note_read(cell, now.stamp);
        return unwritten;
    }
    check_against(now, cell.read, cell.read.thread, kRead);
    check_against(now, cell.other_read, cell.other_read.thread, kRead);
    check_against(now, cell.foreign_read, cell.foreign_read.thread, kRead);
    // A thread's atomic does not make its own plain write of a moment ago an atomic one.
    bool plain_remains = now.access == kAtomic && is_own(cell.write) && !cell.write.is_atomic();
    // And the last of several threads' atomics is not the only one that a plain access may race with.
    if (now.access == kAtomic && cell.write.is_atomic() && !ordered_in_block(cell.write)) {
        cell.other_read = cell.write;
    }
    if (!plain_remains) cell.write = now.stamp;
    cell.never_written = false;
    return unwritten;
}

// The cells of a word's four bytes, made when first a part of the word is touched.
Cell* split(Cell& cell) {
    if (cell.split() == 0) {
        if (bytes.count == 0) {
            for (int i = 0; i < 4; ++i) bytes.add(Cell());
        }
        uint32_t first = bytes.count;
        for (int i = 0; i < 4; ++i) {
            if (!bytes.add(cell)) {
                finding->kind = kOutOfMemory;
                the_block().abandon();
            }
        }
        cell.special |= first;
    }
    return bytes.items + cell.split();
}

// The cells of these bytes of a word: that of the word if it is whole, else each byte's. visit(cell, bytes)
template <class Visit>
void visit_word(Cell& cell, uint32_t first_byte, uint32_t count, Visit visit) {
    if (count == 4 && cell.split() == 0) {
        visit(cell, 4u);
        return;
    }
    Cell* parts = split(cell);
    for (uint32_t i = first_byte; i < first_byte + count; ++i) visit(parts[i], 1u);
}

// The words of an access that lies in the area. visit(cell, first byte, count)
template <class Visit>
void visit_words(const Area& area, uintptr_t address, uint32_t size, Visit visit) {
    uintptr_t offset = address - area.begin;
    Cell* cell = area.cells + offset / 4;
    for (uint32_t left = size, byte = offset % 4; left > 0; ++cell, byte = 0) {
        uint32_t count = left < 4 - byte ? left : 4 - byte;
        visit(*cell, byte, count);
        left -= count;
    }
}

// Both return how many of the bytes are read though nobody has written them.
__attribute__((noinline)) uint32_t check_special_word(Cell& cell, uint32_t first_byte, uint32_t count, const Now& now) {
    uint32_t unwritten = 0;
    if (cell.copies) check_against_copies(now);
    visit_word(cell, first_byte, count, [&](Cell& part, uint32_t size) { unwritten += check_cell(part, now) ? size : 0; });
    return unwritten;
}
uint32_t check_word(Cell& cell, uint32_t first_byte, uint32_t count, const Now& now) {
    if (count == 4 && cell.special == 0) return check_cell(cell, now) ? 4 : 0;
    return check_special_word(cell, first_byte, count, now);
}

// A read of memory that nobody has written yet. If another thread writes it before the next barrier, the two race, and
// that is the finding; so this one waits until then.
struct Unwritten {
    uintptr_t address;
    uint32_t size;
    Access access;
    const void* pc;
    const Area* area;
    Index thread;
} unwritten_read;

// The countdown has run out: for the budget, or because it is time for another thread.
void tick(uintptr_t address, uint32_t size, Access access, const void* pc) {
    if (steps_left == 0) report(kEndless, address, size, access, pc, nullptr);
    bool preemptive = launch->order == kPreemptive;
    uint64_t stretch = preemptive ? 1 + the_block().random().below(2 * kPreemptEvery) : kSteps;
    fast.countdown = stretch < steps_left ? stretch : steps_left;
    steps_left -= fast.countdown;
    if (preemptive) the_block().preempt();
}

}  // namespace

// -- one access ----------------------------------------------------------------------------------------------

namespace {

// Returns whether it reads what nobody has written.
bool check_one(uintptr_t address, uint32_t size, Access access, const void* pc) {
    uint32_t scope = access == kBlockAtomic ? Stamp::kBlockBit : 0;
    if (access == kBlockAtomic) access = kAtomic;
    if (is_own_variable(address)) return false;
    if (fast.countdown == 0) tick(address, size, access, pc);
    --fast.countdown;
    Area* area = area_of(address);
    if (!area) {
        if (address - image.begin < image.end - image.begin) return false;  // constants
        report(kOutOfBounds, address, size, access, pc, nullptr);
    }
    uintptr_t offset = address - area->begin;
    if (offset + size > area->size) report(kOutOfBounds, address, size, access, pc, area);
    if (address & (size - 1)) report(kMisaligned, address, size, access, pc, area);
    if (access != kRead && area->read_only) report(kReadOnly, address, size, access, pc, area);
    Now now = {address, size, access, pc, area, stamp_now(pc)};
    if (access == kAtomic) now.stamp.pc |= Stamp::kAtomicBit | scope;
    Cell* cell = area->cells + offset / 4;
    uint32_t unwritten = 0, unwritten_words = 0;
    for (uint32_t left = size, byte = offset % 4; left > 0; ++cell, byte = 0) {
        uint32_t count = left < 4 - byte ? left : 4 - byte;
        uint32_t bytes_of_word = check_word(*cell, byte, count, now);
        unwritten += bytes_of_word;
        unwritten_words += bytes_of_word == 4;
        left -= count;
    }
    // A struct is copied with its padding, which nobody writes: up to eight bytes, some must have been written. Of a
    // vector's sixteen, every word.
    if (access == kAtomic && !area->shared) {
        fences.atomic(address, fast.block_first_phase, {fast.phase, fast.thread, fast.syncs});
    }
    return unwritten == size || (size == 16 && unwritten_words > 0);
}

void note_unwritten(uintptr_t address, size_t size, Access access, const void* pc) {
    if (unwritten_read.size) return;
    unwritten_read = {address, uint32_t(size), access, pc, area_of(address), the_block().current_thread()};
}

}  // namespace

void check(const volatile void* pointer, uint32_t size, Access access, const void* pc) {
    uintptr_t address = reinterpret_cast<uintptr_t>(pointer);
    if (check_one(address, size, access, pc)) note_unwritten(address, size, access == kBlockAtomic ? kAtomic : access, pc);
}

void check_range(const volatile void* pointer, size_t size, Access access, const void* pc) {
    uintptr_t address = reinterpret_cast<uintptr_t>(pointer);
    size_t unwritten = 0;
    for (size_t i = 0; i < size; ++i) unwritten += check_one(address + i, 1, access, pc);
    if (size && unwritten == size) note_unwritten(address, size, access, pc);
}

// -- cp.async ------------------------------------------------------------------------------------------------

void check_copy(const Copy& copy) {
    // What is read may be any number of bytes: pieces that are accesses.
    uint32_t done = 0;
    for (uint32_t piece = 16; piece > 0; piece /= 2) {
        if (copy.source_size - done < piece) continue;
        check(copy.from + done, piece, kRead, copy.pc);
        done += piece;
    }
    check(copy.to, copy.size, kWrite, copy.pc);
}

namespace {

template <class Visit>
void visit_words_of(const void* pointer, uint32_t size, Visit visit) {
    uintptr_t address = reinterpret_cast<uintptr_t>(pointer);
    const Area* area = area_of(address);  // none: constants, which nobody writes
    if (area && size) visit_words(*area, address, size, visit);
}

}  // namespace

void begin_copy(Copy& copy) {
    copy.phase = fast.phase;
    copy.syncs = fast.syncs;
    auto mark = [](Cell& cell, uint32_t, uint32_t) {
        ++cell.copies;
        cell.special |= Cell::kCopiesBit;
    };
    visit_words_of(copy.from, copy.source_size, mark);
    visit_words_of(copy.to, copy.size, mark);
}

void end_copy(const Copy& copy, bool waited) {
    auto unmark = [](Cell& cell) {
        if (--cell.copies == 0) cell.special &= ~Cell::kCopiesBit;
    };
    Stamp stamp = stamp_now(copy.pc);
    visit_words_of(copy.from, copy.source_size, [&](Cell& cell, uint32_t byte, uint32_t count) {
        unmark(cell);
        if (waited) visit_word(cell, byte, count, [&](Cell& part, uint32_t) { note_read(part, stamp); });
    });
    visit_words_of(copy.to, copy.size, [&](Cell& cell, uint32_t byte, uint32_t count) {
        unmark(cell);
        if (waited) visit_word(cell, byte, count, [&](Cell& part, uint32_t) { part.write = stamp; });
    });
}

void fence() {
    the_block().fence(fast.phase);
    fast.syncs = the_block().thread(the_block().current()).syncs;
}

// -- the launch ----------------------------------------------------------------------------------------------

bool begin_launch(const Launch& launched, const Image& found, Finding* reported) {
    launch = &launched;
    image = found;
    finding = reported;
    area_count = 0;
    steps_left = launched.step_budget ? launched.step_budget : ~uint64_t(0);
    fast.countdown = 0;
    fast.base = image.base;
    fast.stacks = the_block().stacks().base();
    fast.stacks_size = the_block().stacks().size();
    fast.launch_first_phase = fast.block_first_phase = fast.phase + 1;
    size_t module_words = (image.data_end - image.data_begin + 3) / 4;
    if (!module_cells) module_cells = static_cast<Cell*>(calloc(module_words, sizeof(Cell)));
    bool room = module_cells && add_shared_areas(static_cast<uint8_t*>(refconv_dynamic_shared()), launched.dynamic_shared);
    for (int i = 0; room && i < launched.region_count; ++i) {
        const Region& region = launched.regions[i];
        room = add_area(region.begin, region.end, i, region.read_only, region.uninitialised);
    }
    room = room && add_area(image.data_begin, image.data_end, kModuleRegion, false, false, module_cells);
    fast.area = &areas[0];
    return room;
}

void end_launch() {
    for (int i = 0; i < area_count; ++i) {
        if (areas[i].region != kModuleRegion) free(areas[i].cells);
    }
    area_count = 0;
    // What is said of the module's variables outlives the launch, but not what lies in `bytes`.
    size_t module_words = (image.data_end - image.data_begin + 3) / 4;
    for (size_t i = 0; bytes.count && module_cells && i < module_words; ++i) {
        if (module_cells[i].split()) module_cells[i] = Cell();
    }
    bytes.free();
    fences.free();
    block_starts.free();
}

void begin_block(const Index& block) {
    fast.block_first_phase = ++fast.phase;
    block_starts.add({fast.phase, block});
    fences.begin_block();
    unwritten_read.size = 0;
}

void become(int thread, uint16_t syncs) {
    fast.thread = static_cast<uint16_t>(thread);
    fast.syncs = syncs;
}

void turn(const void* pc) {
    if (fast.countdown == 0) tick(0, 0, kRead, pc);
    --fast.countdown;
}

bool next_phase(int threads) {
    ++fast.phase;
    // A loop of nothing but barriers never ends, either.
    uint64_t cost = threads, left = steps_left + fast.countdown;
    if (cost > left) {
        finding->kind = kEndless;
        return false;
    }
    if (cost > fast.countdown) {
        steps_left = left - cost;
        fast.countdown = 0;
    } else {
        fast.countdown -= cost;
    }
    if (unwritten_read.size == 0) return true;
    Unwritten& u = unwritten_read;
    fill_finding(kUninitialised, u.address, u.size, u.access, u.pc, u.area, u.thread);
    return false;
}

}  // namespace shadow
}  // namespace refconv
#endif
