// What the lanes of a warp tell each other: shuffles, votes, matches, reductions.
//
// All are one thing. Each lane that the mask names brings a word; when all are there, everyone sees all the words and
// makes of them what its intrinsic says. The runtime does the waiting, and it is what complains of a lane that is
// missing, has come with another mask, or waits at another intrinsic.
#pragma once
#include "barriers.h"
#include "bits.h"
#include "index.h"
#include "integers.h"
#include "traits.h"

namespace refconv {

// What the lanes have come for. Lanes that wait together must have come for the same.
enum Collective : int {
    kShuffle = 1,
    kShuffleUp,
    kShuffleDown,
    kShuffleXor,
    kAll,
    kAny,
    kUniform,
    kBallot,
    kMatchAny,
    kMatchAll,
    kReduceAdd,
    kReduceMin,
    kReduceMax,
    kReduceAnd,
    kReduceOr,
    kReduceXor,
    kMatrixLoad,   // mma.h
    kMatrixStore,
    kMatrixOperands,
    kMatrixDone,
    kGroupValues,  // cooperative_groups.h
    kGroupDone,
};

// Instructions that PTX calls aligned ask more: that all lanes come to the same one. Their place takes the number's place.
// (No line is 0: this is never -1, which is a __syncwarp's.)
inline Collective at_place(int line) { return static_cast<Collective>(~line); }

}  // namespace refconv

extern "C" {
// Waits for every existing lane that the mask names, then fills lanes[0..31] with the values of those that came (and
// poison for the others), and returns the mask of those: fewer than asked for in a warp that the block does not fill.
unsigned refconv_collective(unsigned mask, int operation, unsigned long long value, unsigned long long* lanes,
                            const char* file, int line);
void refconv_syncwarp(unsigned mask, const char* file, int line);
// The lanes of the caller's warp that come to the same place.
unsigned refconv_active_lanes(const char* file, int line);
// A shuffle reads from a lane that does not take part: what it gets is undefined.
void refconv_undefined_lane(int lane, const char* file, int line);
[[noreturn]] void refconv_trap(const char* message, const char* file, int line);
}

inline void __syncwarp(unsigned mask = 0xffffffff, REFCONV_HERE) { refconv_syncwarp(mask, file, line); }

// The lanes that are here. On a GPU it depends on the schedule whether that is all of those that come here, and no
// kernel may rely on it. Inlined, because the runtime also looks at where the call returns to.
inline __forceinline__ unsigned __activemask(REFCONV_HERE) {
    unsigned lanes = refconv_active_lanes(file, line);
    asm volatile("");  // so that the call is no jump, whatever follows
    return lanes;
}

namespace refconv {

// What the lanes have brought.
struct Lanes {
    unsigned present;  // a bit for each lane that came
    unsigned long long word[32];

    REFCONV_UNCHECKED bool has(int lane) const { return present >> lane & 1; }
};

REFCONV_UNCHECKED inline void exchange(Lanes& lanes, unsigned mask, Collective operation, unsigned long long word,
                                       const char* file, int line) {
    lanes.present = refconv_collective(mask, operation, word, lanes.word, file, line);
}

template <class T>
REFCONV_UNCHECKED inline unsigned long long to_word(T value) {
    static_assert(sizeof(T) <= sizeof(unsigned long long), "a lane brings one word");
    unsigned long long word = 0;
    __builtin_memcpy(&word, static_cast<const void*>(&value), sizeof value);
    return word;
}
template <class T>
REFCONV_UNCHECKED inline T from_word(unsigned long long word) {
    T value;
    __builtin_memcpy(static_cast<void*>(&value), &word, sizeof value);
    return value;
}

// -- shuffles ------------------------------------------------------------------------------------------------

// The types that CUDA has shuffles for; cuda_fp16.h and cuda_bf16.h add theirs. Smaller integers become int.
template <class T>
inline constexpr bool can_be_shuffled = is_number<T> && sizeof(T) >= 4;

// A warp is cut into segments of `width` lanes. Which lane a lane reads from: `chosen` if that lies within its
// segment, else itself.
REFCONV_UNCHECKED inline int shuffle_source(Collective operation, int argument, int width) {
    int self = static_cast<int>(lane());
    int first = self & -width, last = first + width - 1;
    int distance = argument & 31;
    switch (operation) {
        case kShuffleUp: return self - distance >= first ? self - distance : self;
        case kShuffleDown: return self + distance <= last ? self + distance : self;
        case kShuffleXor: return (self ^ distance) <= last ? self ^ distance : self;  // earlier segments are in reach
        default: return first | (argument & (width - 1));
    }
}

template <class T>
REFCONV_UNCHECKED inline T shuffled(unsigned mask, Collective operation, T value, int argument, int width,
                                    const char* file, int line) {
    static_assert(can_be_shuffled<T>, "CUDA has no shuffle for this type");
    if (width < 1 || width > 32 || (width & (width - 1))) {
        refconv_trap("a shuffle whose width is not 1, 2, 4, 8, 16 or 32", file, line);
    }
    Lanes lanes;
    exchange(lanes, mask, operation, to_word(value), file, line);
    int source = shuffle_source(operation, argument, width);
    // Up and down, lanes at the mask's edge get nothing that is defined, and right kernels do not use what they get
    // (a sum by __shfl_down_sync(0xffff, ...) in half a warp): they get poison. Otherwise it is an error at once.
    bool may_miss = operation == kShuffleUp || operation == kShuffleDown;
    if (!may_miss && !lanes.has(source)) refconv_undefined_lane(source, file, line);
    return from_word<T>(lanes.word[source]);
}

}  // namespace refconv

// +value: short, char and bool become int, as they do where CUDA declares one overload for each type.
template <class T>
inline auto __shfl_sync(unsigned mask, T value, int source, int width = 32, REFCONV_HERE) -> decltype(+value) {
    return refconv::shuffled(mask, refconv::kShuffle, +value, source, width, file, line);
}
template <class T>
inline auto __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, REFCONV_HERE) -> decltype(+value) {
    return refconv::shuffled(mask, refconv::kShuffleUp, +value, static_cast<int>(delta), width, file, line);
}
template <class T>
inline auto __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, REFCONV_HERE) -> decltype(+value) {
    return refconv::shuffled(mask, refconv::kShuffleDown, +value, static_cast<int>(delta), width, file, line);
}
template <class T>
inline auto __shfl_xor_sync(unsigned mask, T value, int other, int width = 32, REFCONV_HERE) -> decltype(+value) {
    return refconv::shuffled(mask, refconv::kShuffleXor, +value, other, width, file, line);
}

// -- votes ---------------------------------------------------------------------------------------------------

namespace refconv {

// Who came, and which of those with a predicate other than 0.
struct Votes {
    unsigned present, in_favour;
};
REFCONV_UNCHECKED inline Votes vote(unsigned mask, Collective operation, int predicate, const char* file, int line) {
    Lanes lanes;
    exchange(lanes, mask, operation, predicate != 0, file, line);
    unsigned in_favour = 0;
    for (int i = 0; i < 32; ++i) {
        if (lanes.has(i) && lanes.word[i]) in_favour |= 1u << i;
    }
    return {lanes.present, in_favour};
}

}  // namespace refconv

inline unsigned __ballot_sync(unsigned mask, int predicate, REFCONV_HERE) {
    return refconv::vote(mask, refconv::kBallot, predicate, file, line).in_favour;
}
inline int __any_sync(unsigned mask, int predicate, REFCONV_HERE) {
    return refconv::vote(mask, refconv::kAny, predicate, file, line).in_favour != 0;
}
inline int __all_sync(unsigned mask, int predicate, REFCONV_HERE) {
    refconv::Votes votes = refconv::vote(mask, refconv::kAll, predicate, file, line);
    return votes.in_favour == votes.present;
}
inline int __uni_sync(unsigned mask, int predicate, REFCONV_HERE) {
    refconv::Votes votes = refconv::vote(mask, refconv::kUniform, predicate, file, line);
    return votes.in_favour == votes.present || votes.in_favour == 0;
}

// -- matches: values are equal if their bits are -------------------------------------------------------------

namespace refconv {

struct Match {
    unsigned present, equal_to_mine;
};
template <class T>
REFCONV_UNCHECKED inline Match match(unsigned mask, Collective operation, T value, const char* file, int line) {
    static_assert(is_number<T> && sizeof(T) >= 4, "CUDA has no match for this type");
    Lanes lanes;
    exchange(lanes, mask, operation, to_word(value), file, line);
    unsigned equal = 0;
    for (int i = 0; i < 32; ++i) {
        if (lanes.has(i) && lanes.word[i] == to_word(value)) equal |= 1u << i;
    }
    return {lanes.present, equal};
}

}  // namespace refconv

template <class T>
inline unsigned __match_any_sync(unsigned mask, T value, REFCONV_HERE) {
    return refconv::match(mask, refconv::kMatchAny, +value, file, line).equal_to_mine;
}
template <class T>
inline unsigned __match_all_sync(unsigned mask, T value, int* all_match, REFCONV_HERE) {
    refconv::Match match = refconv::match(mask, refconv::kMatchAll, +value, file, line);
    *all_match = match.equal_to_mine == match.present;
    return *all_match ? match.present : 0;
}

// -- reductions of 32-bit integers ---------------------------------------------------------------------------

namespace refconv {

template <class T, class Operation>
REFCONV_UNCHECKED inline T reduced(unsigned mask, Collective collective, T value, Operation operation,
                                   const char* file, int line) {
    Lanes lanes;
    exchange(lanes, mask, collective, to_word(value), file, line);
    T result = value;
    int self = static_cast<int>(lane());
    for (int i = 0; i < 32; ++i) {
        if (lanes.has(i) && i != self) result = operation(result, from_word<T>(lanes.word[i]));
    }
    return result;
}

inline unsigned sum_of(unsigned a, unsigned b) { return a + b; }
inline unsigned and_of(unsigned a, unsigned b) { return a & b; }
inline unsigned or_of(unsigned a, unsigned b) { return a | b; }
inline unsigned xor_of(unsigned a, unsigned b) { return a ^ b; }

}  // namespace refconv

inline unsigned __reduce_add_sync(unsigned mask, unsigned value, REFCONV_HERE) {
    return refconv::reduced(mask, refconv::kReduceAdd, value, refconv::sum_of, file, line);
}
inline int __reduce_add_sync(unsigned mask, int value, REFCONV_HERE) {
    return static_cast<int>(__reduce_add_sync(mask, static_cast<unsigned>(value), file, line));
}
inline unsigned __reduce_min_sync(unsigned mask, unsigned value, REFCONV_HERE) {
    return refconv::reduced(mask, refconv::kReduceMin, value, refconv::lesser_of<unsigned>, file, line);
}
inline int __reduce_min_sync(unsigned mask, int value, REFCONV_HERE) {
    return refconv::reduced(mask, refconv::kReduceMin, value, refconv::lesser_of<int>, file, line);
}
inline unsigned __reduce_max_sync(unsigned mask, unsigned value, REFCONV_HERE) {
    return refconv::reduced(mask, refconv::kReduceMax, value, refconv::greater_of<unsigned>, file, line);
}
inline int __reduce_max_sync(unsigned mask, int value, REFCONV_HERE) {
    return refconv::reduced(mask, refconv::kReduceMax, value, refconv::greater_of<int>, file, line);
}
inline unsigned __reduce_and_sync(unsigned mask, unsigned value, REFCONV_HERE) {
    return refconv::reduced(mask, refconv::kReduceAnd, value, refconv::and_of, file, line);
}
inline unsigned __reduce_or_sync(unsigned mask, unsigned value, REFCONV_HERE) {
    return refconv::reduced(mask, refconv::kReduceOr, value, refconv::or_of, file, line);
}
inline unsigned __reduce_xor_sync(unsigned mask, unsigned value, REFCONV_HERE) {
    return refconv::reduced(mask, refconv::kReduceXor, value, refconv::xor_of, file, line);
}
