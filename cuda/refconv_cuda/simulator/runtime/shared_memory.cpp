#include "shared_memory.h"

#include <link.h>
#include <string.h>

extern "C" void* __tls_get_addr(void* module_and_offset);

namespace refconv {

namespace {

struct Storage {
    size_t module = 0, size = 0;
};

// Called for each loaded library: is it the one that this very function lives in?
int is_this_module(dl_phdr_info* info, size_t, void* result) {
    uintptr_t here = reinterpret_cast<uintptr_t>(&is_this_module);
    bool ours = false;
    size_t size = 0;
    for (int i = 0; i < info->dlpi_phnum; ++i) {
        const ElfW(Phdr)& header = info->dlpi_phdr[i];
        if (header.p_type == PT_LOAD && here - (info->dlpi_addr + header.p_vaddr) < header.p_memsz) ours = true;
        if (header.p_type == PT_TLS) size = header.p_memsz;
    }
    if (!ours) return 0;
    *static_cast<Storage*>(result) = {info->dlpi_tls_modid, size};
    return 1;
}

}  // namespace

void SharedMemory::find() {
    Storage storage;
    dl_iterate_phdr(is_this_module, &storage);
    if (storage.size == 0) return;
    size_t start[2] = {storage.module, 0};  // a tls_index: the module, and an offset into its block
    begin_ = static_cast<uint8_t*>(__tls_get_addr(start));
    end_ = begin_ + storage.size;
    dynamic_ = static_cast<uint8_t*>(refconv_dynamic_shared());
}

void SharedMemory::fill(uint8_t poison, uint32_t dynamic_bytes) const {
    if (!dynamic_) {
        if (begin_) memset(begin_, poison, end_ - begin_);
        return;
    }
    uint8_t* dynamic_end = dynamic_ + kMostDynamicShared;
    memset(begin_, poison, dynamic_ - begin_);
    memset(dynamic_, poison, dynamic_bytes);
    memset(dynamic_end, poison, end_ - dynamic_end);
}

}  // namespace refconv
