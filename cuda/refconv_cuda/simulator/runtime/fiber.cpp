#include "fiber.h"

#include <sys/mman.h>

namespace refconv {

namespace {

bool enlarge(StackMemory& memory, int count, uintptr_t each, uintptr_t guard) {
    if (memory.base) munmap(reinterpret_cast<void*>(memory.base), memory.size);
    memory = {};
    uintptr_t size = count * each;
    void* mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) return false;
    memory.base = reinterpret_cast<uintptr_t>(mapped);
    memory.size = size;
    for (int i = 0; i < count; ++i) {
        if (mprotect(reinterpret_cast<void*>(memory.base + i * each), guard, PROT_NONE)) return false;
    }
    memory.count = count;
    return true;
}

}  // namespace

bool Stacks::reserve(StackMemory& memory, int count) {
    if (memory.count < count && !enlarge(memory, count, kGuard + kStack, kGuard)) return false;
    base_ = memory.base;
    size_ = memory.size;
    count_ = count;
    return true;
}

void Stacks::reset() {
    free_count_ = 0;
    for (int i = count_; i-- > 0;) give_back(i);
}

bool Stacks::is_guard(uintptr_t address) const {
    return holds(address) && (address - base_) % (kGuard + kStack) < kGuard;
}

// Tops are spread over cache lines: stacks that all began at the same offset of a page would compete for the same few sets
// of the cache.
Context Stacks::prepare(int stack, void (*function)()) const {
    uintptr_t top = base_ + (stack + 1) * (kGuard + kStack) - stack * 192 % kPage;
    uintptr_t* words = reinterpret_cast<uintptr_t*>(top & ~uintptr_t(15));
#if defined(__x86_64__)
    *--words = 0;  // the return address of `function`, which never returns; it also keeps the ABI's alignment
    return {words, reinterpret_cast<void*>(function), nullptr};
#elif defined(__aarch64__)
    words -= 20;  // what refconv_switch loads, from the lowest address up
    for (int i = 0; i < 20; ++i) words[i] = 0;
    words[11] = reinterpret_cast<uintptr_t>(function);  // x30, the link register
    return {words};
#endif
}

}  // namespace refconv

#if defined(__aarch64__)
asm(R"(
    .text
    .globl refconv_switch
    .hidden refconv_switch
    .type refconv_switch, %function
refconv_switch:
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    ldr x9, [x1]
    mov sp, x9
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
    .size refconv_switch, .-refconv_switch
)");
#endif
