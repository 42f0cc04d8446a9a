// What Python and the runtime tell each other. simulator/abi.py mirrors these structs field by field.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace refconv {

struct Index {  // x varies fastest, as in CUDA
    unsigned x, y, z;
};

// In which order the blocks of a grid, and between two barriers the threads of a block, take their turns.
enum Order : int32_t {
    kInOrder = 0,
    kReversed = 1,
    kWarps = 2,       // warps at random, the lanes of each in order
    kRandom = 3,      // lanes at random
    kPreemptive = 4,  // lanes at random, and a switch may come at any memory access (checked builds)
};

// Memory that one launch may touch: the array [begin, end) inside the accessible pages [first, last).
// What the pages hold outside the array is the canary.
struct Region {
    uint8_t *first, *begin, *end, *last;
    uint8_t read_only;      // a write is a finding (checked builds)
    uint8_t uninitialised;  // every byte is, until the kernel writes it (checked builds)
};

// Where the threads of a block have their stacks. It belongs to the process, not to a module: each has guard pages, and
// the kernel of the operating system counts them.
struct StackMemory {
    uintptr_t base, size;
    int32_t count;  // stacks
};

struct Launch {
    Index grid, block;
    int32_t order;
    uint64_t seed;
    uint64_t step_budget;     // memory accesses before a kernel counts as endless (checked builds); 0: no limit
    uint32_t dynamic_shared;  // bytes
    uint32_t poison;          // what uninitialised shared memory holds, as a pattern of four bytes
    uint8_t canary;           // what surrounds every array
    int32_t workers;          // operating-system threads that share the blocks (builds with REFCONV_THREADS)
    int32_t region_count;
    Region* regions;
    StackMemory* stacks;  // one for each worker
};

enum Kind : int32_t {
    kNone = 0,
    kMemoryFault = 1,      // an access that no page backs: address, is_write
    kStackOverflow = 2,    // endless recursion, or local arrays beyond the fiber's stack
    kArithmeticFault = 3,  // an integer division by zero
    kTrap = 4,             // __trap, a failed assert
    kBarrierMismatch = 5,  // two threads wait at different barriers
    kBarrierDeserted = 6,  // a thread waits for one that has left the kernel
    kCanary = 7,           // a write beside an array: region, address
    kInterrupted = 8,      // a signal (Ctrl-C, a time limit) arrived: signals
    kOutOfMemory = 9,      // no room for stacks, or for the order of the blocks
    kWarpMask = 10,        // a lane calls a warp primitive with a mask that does not name it
    kWarpDiverged = 11,    // a lane waits in a warp primitive for one that waits somewhere else
    kWarpDeserted = 12,    // a warp primitive's mask names a lane that has left the kernel
    kUndefinedLane = 13,   // a shuffle reads from a lane that does not take part
    // Found by checked builds only; `pc` is where, and region is kSharedRegion for shared memory.
    kOutOfBounds = 14,
    kMisaligned = 15,
    kReadOnly = 16,
    kUninitialised = 17,
    kRace = 18,
    kIndexOutOfBounds = 19,  // an index beyond one dimension of an array: message is its type, address the index
    kEndless = 20,           // the step budget is used up
    kMeetsCopy = 21,         // an access to what a cp.async, `other`, may still read or write: not waited for
    kRacesCopy = 22,         // the same, and nothing orders the access and the start of the copy, either
    // Also found by the others: a cp.async whose destination is not shared memory, or whose source is not global.
    kCopySpace = 23,
};

constexpr int32_t kSharedRegion = -1, kNoRegion = -2;
constexpr int32_t kModuleRegion = -3;  // the module's own variables, `__device__` and `__constant__`

struct Finding {
    int32_t kind;
    int32_t is_write, other_is_write;  // 1 a write, 0 a read, 2 an atomic, -1 unknown
    int32_t region;
    int32_t size;  // bytes of the access
    uintptr_t address;
    // Of the address in its region; for shared memory, in the module's thread-local storage; for the module's
    // variables, in the module.
    uint64_t offset;
    uint64_t signals;  // those that came during the launch, a bit each
    Index block, thread, other_block, other_thread;
    int32_t has_other;
    int32_t line, other_line;
    const char *file, *other_file;
    const char* message;
    uintptr_t pc, other_pc;  // relative to the module's base
};

// One parameter of a kernel, read off its signature.
struct Parameter {
    char kind;     // p pointer, i signed, u unsigned, f float, h half, g bfloat16, b bool, V another by value
    char element;  // of what a pointer points to
    int32_t size, element_size;
    int32_t is_const;  // a pointer to const
};

struct Kernel {
    const char* name;
    void (*call)(void** arguments);
    const Parameter* parameters;
    int32_t parameter_count;
};

}  // namespace refconv

#define REFCONV_EXPORT extern "C" __attribute__((visibility("default")))

// The kernels of a module: defined by the translation unit that Python writes around the .cu file.
REFCONV_EXPORT const refconv::Kernel refconv_kernels[];
REFCONV_EXPORT const int32_t refconv_kernel_count;
// The start of dynamic shared memory, or null where no kernel declares any.
REFCONV_EXPORT void* refconv_dynamic_shared();
// The sizes of the structs above, in the order of simulator/abi.py's SIZES: Python checks that it has them right.
REFCONV_EXPORT const int32_t refconv_abi_sizes[];
// A launch stands between these two. In between, faults and signals are the launch's. The first says whether they were not
// until now; the second, which does no harm alone, raises again the signals that came from outside, for Python to act on.
REFCONV_EXPORT int32_t refconv_begin();
REFCONV_EXPORT void refconv_end();
// Runs one launch to its end or to the first finding. Returns finding->kind.
REFCONV_EXPORT int32_t refconv_launch(const refconv::Kernel*, void** arguments, const refconv::Launch*, refconv::Finding*);
