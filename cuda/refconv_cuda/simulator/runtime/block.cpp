#include "block.h"

#include <string.h>

#include "cuda_words.h"
#include "shadow.h"
#include "trap.h"

REFCONV_OWN uint3 threadIdx;

namespace refconv {

#ifdef REFCONV_THREADS
REFCONV_OWN Block* own_block;
#else
Block only_block;
#endif

namespace {

// Lambdas, for each of which fill_queue is compiled anew; a function it would call through a pointer.
constexpr auto is_live = [](const Thread& thread) { return thread.state != kLeft; };
constexpr auto is_converging = [](const Thread& thread) { return thread.state == kConverging; };

bool same(const Place& a, const Place& b) {
    return a.position == b.position && (a.file == b.file || strcmp(a.file, b.file) == 0);
}

}  // namespace

bool Block::reshape(const Index& shape, StackMemory& memory) {
    count_ = static_cast<int>(shape.x * shape.y * shape.z);
    if (!stacks_.reserve(memory, count_)) return false;
    if (shape.x == shape_.x && shape.y == shape_.y && shape.z == shape_.z) return true;
    shape_ = shape;
    for (unsigned i = 0; i < static_cast<unsigned>(count_); ++i) {
        thread_[i].index = position(i, shape);
    }
    return true;
}

void Block::run(const Kernel& kernel, void** arguments, int32_t order, Random& random, Finding* finding) {
    kernel_ = &kernel;
    arguments_ = arguments;
    order_ = order;
    random_ = &random;
    finding_ = finding;
    stacks_.reset();
    for (int i = 0; i < count_; ++i) {
        thread_[i].state = kFresh;
        thread_[i].atomics = 0;
        thread_[i].fence_phase = 0;
        thread_[i].syncs = 0;
    }
    if (!no_syncs_) memset(syncs_known_, 0, sizeof syncs_known_);
    no_syncs_ = true;
    undisturbed_ = 0;
    converging_ = false;
    live_ = count_;
    run_phases();
    copies_.end_block();
}

void Block::run_phases() {
    Finding* finding = finding_;
    begin_phase();
    for (;;) {
        next();
        switch_context(scheduler_, context_of_current());
        // Back here, the queue is empty, or the block was abandoned.
        if (finding->kind == kNone && live_ > 0 && interrupted_) {
            finding->kind = kInterrupted;
            finding->thread = index(current_);
        }
        if (finding->kind != kNone) return;
        if (live_ > 0 && release_converging()) continue;
        if (live_ > 0 && !open_barrier()) return;
        if (!shadow::next_phase(live_)) {
            if (finding->kind == kEndless) set_place(current_);
            return;
        }
        if (live_ == 0) return;
        begin_phase();
    }
}

// -- the queue -----------------------------------------------------------------------------------------------

// All live threads have their turn again, and none has come to the next barrier yet.
void Block::begin_phase() {
    at_barrier_ = arrived_predicates_ = 0;
    fill_queue(is_live);
}

// All threads that are wanted, in the order of the schedule. Warps alone would never show a race between two lanes of one,
// so the usual random order permutes single threads.
template <class Wanted>
void Block::fill_queue(Wanted wanted) {
    int count = 0;
    auto push_if_wanted = [&](int i) {
        queue_[count] = i;
        count += wanted(thread_[i]);
    };
    if (order_ == kInOrder) {
        for (int i = 0; i < count_; ++i) push_if_wanted(i);
    } else if (order_ == kReversed) {
        for (int i = count_; i-- > 0;) push_if_wanted(i);
    } else if (order_ == kWarps) {
        int warps = (count_ + kWarpSize - 1) / kWarpSize;
        arrange_at_random(turns_, warps, *random_);
        for (int w = 0; w < warps; ++w) {
            for (int i = turns_[w] * kWarpSize; i < count_ && i < (turns_[w] + 1) * kWarpSize; ++i) push_if_wanted(i);
        }
    } else {
        arrange_at_random(turns_, count_, *random_);
        for (int i = 0; i < count_; ++i) push_if_wanted(turns_[i]);
    }
    head_ = 0;
    tail_ = count;
}

void Block::push(int thread) {
    thread_[thread].state = kBegun;
    queue_[tail_++ % kMostThreads] = thread;
}

inline bool Block::next() {
    if (queued() == 0) return false;
    current_ = queue_[head_++ % kMostThreads];
    return true;
}

// Inline: a barrier then saves registers once, and not on each level of calls again.
__attribute__((always_inline)) inline void Block::hand_over() {
    Context& save = thread_[current_].context;
    switch_context(save, next() ? context_of_current() : scheduler_);
    // A signal that came while nobody had a turn has only left word. Of one that comes from here on, the handler sees
    // that this thread has.
    end_if_interrupted();
}

// -- switching -----------------------------------------------------------------------------------------------

inline void Block::become_current() {
    Thread& thread = thread_[current_];
    threadIdx = {thread.index.x, thread.index.y, thread.index.z};
    thread.atomics = 0;
    shadow::become(current_, thread.syncs);
}

inline const Context& Block::context_of_current() {
    become_current();
    Thread& thread = thread_[current_];
    if (thread.state == kFresh) begin(thread);
    return thread.context;
}

__attribute__((noinline)) void Block::begin(Thread& thread) {
    thread.stack = stacks_.take();
    thread.context = stacks_.prepare(thread.stack, run_threads);
    thread.state = kBegun;
}

void Block::run_threads() {
    Block& block = the_block();
    block.end_if_interrupted();
    for (;;) {
        block.kernel_->call(block.arguments_);
        Thread& done = block.thread_[block.current_];
        int stack = done.stack;
        done.state = kLeft;
        --block.live_;
        Context never_resumed;
        if (!block.next()) {
            block.stacks_.give_back(stack);
            switch_context(never_resumed, block.scheduler_);
        }
        Thread& next = block.thread_[block.current_];
        if (next.state != kFresh) {
            block.stacks_.give_back(stack);
            switch_context(never_resumed, block.context_of_current());
        }
        // A thread that has not begun needs no stack of its own: it takes this one. A kernel without barriers
        // therefore runs as a plain loop.
        next.stack = stack;
        next.state = kBegun;
        block.become_current();
    }
}

void Block::abandon() {
    Context never_resumed;
    switch_context(never_resumed, scheduler_);
    __builtin_unreachable();
}

void Block::interrupt(bool on_fiber, uintptr_t pc) {
    interrupted_ = true;
    if (!on_fiber || undisturbed_) return;
    finding_->kind = kInterrupted;
    finding_->thread = thread_[current_].index;
    finding_->pc = pc;
    abandon();
}

void Block::end_if_interrupted() {
    if (!interrupted_ || undisturbed_) return;
    finding_->kind = kInterrupted;
    finding_->thread = thread_[current_].index;
    abandon();
}

void Block::report(Kind kind, Place place) {
    finding_->kind = kind;
    finding_->thread = thread_[current_].index;
    finding_->file = place.file;
    finding_->line = place.line();
    abandon();
}

// -- waiting for the whole block -----------------------------------------------------------------------------

inline int Block::barrier(Place place, int predicate) {
    Thread& self = thread_[current_];
    self.place = place;
    if (place.position == barrier_.position && place.file == barrier_.file) {
        ++at_barrier_;
    } else {
        barrier_ = place;
        at_barrier_ = 1;
    }
    arrived_predicates_ += predicate != 0;
    hand_over();
    return predicates_;
}

// CUDA asks that all threads of a block reach the same barrier. Hardware may let other cases pass; they are wrong
// all the same.
bool Block::open_barrier() {
    predicates_ = arrived_predicates_;
    if (at_barrier_ == count_) return true;
    // Not all, or one barrier under two addresses of its file's name.
    int first = 0;
    while (thread_[first].state == kLeft) ++first;
    const Place here = thread_[first].place;
    for (int i = 0; i < count_; ++i) {
        const Thread& there = thread_[i];
        if (there.state == kInCollective) {
            // Its missing lane waits at a barrier, or in another collective.
            unsigned missing = there.mask;
            int warp = i / kWarpSize * kWarpSize, other = i;
            for (int lane = 0; lane < kWarpSize && warp + lane < count_; ++lane) {
                const Thread& peer = thread_[warp + lane];
                bool here = peer.state == kInCollective && peer.mask == there.mask && peer.operation == there.operation;
                if ((missing >> lane & 1) && !here) other = warp + lane;
            }
            set_waiting(thread_[other].state == kLeft ? kWarpDeserted : kWarpDiverged, i, other);
            return false;
        }
        if (there.state == kLeft) {
            set_waiting(kBarrierDeserted, first, i);
            return false;
        }
        if (!same(there.place, here)) {
            set_waiting(kBarrierMismatch, first, i);
            return false;
        }
    }
    return true;
}

void Block::set_place(int waiting) {
    const Thread& here = thread_[waiting];
    finding_->thread = here.index;
    finding_->file = here.place.file;
    finding_->line = here.place.line();
}

void Block::set_waiting(Kind kind, int waiting, int other) {
    const Thread& there = thread_[other];
    finding_->kind = kind;
    set_place(waiting);
    finding_->has_other = 1;
    finding_->other_block = finding_->block;
    finding_->other_thread = there.index;
    finding_->other_file = there.state == kLeft ? nullptr : there.place.file;
    finding_->other_line = there.state == kLeft ? 0 : there.place.line();
}

// -- waiting for lanes of the warp ---------------------------------------------------------------------------

unsigned Block::active_lanes(Place place) {
    Thread& self = thread_[current_];
    self.state = kConverging;
    converging_ = true;
    self.place = place;
    hand_over();
    return self.mask;
}

// Called when nobody can go on: lanes that wait to see who comes to their place have seen it.
bool Block::release_converging() {
    if (!converging_) return false;
    converging_ = false;
    for (int i = 0; i < count_; ++i) {
        if (thread_[i].state != kConverging) continue;
        unsigned lanes = 0;
        int first = i / kWarpSize * kWarpSize;
        for (int lane = 0; lane < kWarpSize && first + lane < count_; ++lane) {
            const Thread& other = thread_[first + lane];
            if (other.state == kConverging && same(other.place, thread_[i].place)) lanes |= 1u << lane;
        }
        thread_[i].mask = lanes;
    }
    fill_queue(is_converging);
    for (unsigned i = 0; i < tail_; ++i) thread_[queue_[i]].state = kBegun;
    return true;
}

// Whether all lanes but `lane` wait in the same collective. A lane that has left, or waits elsewhere in the warp, will
// never come: that is a finding at once.
bool Block::lanes_are_there(int first, unsigned lanes, int lane) {
    const Thread& self = thread_[first + lane];
    bool all = true;
    for (int i = 0; i < kWarpSize; ++i) {
        if (i == lane || !(lanes >> i & 1)) continue;
        const Thread& other = thread_[first + i];
        if (other.state == kLeft) {
            set_waiting(kWarpDeserted, first + lane, first + i);
            abandon();
        }
        if (other.state != kInCollective) {
            all = false;
        } else if (other.mask != self.mask || other.operation != self.operation) {
            bool names_us = other.mask >> lane & 1;
            if (names_us) {
                set_waiting(kWarpDiverged, first + lane, first + i);
                abandon();
            }
            all = false;
        }
    }
    return all;
}

unsigned Block::collective(unsigned mask, int operation, uint64_t value, uint64_t* lanes, Place place) {
    int first = current_ / kWarpSize * kWarpSize, lane = current_ % kWarpSize;
    if (!(mask >> lane & 1)) report(kWarpMask, place);
    int existing = count_ - first < kWarpSize ? count_ - first : kWarpSize;
    unsigned taking_part = existing == kWarpSize ? mask : mask & ((1u << existing) - 1);
    Thread& self = thread_[current_];
    self.mask = mask;
    self.operation = operation;
    self.value = value;
    self.lanes = lanes;
    self.place = place;
    if (!lanes_are_there(first, taking_part, lane)) {
        self.state = kInCollective;
        hand_over();
        return taking_part;
    }
    // The last to come hands everybody's values to everybody, and lets them go on.
    int woken[kWarpSize], count = 0;
    uint64_t values[kWarpSize];
    if (operation == kSyncWarp) sync_clocks(first, taking_part);
    for (int from = 0; from < kWarpSize; ++from) {
        values[from] = taking_part >> from & 1 ? thread_[first + from].value : kUndefinedValue;
    }
    for (int to = 0; to < kWarpSize; ++to) {
        if (!(taking_part >> to & 1)) continue;
        Thread& thread = thread_[first + to];
        if (thread.lanes) memcpy(thread.lanes, values, sizeof values);
        woken[count++] = first + to;
    }
    // In a random order the last to come must not always be the first to go on.
    if (order_ == kRandom || order_ == kPreemptive) shuffle(woken, count, *random_);
    for (int i = 0; i < count; ++i) push(woken[i]);
    hand_over();
    return taking_part;
}

// What the thread did and knew until now is what its fence covers; a new count tells it from what comes after.
void Block::fence(uint32_t phase) {
    no_syncs_ = false;
    Thread& self = thread_[current_];
    self.fence_phase = phase;
    self.syncs = ++syncs_known_[current_][current_ % kWarpSize];
    memcpy(known_at_fence_[current_], syncs_known_[current_], sizeof known_at_fence_[0]);
}

// Every lane that takes part has one more behind it, and learns what any of them knew.
void Block::sync_clocks(int first, unsigned lanes) {
    no_syncs_ = false;
    uint16_t latest[kWarpSize] = {};
    for (int lane = 0; lane < kWarpSize; ++lane) {
        if (!(lanes >> lane & 1)) continue;
        thread_[first + lane].syncs = ++syncs_known_[first + lane][lane];
        for (int other = 0; other < kWarpSize; ++other) {
            if (syncs_known_[first + lane][other] > latest[other]) latest[other] = syncs_known_[first + lane][other];
        }
    }
    for (int lane = 0; lane < kWarpSize; ++lane) {
        if (lanes >> lane & 1) memcpy(syncs_known_[first + lane], latest, sizeof latest);
    }
}

// -- turns ---------------------------------------------------------------------------------------------------

void Block::atomic_turn() {
    constexpr int kPatience = 64;
    if (++thread_[current_].atomics < kPatience || queued() == 0) return;
    push(current_);
    hand_over();
}

void Block::preempt() {
    if (queued() == 0) return;
    int& chosen = queue_[(head_ + unsigned(random_->below(queued()))) % kMostThreads];
    int& head = queue_[head_ % kMostThreads];
    int first = head;
    head = chosen;  // the chosen one goes next, the head takes its place
    chosen = first;
    push(current_);
    hand_over();
}

}  // namespace refconv

// Here and not in warp.cpp: a barrier with all that it calls is one function.
extern "C" {

void refconv_barrier(const char* file, int line) { refconv::the_block().barrier({file, line}, 0); }

int refconv_barrier_count(int predicate, const char* file, int line) {
    return refconv::the_block().barrier({file, line}, predicate);
}
}
