// One block: its threads are fibers, which run until they must wait for one another.
//
// Threads that can go on stand in a queue. A thread that comes to a barrier, or to a warp primitive whose other
// lanes are not there yet, hands over to the next in the queue. When the queue is empty everybody waits: then either
// all stand at the same barrier, which opens, or something is wrong.
#pragma once
#include "abi.h"
#include "copies.h"
#include "fiber.h"
#include "order.h"
#include "place.h"
#include "words/qualifiers.h"

namespace refconv {

constexpr int kMostThreads = 1024;  // CUDA's limit for a block
constexpr int kWarpSize = 32;

constexpr int kSyncWarp = -1;  // the collective that also orders memory; the others are numbered in words/warp.h
constexpr uint64_t kUndefinedValue = 0xfff1fff1fff1fff1u;  // what a lane that takes no part has to say: a NaN

// A thread that has begun runs, can go on, or waits at a barrier.
enum State : uint8_t { kFresh, kBegun, kInCollective, kConverging, kLeft };

// What a switch and a barrier need comes first and fits one line of the cache.
struct alignas(64) Thread {
    Context context;
    Place place;  // of the barrier or collective that it waits at
    Index index;
    int stack;
    int atomics;     // since its last turn
    uint16_t syncs;  // how many __syncwarp it has taken part in
    State state;
    // What it brought to a collective, and where it wants the others' values.
    unsigned mask;
    int operation;
    uint64_t value;
    uint64_t* lanes;
    uint32_t fence_phase;  // of its last __threadfence; 0: none
};
static_assert(offsetof(Thread, mask) <= 64, "a switch must not touch two lines of a thread");

class Block {
  public:
    // Prepares for blocks of this shape. False: out of memory.
    bool reshape(const Index& shape, StackMemory&);

    // Runs all threads of one block to their end, or to the first finding.
    void run(const Kernel&, void** arguments, int32_t order, Random&, Finding*);

    // -- called on fibers ------------------------------------------------------------------------------------

    // Waits until all threads have come to this barrier; returns how many brought a nonzero predicate.
    int barrier(Place, int predicate);
    // Waits until all lanes that the mask names have come to this collective; returns those that exist.
    unsigned collective(unsigned mask, int operation, uint64_t value, uint64_t* lanes, Place);
    // Lets the other threads have a turn, if this one has been using atomics for long: it may be spinning.
    void atomic_turn();
    // Lets another thread go on here and now, chosen at random.
    void preempt();
    // Lanes of the current warp that come to this same place before they must wait anywhere else. Hardware promises
    // less: whoever happens to be there.
    unsigned active_lanes(Place);
    // Abandons the block; `run` returns. Also from a signal handler.
    [[noreturn]] void abandon();
    // A signal has come that ends the launch; from its handler. on_fiber: whether it interrupted one, whose turn is
    // then over at once, unless it must not be disturbed. Otherwise the next to have a turn sees to it.
    void interrupt(bool on_fiber, uintptr_t pc);
    bool interrupted() const { return interrupted_; }
    void begin_launch() { interrupted_ = false; }
    [[noreturn]] void report(Kind, Place);

    int current() const { return current_; }
    Thread& thread(int i) { return thread_[i]; }
    Index index(int i) const { return thread_[i].index; }
    Index current_thread() const { return thread_[current_].index; }
    const Stacks& stacks() const { return stacks_; }
    Random& random() { return *random_; }
    bool draws() const { return order_ != kInOrder && order_ != kReversed; }  // whether the order is drawn
    Copies& copies() { return copies_; }
    uint16_t syncs_known(int thread, int other) const { return syncs_known_[thread][other % kWarpSize]; }
    // What the thread knew of the lanes of its warp at its last fence.
    const uint16_t* known_at_fence(int thread) const { return known_at_fence_[thread]; }
    const uint16_t* known(int thread) const { return syncs_known_[thread]; }
    void fence(uint32_t phase);
    Finding& finding() { return *finding_; }

  private:
    friend class Undisturbed;

    unsigned queued() const { return tail_ - head_; }

    static void run_threads();  // what a fiber executes

    void run_phases();
    void begin_phase();
    template <class Wanted>
    void fill_queue(Wanted);
    void push(int thread);
    bool next();       // makes the head of the queue the current thread; false: the queue is empty
    void hand_over();  // lets the next thread go on, or `run`; returns when this one's turn has come again
    void become_current();
    const Context& context_of_current();  // whose turn it then is
    void begin(Thread&);
    void end_if_interrupted();

    void sync_clocks(int first, unsigned lanes);
    bool release_converging();
    bool open_barrier();  // all wait: true if it was for one barrier; else the finding says what is wrong
    void set_waiting(Kind, int waiting, int other);
    void set_place(int waiting);  // in the finding: who, and at what barrier or collective
    bool lanes_are_there(int first, unsigned lanes, int lane);

    // What a switch and a barrier need comes first, as in a Thread.
    alignas(64) int current_ = 0;
    unsigned head_ = 0, tail_ = 0;  // of the queue: how many have left it, and joined it
    volatile bool interrupted_ = false;
    bool converging_ = false;  // whether any lane waits in active_lanes
    volatile int undisturbed_ = 0;
    Place barrier_ = {};  // that the last thread came to
    int at_barrier_ = 0;  // how many have, of this phase, since one came to another
    int arrived_predicates_ = 0, predicates_ = 0;  // nonzero ones: brought in this phase, and to the barrier before it
    int count_ = 0, live_ = 0;

    Stacks stacks_;
    Thread thread_[kMostThreads];
    int queue_[kMostThreads];  // a ring
    int turns_[kMostThreads];
    // For each thread, and each lane of its warp: how many __syncwarp that lane had behind it, as far as the thread
    // can know: a vector clock.
    uint16_t syncs_known_[kMostThreads][kWarpSize], known_at_fence_[kMostThreads][kWarpSize];
    bool no_syncs_ = false;
    int32_t order_ = kInOrder;
    Context scheduler_ = {};
    const Kernel* kernel_ = nullptr;
    void** arguments_ = nullptr;
    Random* random_ = nullptr;
    Finding* finding_ = nullptr;
    Index shape_ = {0, 0, 0};
    Copies copies_;
};

// The block that runs on this operating-system thread.
#ifdef REFCONV_THREADS
extern REFCONV_OWN Block* own_block;
inline Block& the_block() { return *own_block; }
#else
extern Block only_block;
inline Block& the_block() { return only_block; }
#endif

// While it lives, a signal does not end the current thread's turn: it holds what others need too, as the C library's
// own locks.
class Undisturbed {
  public:
    Undisturbed() : block_(the_block()) { block_.undisturbed_ = block_.undisturbed_ + 1; }
    ~Undisturbed() {
        block_.undisturbed_ = block_.undisturbed_ - 1;
        block_.end_if_interrupted();
    }

  private:
    Block& block_;
};

}  // namespace refconv
