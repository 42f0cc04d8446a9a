#include "shared_memory.h"

namespace refconv {

namespace {

void fill(uint8_t* begin, uint8_t* end, uint32_t pattern) {
    for (uint8_t* p = begin; p + sizeof pattern <= end; p += sizeof pattern) __builtin_memcpy(p, &pattern, sizeof pattern);
}

}  // namespace

void fill_shared_memory(const Image& image, uint32_t poison, uint32_t dynamic_bytes) {
    uint8_t* dynamic = static_cast<uint8_t*>(refconv_dynamic_shared());
    if (!dynamic) {
        fill(image.storage_begin, image.storage_end, poison);
        return;
    }
    fill(image.storage_begin, dynamic, poison);
    fill(dynamic, dynamic + (dynamic_bytes + 3) / 4 * 4, poison);
    fill(dynamic + kMostDynamicShared, image.storage_end, poison);
}

}  // namespace refconv
