// Fibers: many stacks on one operating-system thread, switched by hand.
//
// ucontext saves the signal mask with a system call at every switch; saving only what the calling convention asks
// of a function costs a few nanoseconds.
#pragma once
#include <stdint.h>

#include "abi.h"

namespace refconv {

// Where a fiber goes on.
struct Context {
    void* stack;
#if defined(__x86_64__)
    void* code;
    void* frame;  // rbp, which a compiler that keeps frame pointers would not save for us
#endif
};

#if defined(__x86_64__)
// Continues at `to`; this context is saved to `from` and goes on when something switches back to it. They may be the same.
//
// Inline, and every register is said to be lost: so the compiler saves only those that it still needs, and those that it
// owes its caller once for all that it has inlined. Nothing is pushed, so what lies below the stack pointer stays. The jump
// leaves the processor's stack of return addresses alone: all fibers that wait at one place of the source return to the same.
__attribute__((always_inline)) inline void switch_context(Context& from, const Context& to) {
    Context* save = &from;
    const Context* load = &to;
    asm volatile(
        "leaq 1f(%%rip), %%rax\n\t"
        "movq %%rsp, (%%rdi)\n\t"
        "movq %%rax, 8(%%rdi)\n\t"
        "movq %%rbp, 16(%%rdi)\n\t"
        "movq (%%rsi), %%rsp\n\t"
        "movq 16(%%rsi), %%rbp\n\t"
        "jmpq *8(%%rsi)\n"
        "1:"
        : "+D"(save), "+S"(load)
        :
        : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3",
          "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory",
          "cc");
}
#elif defined(__aarch64__)
// As above: `to` may be `from`, so it is read after that is saved.
extern "C" void refconv_switch(void** from, void* const* to);

inline void switch_context(Context& from, const Context& to) { refconv_switch(&from.stack, &to.stack); }
#else
#error "The simulator switches stacks by hand, which is written for x86-64 and aarch64 only."
#endif

// Stacks of equal size, each above a no-access page, so that an overflow faults. The last one given back is the
// next one taken: its lines are still in the cache.
class Stacks {
  public:
    bool reserve(StackMemory&, int count);  // in that memory, enlarged if need be; false: out of memory
    void reset();                           // takes all stacks back, whatever ran on them
    int take() { return free_[--free_count_]; }
    void give_back(int stack) { free_[free_count_++] = stack; }

    // A context that enters `function` on this stack.
    Context prepare(int stack, void (*function)()) const;

    uintptr_t base() const { return base_; }
    uintptr_t size() const { return size_; }
    bool holds(uintptr_t address) const { return address - base_ < size_; }
    bool is_guard(uintptr_t address) const;

  private:
    static constexpr int kMost = 1024;  // CUDA's limit of threads in a block
    static constexpr uintptr_t kPage = 4096, kGuard = kPage, kStack = 32 * kPage;

    uintptr_t base_ = 0, size_ = 0;
    int count_ = 0, free_count_ = 0;
    int free_[kMost];
};

}  // namespace refconv
