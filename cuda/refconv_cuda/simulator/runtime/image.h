// Where this module, the kernel's shared library, lies in memory.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace refconv {

struct Image {
    uintptr_t base = 0;  // what addresses in the file are relative to
    uintptr_t begin = 0, end = 0;
    uint8_t *data_begin = nullptr, *data_end = nullptr;  // what of it can be written
    uint8_t *storage_begin = nullptr, *storage_end = nullptr;  // its thread-local storage
};

// Looked up once per thread that launches, because thread-local storage is the thread's.
Image this_image();

}  // namespace refconv
