#include "trap.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "workers.h"

namespace refconv {

namespace {

// Faults are the kernel's own doing; the others come from outside: Ctrl-C, a time limit, a request to end. (kStop: from
// another thread of the launch.)
#ifdef REFCONV_THREADS
constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGINT, SIGALRM, SIGTERM, kStop};
#else
constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGINT, SIGALRM, SIGTERM};
#endif
constexpr int kSignalCount = sizeof kSignals / sizeof kSignals[0];

uintptr_t base;
long launching_thread;
volatile uint64_t signals;  // a bit each
struct sigaction previous[kSignalCount];

struct Manned {
    long thread;  // 0: nobody
    Block* block;
    stack_t previous_stack;
    alignas(16) char handler_stack[64 * 1024];
} posts[kMostPosts];

long this_thread() { return syscall(SYS_gettid); }

// Thread-local storage would not do: its first use in a thread allocates it, which a handler must not.
Manned* post_of(long thread) {
    for (Manned& post : posts) {
        if (__atomic_load_n(&post.thread, __ATOMIC_SEQ_CST) == thread) return &post;
    }
    return nullptr;
}

bool is_fault(int signal) { return signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL; }

uintptr_t stack_pointer(const ucontext_t* context) {
#if defined(__x86_64__)
    return static_cast<uintptr_t>(context->uc_mcontext.gregs[REG_RSP]);
#else
    return context->uc_mcontext.sp;
#endif
}

// Just behind where it happened, as a return address would be, relative to the module.
uintptr_t program_counter(const ucontext_t* context) {
#if defined(__x86_64__)
    return static_cast<uintptr_t>(context->uc_mcontext.gregs[REG_RIP]) + 1 - base;
#else
    return context->uc_mcontext.pc + 1 - base;
#endif
}

int was_write(const ucontext_t* context) {
#if defined(__x86_64__)
    return (context->uc_mcontext.gregs[REG_ERR] >> 1) & 1;  // bit 1 of the page fault's error code
#else
    (void)context;
    return -1;
#endif
}

void describe(Block& block, int signal, const siginfo_t* info, const ucontext_t* context) {
    Finding& finding = block.finding();
    finding.thread = block.current_thread();
    finding.pc = program_counter(context);
    finding.address = reinterpret_cast<uintptr_t>(info->si_addr);
    if (signal == SIGSEGV && info->si_code == SI_KERNEL) finding.address = ~uintptr_t(0);  // the processor did not say
    finding.region = kNoRegion;
    if (signal == SIGFPE) {
        finding.kind = kArithmeticFault;
    } else if (signal == SIGILL) {
        finding.kind = kTrap;
    } else if (block.stacks().is_guard(finding.address)) {
        finding.kind = kStackOverflow;
    } else {
        finding.kind = kMemoryFault;
        finding.is_write = was_write(context);
    }
}

// Not ours: what would have happened without us. Returning with the default action restored repeats a fault.
void pass_on(int signal, siginfo_t* info, void* context) {
    for (int i = 0; i < kSignalCount; ++i) {
        if (kSignals[i] != signal) continue;
        const struct sigaction& old = previous[i];
        if (old.sa_flags & SA_SIGINFO) {
            old.sa_sigaction(signal, info, context);
        } else if (old.sa_handler == SIG_DFL) {
            if (signal == kStop) return;
            sigaction(signal, &old, nullptr);
            if (!is_fault(signal)) kill(getpid(), signal);
        } else if (old.sa_handler != SIG_IGN) {
            old.sa_handler(signal);
        }
    }
}

void on_signal(int signal, siginfo_t* info, void* data) {
    const ucontext_t* context = static_cast<const ucontext_t*>(data);
    long thread = this_thread();
    Manned* post = post_of(thread);
    bool on_fiber = post && post->block->stacks().holds(stack_pointer(context));
    // A fiber that was interrupted is left by a switch: its stack, and that of every other, is simply never returned to.
    // SA_NODEFER has kept the signal unblocked, so there is no mask to restore.
    if (is_fault(signal) && on_fiber) {
        describe(*post->block, signal, info, context);
        post->block->abandon();
    } else if (is_fault(signal) || (signal == kStop && !post)) {
        pass_on(signal, info, data);
    } else if (post) {
        if (signal != kStop) signals = signals | uint64_t(1) << signal;
        post->block->interrupt(on_fiber, program_counter(context));
    } else if (thread == launching_thread) {
        signals = signals | uint64_t(1) << signal;
        stop_workers();
    } else if (launching_thread == getpid()) {
        // The process's signals may come on any thread, but it is the main one that Python handles them on.
        syscall(SYS_tgkill, getpid(), launching_thread, signal);
    } else {
        pass_on(signal, info, data);
    }
}

}  // namespace

void set_traps(uintptr_t module_base) {
    base = module_base;
    launching_thread = this_thread();
    signals = 0;
    struct sigaction action = {};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < kSignalCount; ++i) {
        sigaction(kSignals[i], nullptr, &previous[i]);
        // What the process ignores stays ignored.
        bool ignored = !is_fault(kSignals[i]) && kSignals[i] != kStop && previous[i].sa_handler == SIG_IGN;
        if (!ignored) sigaction(kSignals[i], &action, nullptr);
    }
}

void remove_traps() {
    for (int i = 0; i < kSignalCount; ++i) sigaction(kSignals[i], &previous[i], nullptr);
}

uint64_t arrived_signals() { return signals; }

int take_post(Block& block) {
    // Claimed before it is manned: handlers look for a thread's own number only.
    constexpr long kClaimed = -1;
    long nobody = 0;
    int number = 0;
    while (!__atomic_compare_exchange_n(&posts[number].thread, &nobody, kClaimed, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        nobody = 0;
        ++number;
    }
    Manned& post = posts[number];
    post.block = &block;
    block.begin_launch();
    stack_t stack = {};
    stack.ss_sp = post.handler_stack;
    stack.ss_size = sizeof post.handler_stack;
    sigaltstack(&stack, &post.previous_stack);
    __atomic_store_n(&post.thread, this_thread(), __ATOMIC_SEQ_CST);
    return number;
}

void leave_post(int number) {
    sigaltstack(&posts[number].previous_stack, nullptr);
    __atomic_store_n(&posts[number].thread, 0, __ATOMIC_SEQ_CST);
}

void stop(const Block& block) {
    for (const Manned& post : posts) {
        long thread = __atomic_load_n(&post.thread, __ATOMIC_SEQ_CST);
        if (thread > 0 && post.block == &block) syscall(SYS_tgkill, getpid(), thread, kStop);
    }
}

}  // namespace refconv
