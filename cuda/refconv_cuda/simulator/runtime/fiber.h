// Fibers: many stacks on one operating-system thread, switched by hand.
//
// ucontext saves the signal mask with a system call at every switch; saving only what the calling convention asks
// of a function costs a few nanoseconds.
#pragma once
#include <stdint.h>

namespace refconv {

// Continues where `to` was saved; this context is saved to *from and goes on when something switches back to it.
extern "C" void refconv_switch(void** from, void* to);

// Stacks of equal size, each above a no-access page, so that an overflow faults. The last one given back is the
// next one taken: its lines are still in the cache.
class Stacks {
  public:
    bool reserve(int count);  // false: out of memory
    void reset();             // takes all stacks back, whatever ran on them
    int take() { return free_[--free_count_]; }
    void give_back(int stack) { free_[free_count_++] = stack; }

    // A saved context that enters `function` on this stack.
    void* prepare(int stack, void (*function)()) const;

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
