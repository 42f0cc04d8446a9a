// CUDA's <cooperative_groups.h>: blocks, tiles of a warp, and the lanes that are here.
//
// Grid and cluster groups are not simulated. coalesced_threads() gives all lanes of the warp that come to that call; a
// GPU may give fewer, depending on how it schedules them.
#pragma once
#include "../cuda_words.h"

namespace refconv {

// One value from each lane that the mask names, and which lanes those are.
template <class T>
REFCONV_UNCHECKED inline unsigned gather(T (&values)[32], unsigned mask, const T& mine, const char* file, int line) {
    Lanes lanes;
    if constexpr (sizeof(T) <= sizeof lanes.word[0]) {
        exchange(lanes, mask, kGroupValues, to_word(mine), file, line);
        for (int i = 0; i < 32; ++i) values[i] = from_word<T>(lanes.word[i]);
    } else {
        // Larger than a word: each lane says where its value lies, and waits until all have read it.
        exchange(lanes, mask, kGroupValues, reinterpret_cast<unsigned long long>(&mine), file, line);
        for (int i = 0; i < 32; ++i) {
            const void* theirs = lanes.has(i) ? reinterpret_cast<const void*>(lanes.word[i]) : &mine;
            __builtin_memcpy(static_cast<void*>(&values[i]), theirs, sizeof(T));
        }
        exchange(lanes, mask, kGroupDone, 0, file, line);
    }
    return lanes.present;
}

}  // namespace refconv

namespace cooperative_groups {

// -- a block -------------------------------------------------------------------------------------------------

class thread_block {
  public:
    static void sync(REFCONV_HERE) { refconv_barrier(file, line); }
    static unsigned size() { return refconv::block_size(); }
    static unsigned num_threads() { return refconv::block_size(); }
    static unsigned thread_rank() { return refconv::thread_rank(); }
    static dim3 group_index() { return dim3(blockIdx); }
    static dim3 thread_index() { return dim3(threadIdx); }
    static dim3 group_dim() { return blockDim; }
    static dim3 dim_threads() { return blockDim; }
};

inline thread_block this_thread_block() { return thread_block(); }

// -- lanes of a warp -----------------------------------------------------------------------------------------

// What tiles and coalesced groups have in common. Group says which lanes it has: members(), a mask.
template <class Group>
class LaneGroup {
  public:
    unsigned size() const { return static_cast<unsigned>(__popc(members())); }
    unsigned num_threads() const { return size(); }
    // How many members come before the caller.
    unsigned thread_rank() const { return static_cast<unsigned>(__popc(members() & ((1u << refconv::lane()) - 1))); }
    void sync(REFCONV_HERE) const { refconv_syncwarp(members(), file, line); }

    // Values go by rank, and may be of any type that can be copied.
    template <class T>
    T shfl(T value, unsigned rank, REFCONV_HERE) const {
        return from(value, static_cast<int>(rank % size()), true, file, line);
    }
    template <class T>
    T shfl_up(T value, unsigned delta, REFCONV_HERE) const {
        unsigned rank = thread_rank();
        return from(value, static_cast<int>(rank >= delta ? rank - delta : rank), false, file, line);
    }
    template <class T>
    T shfl_down(T value, unsigned delta, REFCONV_HERE) const {
        unsigned rank = thread_rank();
        return from(value, static_cast<int>(rank + delta < size() ? rank + delta : rank), false, file, line);
    }

    int any(int predicate, REFCONV_HERE) const { return __any_sync(members(), predicate, file, line); }
    int all(int predicate, REFCONV_HERE) const { return __all_sync(members(), predicate, file, line); }
    unsigned ballot(int predicate, REFCONV_HERE) const {
        return by_rank(__ballot_sync(members(), predicate, file, line));
    }
    template <class T>
    unsigned match_any(T value, REFCONV_HERE) const {
        return by_rank(__match_any_sync(members(), value, file, line));
    }
    template <class T>
    unsigned match_all(T value, int& all_match, REFCONV_HERE) const {
        return by_rank(__match_all_sync(members(), value, &all_match, file, line));
    }

    // For reduce.h: all members' values, by lane.
    template <class T>
    unsigned gather(T (&values)[32], const T& mine, const char* file, int line) const {
        return refconv::gather(values, members(), mine, file, line);
    }

  protected:
    unsigned members() const { return static_cast<const Group*>(this)->members(); }

    // The lane of the member with this rank.
    int lane_of(int rank) const {
        unsigned rest = members();
        for (int i = 0; i < rank; ++i) rest &= rest - 1;  // takes the lowest one away
        return __ffs(static_cast<int>(rest)) - 1;
    }
    // A mask of lanes as a mask of ranks.
    unsigned by_rank(unsigned lanes) const {
        unsigned ranks = 0, bit = 1;
        for (unsigned rest = members(); rest; rest &= rest - 1, bit <<= 1) {
            if (lanes & rest & (0 - rest)) ranks |= bit;
        }
        return ranks;
    }
    // must_exist: see shuffled() in words/warp.h.
    template <class T>
    REFCONV_UNCHECKED T from(const T& value, int rank, bool must_exist, const char* file, int line) const {
        T values[32];
        unsigned present = gather(values, value, file, line);
        int lane = lane_of(rank);
        if (must_exist && !(present >> lane & 1)) refconv_undefined_lane(lane, file, line);
        return values[lane];
    }
};

// -- tiles: neighbouring lanes, as many as a power of two says -----------------------------------------------

template <unsigned n, class Parent = void>
class thread_block_tile : public LaneGroup<thread_block_tile<n, Parent>> {
    static_assert(n >= 1 && n <= 32 && (n & (n - 1)) == 0, "a tile has 1, 2, 4, 8, 16 or 32 threads");

  public:
    static constexpr unsigned size() { return n; }
    static constexpr unsigned num_threads() { return n; }
    static unsigned thread_rank() { return refconv::lane() % n; }
    // Which of its parent's tiles this is. A parent that is a block counts through all its warps.
    unsigned meta_group_rank() const { return rank_; }
    unsigned meta_group_size() const { return count_; }

    template <class T>
    T shfl_xor(T value, unsigned mask, REFCONV_HERE) const {
        return this->from(value, static_cast<int>((thread_rank() ^ mask) % n), true, file, line);
    }

    unsigned members() const { return (0xffffffff >> (32 - n)) << (refconv::lane() & ~(n - 1)); }

    thread_block_tile(unsigned rank, unsigned count) : rank_(rank), count_(count) {}
    // A tile whose parent does not matter: thread_block_tile<32>.
    template <class Other>
    thread_block_tile(const thread_block_tile<n, Other>& other)
        : rank_(other.meta_group_rank()), count_(other.meta_group_size()) {}

  private:
    unsigned rank_, count_;
};

template <unsigned n>
inline thread_block_tile<n, thread_block> tiled_partition(const thread_block&) {
    return {refconv::thread_rank() / n, (refconv::block_size() + n - 1) / n};
}
template <unsigned n, unsigned parent_n, class Grandparent>
inline thread_block_tile<n, thread_block_tile<parent_n, Grandparent>> tiled_partition(
    const thread_block_tile<parent_n, Grandparent>& parent) {
    static_assert(n <= parent_n, "a tile is no larger than what it is cut from");
    return {parent.thread_rank() / n, parent_n / n};
}

// -- the lanes that are here ---------------------------------------------------------------------------------

class coalesced_group : public LaneGroup<coalesced_group> {
  public:
    explicit coalesced_group(unsigned members) : members_(members) {}
    unsigned members() const { return members_; }
    unsigned meta_group_rank() const { return 0; }
    unsigned meta_group_size() const { return 1; }

  private:
    unsigned members_;
};

inline __forceinline__ coalesced_group coalesced_threads(REFCONV_HERE) {
    return coalesced_group(__activemask(file, line));
}

// The members whose predicate, or value, is the caller's.
template <class Group>
inline coalesced_group labeled_partition(const Group& group, int label, REFCONV_HERE) {
    return coalesced_group(__match_any_sync(group.members(), label, file, line));
}
template <class Group>
inline coalesced_group binary_partition(const Group& group, bool predicate, REFCONV_HERE) {
    return labeled_partition(group, predicate, file, line);
}

// -- any of these, where the kind is known only when the kernel runs -----------------------------------------

class thread_group {
  public:
    thread_group(const thread_block&) : members_(0) {}
    template <class Group>
    thread_group(const LaneGroup<Group>& group) : members_(static_cast<const Group&>(group).members()) {}

    unsigned size() const { return members_ ? lanes().size() : thread_block::size(); }
    unsigned num_threads() const { return size(); }
    unsigned thread_rank() const { return members_ ? lanes().thread_rank() : thread_block::thread_rank(); }
    void sync(REFCONV_HERE) const { members_ ? lanes().sync(file, line) : thread_block::sync(file, line); }

    // The caller's tile of `n` threads.
    thread_group tile(unsigned n) const {
        unsigned first = refconv::lane() & ~(n - 1);
        return thread_group(coalesced_group((0xffffffff >> (32 - n)) << first));
    }

  private:
    coalesced_group lanes() const { return coalesced_group(members_); }
    unsigned members_;  // a mask of lanes, or 0 for the block
};
inline thread_group tiled_partition(const thread_group& parent, unsigned n) { return parent.tile(n); }

template <class Group>
inline void sync(const Group& group, REFCONV_HERE) {
    group.sync(file, line);
}

}  // namespace cooperative_groups
