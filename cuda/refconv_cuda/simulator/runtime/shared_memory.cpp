#include "shared_memory.h"

#include "block.h"
#include "words/address_spaces.h"

namespace refconv {

namespace {

// Of the block that runs on this operating-system thread. (Where there are several, these variables lie in what is filled
// with poison, and so are set behind it.)
REFCONV_OWN uintptr_t window_origin;  // what shared memory's own addresses are counted from
REFCONV_OWN uintptr_t window_begin, window_end;

void set_window(const Image& image) {
    constexpr uintptr_t kReserved = 1024;
    window_begin = reinterpret_cast<uintptr_t>(image.storage_begin);
    window_end = reinterpret_cast<uintptr_t>(image.storage_end);
    window_origin = window_begin / kReserved * kReserved - kReserved;
}

void fill(uint8_t* begin, uint8_t* end, uint32_t pattern) {
    for (uint8_t* p = begin; p + sizeof pattern <= end; p += sizeof pattern) __builtin_memcpy(p, &pattern, sizeof pattern);
}

}  // namespace

void fill_shared_memory(const Image& image, uint32_t poison, uint32_t dynamic_bytes) {
    uint8_t* dynamic = static_cast<uint8_t*>(refconv_dynamic_shared());
    if (dynamic) {
        fill(image.storage_begin, dynamic, poison);
        fill(dynamic, dynamic + (dynamic_bytes + 3) / 4 * 4, poison);
        fill(dynamic + kMostDynamicShared, image.storage_end, poison);
    } else {
        fill(image.storage_begin, image.storage_end, poison);
    }
    set_window(image);
}

}  // namespace refconv

using namespace refconv;

extern "C" {

bool refconv_is_shared(const void* pointer) {
    return reinterpret_cast<uintptr_t>(pointer) - window_begin < window_end - window_begin;
}

bool refconv_is_local(const void* pointer) {
    return the_block().stacks().holds(reinterpret_cast<uintptr_t>(pointer));
}

// Just beside shared memory there are addresses, too: a loop may step over its end.
unsigned refconv_shared_address(const void* pointer) {
    constexpr uintptr_t kNear = 1 << 20;
    uintptr_t address = reinterpret_cast<uintptr_t>(pointer);
    bool near = window_begin && address - (window_begin - kNear) < window_end - window_begin + 2 * kNear;
    return near ? static_cast<unsigned>(address - window_origin) : 0;
}

void* refconv_shared_pointer(unsigned address) { return reinterpret_cast<void*>(window_origin + address); }

void* refconv_shared_bytes(unsigned address, int size, const char* file, int line) {
    uintptr_t bytes = static_cast<uintptr_t>(size), room = window_end - window_begin;
    uintptr_t offset = window_origin + address - window_begin;
    if (offset < room && bytes <= room - offset) return refconv_shared_pointer(address);
    Finding& finding = the_block().finding();
    finding.is_write = -1;
    finding.region = kSharedRegion;
    finding.address = window_origin + address;
    finding.offset = offset;
    finding.size = size;
    the_block().report(kOutOfBounds, {file, line});
}

[[noreturn]] void refconv_misaligned(const void* pointer, int size, const char* file, int line) {
    Finding& finding = the_block().finding();
    finding.is_write = -1;
    finding.address = reinterpret_cast<uintptr_t>(pointer);
    finding.size = size;
    finding.region = refconv_is_shared(pointer) ? kSharedRegion : kNoRegion;
    finding.offset = finding.address - window_begin;
    the_block().report(kMisaligned, {file, line});
}
}
