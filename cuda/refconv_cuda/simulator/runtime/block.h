// One block: its threads are fibers that run from barrier to barrier.
#pragma once
#include "abi.h"
#include "fiber.h"
#include "order.h"

namespace refconv {

class Block {
  public:
    // Prepares for blocks of this shape. False: out of memory.
    bool reshape(const Index& shape);

    // Runs all threads of one block to their end. The finding's kind stays kNone if nothing is wrong.
    void run(const Kernel&, void** arguments, int32_t order, Random&, Finding*);

    // Called on a fiber: the current thread waits until all have come to this barrier.
    void wait(const char* file, int line);
    // Called on a fiber, also from a signal handler there: abandons the block, and `run` returns.
    [[noreturn]] void abandon();

    Index current_thread() const { return index_[current_]; }
    const Stacks& stacks() const { return stacks_; }

  private:
    enum State : uint8_t { kFresh, kWaiting, kLeft };
    struct Thread {
        void* context;
        const char* file;  // of the barrier that it waits at
        int line;
        int stack;
        State state;
    };
    static constexpr int kMost = 1024;

    static void run_threads();      // what a fiber executes
    bool next();                    // moves on to the next thread whose turn it is; false: all have had theirs
    void go_on(void** save);        // switches to the current thread
    void leave(void** save);        // switches to `run`
    void check_barrier(Finding*) const;

    Stacks stacks_;
    Thread thread_[kMost];
    Index index_[kMost];
    int turn_[kMost];
    int count_ = 0, live_ = 0, position_ = 0, current_ = 0;
    void* scheduler_ = nullptr;
    const Kernel* kernel_ = nullptr;
    void** arguments_ = nullptr;
    Index shape_ = {0, 0, 0};
};

extern Block the_block;

}  // namespace refconv
