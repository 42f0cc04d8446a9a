#include "trap.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "block.h"

namespace refconv {

namespace {

// Faults are the kernel's own doing; the others come from outside: Ctrl-C, a time limit, a request to end.
constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGINT, SIGALRM, SIGTERM};
constexpr int kSignalCount = sizeof kSignals / sizeof kSignals[0];

Finding* current_finding;
uintptr_t base;
long launching_thread;
volatile uint64_t signals;  // a bit each
struct sigaction previous[kSignalCount];
stack_t previous_stack;
alignas(16) char handler_stack[64 * 1024];

bool is_fault(int signal) { return signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL; }

uintptr_t stack_pointer(const ucontext_t* context) {
#if defined(__x86_64__)
    return static_cast<uintptr_t>(context->uc_mcontext.gregs[REG_RSP]);
#else
    return context->uc_mcontext.sp;
#endif
}

// Just behind where it happened, as a return address would be.
uintptr_t program_counter(const ucontext_t* context) {
#if defined(__x86_64__)
    return static_cast<uintptr_t>(context->uc_mcontext.gregs[REG_RIP]) + 1;
#else
    return context->uc_mcontext.pc + 1;
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

void describe(int signal, const siginfo_t* info, const ucontext_t* context) {
    Finding& finding = *current_finding;
    finding.thread = the_block.current_thread();
    finding.pc = program_counter(context) - base;
    finding.address = reinterpret_cast<uintptr_t>(info->si_addr);
    if (signal == SIGSEGV && info->si_code == SI_KERNEL) finding.address = ~uintptr_t(0);  // the processor did not say
    finding.region = kNoRegion;
    if (signal == SIGFPE) {
        finding.kind = kArithmeticFault;
    } else if (signal == SIGILL) {
        finding.kind = kTrap;
    } else if (!is_fault(signal)) {
        finding.kind = kInterrupted;
    } else if (the_block.stacks().is_guard(finding.address)) {
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
            sigaction(signal, &old, nullptr);
            if (!is_fault(signal)) kill(getpid(), signal);
        } else if (old.sa_handler != SIG_IGN) {
            old.sa_handler(signal);
        }
    }
}

void on_signal(int signal, siginfo_t* info, void* data) {
    const ucontext_t* context = static_cast<const ucontext_t*>(data);
    if (syscall(SYS_gettid) != launching_thread) {
        pass_on(signal, info, data);
        return;
    }
    if (!is_fault(signal)) signals = signals | uint64_t(1) << signal;
    if (the_block.stacks().holds(stack_pointer(context))) {
        // A fiber was interrupted. Its stack, and that of every other, is simply never returned to: the handler
        // leaves by a switch. SA_NODEFER has kept the signal unblocked, so there is no mask to restore.
        describe(signal, info, context);
        the_block.abandon();
    } else if (is_fault(signal)) {
        pass_on(signal, info, data);
    }
}

}  // namespace

Traps::Traps(Finding* finding, uintptr_t module_base) {
    base = module_base;
    current_finding = finding;
    launching_thread = syscall(SYS_gettid);
    signals = 0;
    stack_t stack = {};
    stack.ss_sp = handler_stack;
    stack.ss_size = sizeof handler_stack;
    sigaltstack(&stack, &previous_stack);
    struct sigaction action = {};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < kSignalCount; ++i) {
        sigaction(kSignals[i], nullptr, &previous[i]);
        // What the process ignores stays ignored.
        bool ignored = !is_fault(kSignals[i]) && previous[i].sa_handler == SIG_IGN;
        if (!ignored) sigaction(kSignals[i], &action, nullptr);
    }
}

Traps::~Traps() {
    for (int i = 0; i < kSignalCount; ++i) sigaction(kSignals[i], &previous[i], nullptr);
    sigaltstack(&previous_stack, nullptr);
}

uint64_t Traps::arrived() { return signals; }

}  // namespace refconv
