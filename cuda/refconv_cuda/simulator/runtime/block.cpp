#include "block.h"

#include "cuda_words.h"

uint3 threadIdx;

extern "C" void refconv_barrier(const char* file, int line) { refconv::the_block.wait(file, line); }

namespace refconv {

Block the_block;

bool Block::reshape(const Index& shape) {
    count_ = static_cast<int>(shape.x * shape.y * shape.z);
    if (!stacks_.reserve(count_)) return false;
    if (shape.x == shape_.x && shape.y == shape_.y && shape.z == shape_.z) return true;
    shape_ = shape;
    for (unsigned i = 0; i < static_cast<unsigned>(count_); ++i) {
        index_[i] = {i % shape.x, i / shape.x % shape.y, i / shape.x / shape.y};
    }
    return true;
}

void Block::run(const Kernel& kernel, void** arguments, int32_t order, Random& random, Finding* finding) {
    kernel_ = &kernel;
    arguments_ = arguments;
    stacks_.reset();
    for (int i = 0; i < count_; ++i) thread_[i].state = kFresh;
    live_ = count_;
    while (live_ > 0) {
        arrange(turn_, count_, order, random);
        position_ = 0;
        next();
        go_on(&scheduler_);
        // Back here, every thread that is still live waits at a barrier, or the block was abandoned.
        if (finding->kind == kNone) check_barrier(finding);
        if (finding->kind != kNone) return;
    }
}

bool Block::next() {
    while (position_ < count_) {
        current_ = turn_[position_++];
        if (thread_[current_].state != kLeft) return true;
    }
    return false;
}

void Block::go_on(void** save) {
    Thread& thread = thread_[current_];
    const Index& index = index_[current_];
    threadIdx = {index.x, index.y, index.z};
    if (thread.state == kFresh) {
        thread.stack = stacks_.take();
        thread.context = stacks_.prepare(thread.stack, run_threads);
    }
    refconv_switch(save, thread.context);
}

void Block::leave(void** save) { refconv_switch(save, scheduler_); }

void Block::run_threads() {
    Block& block = the_block;
    for (;;) {
        block.kernel_->call(block.arguments_);
        Thread& done = block.thread_[block.current_];
        int stack = done.stack;
        done.state = kLeft;
        --block.live_;
        void* never_resumed;
        if (!block.next()) {
            block.stacks_.give_back(stack);
            block.leave(&never_resumed);
        }
        Thread& next = block.thread_[block.current_];
        if (next.state != kFresh) {
            block.stacks_.give_back(stack);
            block.go_on(&never_resumed);
        }
        // A thread that has not begun needs no stack of its own: it takes this one. A kernel without barriers
        // therefore runs as a plain loop.
        next.stack = stack;
        const Index& index = block.index_[block.current_];
        threadIdx = {index.x, index.y, index.z};
    }
}

void Block::wait(const char* file, int line) {
    Thread& thread = thread_[current_];
    thread.state = kWaiting;
    thread.file = file;
    thread.line = line;
    if (next()) {
        go_on(&thread.context);
    } else {
        leave(&thread.context);
    }
}

void Block::abandon() {
    void* never_resumed;
    leave(&never_resumed);
    __builtin_unreachable();
}

// CUDA asks that all threads of a block reach the same barrier. Hardware may let other cases pass; they are wrong
// all the same.
void Block::check_barrier(Finding* finding) const {
    if (live_ == 0) return;
    int first = 0;
    while (thread_[first].state == kLeft) ++first;
    for (int i = 0; i < count_; ++i) {
        const Thread &here = thread_[first], &there = thread_[i];
        bool left = there.state == kLeft;
        if (!left && there.line == here.line && __builtin_strcmp(there.file, here.file) == 0) continue;
        finding->kind = left ? kBarrierDeserted : kBarrierMismatch;
        finding->thread = index_[first];
        finding->file = here.file;
        finding->line = here.line;
        finding->other_thread = index_[i];
        finding->other_file = left ? nullptr : there.file;
        finding->other_line = left ? 0 : there.line;
        return;
    }
}

}  // namespace refconv
