#include "image.h"

#include <link.h>

extern "C" void* __tls_get_addr(void* module_and_offset);

namespace refconv {

namespace {

// Called for each loaded library: is it the one that this very function lives in?
int is_this_image(dl_phdr_info* info, size_t, void* result) {
    uintptr_t here = reinterpret_cast<uintptr_t>(&is_this_image);
    Image image;
    image.base = info->dlpi_addr;
    image.begin = ~uintptr_t(0);
    size_t storage = 0;
    for (int i = 0; i < info->dlpi_phnum; ++i) {
        const ElfW(Phdr)& header = info->dlpi_phdr[i];
        if (header.p_type == PT_TLS) storage = header.p_memsz;
        if (header.p_type != PT_LOAD) continue;
        uintptr_t begin = info->dlpi_addr + header.p_vaddr, end = begin + header.p_memsz;
        if (begin < image.begin) image.begin = begin;
        if (end > image.end) image.end = end;
        if (header.p_flags & PF_W) {
            uint8_t *first = reinterpret_cast<uint8_t*>(begin), *last = reinterpret_cast<uint8_t*>(end);
            if (!image.data_begin || first < image.data_begin) image.data_begin = first;
            if (last > image.data_end) image.data_end = last;
        }
    }
    if (here - image.begin >= image.end - image.begin) return 0;
    if (storage) {
        size_t start[2] = {info->dlpi_tls_modid, 0};  // a tls_index: the module, and an offset into its block
        image.storage_begin = static_cast<uint8_t*>(__tls_get_addr(start));
        image.storage_end = image.storage_begin + storage;
    }
    *static_cast<Image*>(result) = image;
    return 1;
}

}  // namespace

Image this_image() {
    Image image;
    dl_iterate_phdr(is_this_image, &image);
    return image;
}

}  // namespace refconv
