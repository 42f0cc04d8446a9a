#ifdef REFCONV_THREADS
#include "workers.h"

#include <pthread.h>
#include <signal.h>

#include "block.h"
#include "cuda_words.h"
#include "image.h"
#include "order.h"
#include "shared_memory.h"
#include "trap.h"

namespace refconv {

namespace {

// One of the threads. Its block is kept from launch to launch.
struct Worker {
    Block block;
    pthread_t thread;
    uint64_t turn;  // the number of the block that it runs
    Finding finding;
    uint64_t finding_turn;
} workers[kMostPosts];

// The launch that they work on.
const Kernel* kernel;
void** arguments;
const Launch* launch;
uint64_t block_count;
uint64_t next_turn;
uint64_t done;  // how many blocks have come to their end
uint64_t end;  // no block from here on need run: one before it has a finding, or there are no more

template <class T>
T read(const T& shared) {
    return __atomic_load_n(&shared, __ATOMIC_SEQ_CST);
}
template <class T>
void write(T& shared, T value) {
    __atomic_store_n(&shared, value, __ATOMIC_SEQ_CST);
}

// What comes after a finding need not run, and what runs there may never end: it may wait for the block that failed.
void end_at(uint64_t turn) {
    uint64_t now = read(end);
    while (turn < now && !__atomic_compare_exchange_n(&end, &now, turn, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    }
    for (const Worker& worker : workers) {
        if (read(worker.turn) > turn) stop(worker.block);
    }
}

// Thread-local storage holds the kernel's shared memory, which is filled with poison, and the runtime's own variables.
void begin_block(Worker& worker, const Image& image) {
    fill_shared_memory(image, launch->poison, launch->dynamic_shared);
    own_block = &worker.block;
    Index index = position(worker.turn, launch->grid);
    blockIdx = {index.x, index.y, index.z};
    worker.finding = Finding();
    worker.finding.block = index;
}

void* work(void* data) {
    Worker& worker = *static_cast<Worker*>(data);
    int post = take_post(worker.block);
    Image image = this_image();
    Random random(launch->seed);
    bool ready = worker.block.reshape(launch->block, launch->stacks[&worker - workers]);
    while (ready) {
        // First the turn is known, then it is looked whether it is wanted: whoever sets an end before it either is seen here,
        // or sees it.
        write(worker.turn, __atomic_fetch_add(&next_turn, 1, __ATOMIC_SEQ_CST));
        if (worker.turn >= read(end) || arrived_signals()) break;
        begin_block(worker, image);
        worker.block.run(*kernel, arguments, launch->order, random, &worker.finding);
        if (worker.finding.kind != kNone) {
            worker.finding_turn = worker.turn;
            end_at(worker.turn);
            break;
        }
        __atomic_fetch_add(&done, 1, __ATOMIC_SEQ_CST);
    }
    write(worker.turn, uint64_t(0));
    leave_post(post);
    return nullptr;
}

// Signals from outside are for the thread that launches.
int start(int count) {
    sigset_t outside, before;
    sigfillset(&outside);
    constexpr int inside[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, kStop};
    for (int signal : inside) sigdelset(&outside, signal);
    pthread_sigmask(SIG_SETMASK, &outside, &before);
    int started = 0;
    while (started < count && pthread_create(&workers[started].thread, nullptr, work, &workers[started]) == 0) ++started;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started;
}

}  // namespace

void stop_workers() {
    write(end, uint64_t(0));
    for (const Worker& worker : workers) stop(worker.block);
}

void share_blocks(const Kernel& launched, void** launched_arguments, const Launch& launched_as, Finding* finding) {
    kernel = &launched;
    arguments = launched_arguments;
    launch = &launched_as;
    block_count = uint64_t(launch->grid.x) * launch->grid.y * launch->grid.z;
    next_turn = done = 0;
    for (Worker& worker : workers) {
        worker.finding_turn = block_count;
    }
    write(end, block_count);
    int started = start(launch->workers < kMostPosts ? launch->workers : kMostPosts);
    const Worker* first = nullptr;
    for (int i = 0; i < started; ++i) {
        const Worker& worker = workers[i];
        pthread_join(worker.thread, nullptr);
        if (worker.finding_turn < (first ? first->finding_turn : block_count)) first = &worker;
    }
    if (first) {
        *finding = first->finding;
    } else if (done < block_count) {
        finding->kind = arrived_signals() ? kInterrupted : kOutOfMemory;
    }
}

}  // namespace refconv
#endif
