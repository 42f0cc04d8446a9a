// One launch: the blocks of a grid, one after another, or shared out to several operating-system threads.
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "block.h"
#include "cuda_words.h"
#include "image.h"
#include "order.h"
#include "print.h"
#include "shadow.h"
#include "shared_memory.h"
#include "trap.h"
#include "workers.h"

REFCONV_OWN uint3 blockIdx;
dim3 blockDim, gridDim;

namespace refconv {

namespace {

// The first byte of [begin, end) that is not `canary`, or null.
uint8_t* first_changed(uint8_t* begin, uint8_t* end, uint8_t canary) {
    while (begin < end && *begin == canary) ++begin;
    return begin < end ? begin : nullptr;
}

void check_canaries(const Launch& launch, Finding* finding) {
    for (int i = 0; i < launch.region_count; ++i) {
        const Region& region = launch.regions[i];
        uint8_t* changed = first_changed(region.first, region.begin, launch.canary);
        if (!changed) changed = first_changed(region.end, region.last, launch.canary);
        if (!changed) continue;
        finding->kind = kCanary;
        finding->region = i;
        finding->address = reinterpret_cast<uintptr_t>(changed);
        return;
    }
}

// The order of the blocks. Only a random one needs a table; a grid may be too large for any.
class Turns {
  public:
    Turns(const Launch& launch, uint64_t count, Random& random) : order_(launch.order), count_(count) {
        if (!is_random()) return;
        table_ = count <= kMost ? static_cast<uint64_t*>(malloc(count * sizeof *table_)) : nullptr;
        if (table_) arrange_at_random(table_, count, random);
    }
    ~Turns() { free(table_); }
    bool ready() const { return !is_random() || table_; }
    uint64_t operator[](uint64_t i) const { return table_ ? table_[i] : order_ == kReversed ? count_ - 1 - i : i; }

  private:
    bool is_random() const { return order_ != kInOrder && order_ != kReversed; }

    static constexpr uint64_t kMost = 1 << 26;
    int32_t order_;
    uint64_t count_;
    uint64_t* table_ = nullptr;
};

bool begun;

#ifdef REFCONV_THREADS
void run_blocks(const Kernel& kernel, void** arguments, const Launch& launch, Finding* finding) {
    share_blocks(kernel, arguments, launch, finding);
}
#else
int post;

void run_blocks(const Kernel& kernel, void** arguments, const Launch& launch, Finding* finding) {
    Image image = this_image();
    uint64_t count = uint64_t(launch.grid.x) * launch.grid.y * launch.grid.z;
    Random random(launch.seed);
    Turns turns(launch, count, random);
    if (!turns.ready() || !the_block().reshape(launch.block, launch.stacks[0])) {
        finding->kind = kOutOfMemory;
        return;
    }
    if (!shadow::begin_launch(launch, image, finding)) {
        finding->kind = kOutOfMemory;
        return;
    }
    for (uint64_t i = 0; i < count; ++i) {
        fill_shared_memory(image, launch.poison, launch.dynamic_shared);
        finding->block = position(turns[i], launch.grid);
        blockIdx = {finding->block.x, finding->block.y, finding->block.z};
        shadow::begin_block(finding->block);
        the_block().run(kernel, arguments, launch.order, random, finding);
        if (finding->kind == kNone && the_block().interrupted() && i + 1 < count) finding->kind = kInterrupted;
        if (finding->kind != kNone) return;
    }
}
#endif

}  // namespace

}  // namespace refconv

const int32_t refconv_abi_sizes[] = {sizeof(refconv::Region), sizeof(refconv::Launch), sizeof(refconv::Finding),
                                     sizeof(refconv::Parameter), sizeof(refconv::Kernel), sizeof(refconv::StackMemory)};

int32_t refconv_begin() {
    using namespace refconv;
    if (begun) return 0;
    begun = true;
#ifndef REFCONV_THREADS
    post = take_post(the_block());
#endif
    set_traps(this_image().base);
    return 1;
}

void refconv_end() {
    using namespace refconv;
    if (!begun) return;
    begun = false;
    remove_traps();
#ifndef REFCONV_THREADS
    leave_post(post);
#endif
    uint64_t signals = arrived_signals();
    for (int signal = 1; signal < 64; ++signal) {
        if (signals >> signal & 1) raise(signal);
    }
}

int32_t refconv_launch(const refconv::Kernel* kernel, void** arguments, const refconv::Launch* launch,
                       refconv::Finding* finding) {
    using namespace refconv;
    memset(finding, 0, sizeof *finding);
    gridDim = {launch->grid.x, launch->grid.y, launch->grid.z};
    blockDim = {launch->block.x, launch->block.y, launch->block.z};
    run_blocks(*kernel, arguments, *launch, finding);
    shadow::end_launch();
    flush_printed();
    if (finding->kind == kNone) check_canaries(*launch, finding);
    finding->signals = arrived_signals();
    return finding->kind;
}
