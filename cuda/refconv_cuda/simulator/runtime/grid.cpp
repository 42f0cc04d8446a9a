// One launch: the blocks of a grid, one after another.
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "block.h"
#include "cuda_words.h"
#include "image.h"
#include "order.h"
#include "shadow.h"
#include "shared_memory.h"
#include "trap.h"

uint3 blockIdx;
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
        if (table_) arrange(table_, count, kRandom, random);
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

void run_blocks(const Kernel& kernel, void** arguments, const Launch& launch, Finding* finding) {
    Image image = this_image();
    Traps traps(finding, image.base);  // first of all, so that no signal goes unnoticed
    const Index& grid = launch.grid;
    uint64_t count = uint64_t(grid.x) * grid.y * grid.z;
    Random random(launch.seed);
    Turns turns(launch, count, random);
    if (!turns.ready() || !the_block.reshape(launch.block)) {
        finding->kind = kOutOfMemory;
        return;
    }
    if (!shadow::begin_launch(launch, image, finding)) {
        finding->kind = kOutOfMemory;
        return;
    }
    for (uint64_t i = 0; i < count; ++i) {
        uint64_t turn = turns[i];
        blockIdx = {unsigned(turn % grid.x), unsigned(turn / grid.x % grid.y), unsigned(turn / grid.x / grid.y)};
        finding->block = {blockIdx.x, blockIdx.y, blockIdx.z};
        fill_shared_memory(image, launch.poison, launch.dynamic_shared);
        shadow::begin_block(finding->block);
        the_block.run(kernel, arguments, launch.order, random, finding);
        if (finding->kind == kNone && Traps::arrived() && i + 1 < count) finding->kind = kInterrupted;
        if (finding->kind != kNone) return;
    }
}

}  // namespace

}  // namespace refconv

const int32_t refconv_abi_sizes[] = {sizeof(refconv::Region), sizeof(refconv::Launch), sizeof(refconv::Finding),
                                     sizeof(refconv::Parameter), sizeof(refconv::Kernel)};

int32_t refconv_launch(const refconv::Kernel* kernel, void** arguments, const refconv::Launch* launch,
                       refconv::Finding* finding) {
    using namespace refconv;
    memset(finding, 0, sizeof *finding);
    gridDim = {launch->grid.x, launch->grid.y, launch->grid.z};
    blockDim = {launch->block.x, launch->block.y, launch->block.z};
    run_blocks(*kernel, arguments, *launch, finding);
    shadow::end_launch();
    if (finding->kind == kNone) check_canaries(*launch, finding);
    finding->signals = Traps::arrived();
    return finding->kind;
}
