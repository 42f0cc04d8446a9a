// CUDA's <cooperative_groups/memcpy_async.h>: a group copies an array to shared memory, by cp.async of its members.
//
// As there, the pieces are as large as the alignment of both ends allows, what does not fit is copied at once, and so is
// everything that does not go from global to shared memory.
#pragma once
#include "../cooperative_groups.h"
#include "../cuda_pipeline_primitives.h"

namespace refconv {

// The members take turns. Inlined, all of them: so the checker finds the line that called.
template <class Piece, class Group>
inline __forceinline__ void copy_now(const Group& group, void* to, const void* from, size_t bytes) {
    for (size_t i = group.thread_rank(); i < bytes / sizeof(Piece); i += group.size()) {
        static_cast<Piece*>(to)[i] = static_cast<const Piece*>(from)[i];
    }
}
template <class Group>
inline __forceinline__ void copy_async(const Group& group, char* to, const char* from, size_t bytes, size_t piece,
                                       const char* file, int line) {
    for (size_t at = piece * group.thread_rank(); at + piece <= bytes; at += piece * group.size()) {
        ptx::cp_async(to + at, from + at, static_cast<int>(piece), static_cast<int>(piece), file, line);
    }
}

// The largest power of two, up to 16, by which the two addresses differ.
inline size_t common_alignment(const void* to, const void* from) {
    size_t difference = (reinterpret_cast<size_t>(to) ^ reinterpret_cast<size_t>(from)) | 16;
    return difference & (0 - difference);
}

template <size_t kAlignment, class Group>
inline __forceinline__ void group_copy(const Group& group, void* destination, const void* source, size_t bytes,
                                       const char* file, int line) {
    char* to = static_cast<char*>(destination);
    const char* from = static_cast<const char*>(source);
    if (bytes % kAlignment) refconv_trap("memcpy_async of a part of an element", file, line);
    size_t piece = kAlignment < 4 ? common_alignment(to, from) : kAlignment < 16 ? kAlignment : 16;
    if (piece > bytes || piece < 4 || !__isShared(to) || !__isGlobal(from)) {
        kAlignment % 2 ? copy_now<char>(group, to, from, bytes) : copy_now<short>(group, to, from, bytes);
        return;
    }
    // Where only the distance is aligned, the ends are not.
    size_t first = kAlignment < 4 ? (0 - reinterpret_cast<size_t>(from)) & (piece - 1) : 0;
    size_t middle = (bytes - first) / piece * piece;
    copy_now<char>(group, to, from, first);
    copy_async(group, to + first, from + first, middle, piece, file, line);
    copy_now<char>(group, to + first + middle, from + first + middle, bytes - first - middle);
}

template <class T>
struct AlignmentOf {
    static constexpr size_t value = alignof(T);
};
template <>
struct AlignmentOf<void> {
    static constexpr size_t value = 1;
};

}  // namespace refconv

namespace cooperative_groups {

// Each call is a group of copies of its own.
template <class Group, class T>
inline __forceinline__ void memcpy_async(const Group& group, T* to, const T* from, size_t bytes, REFCONV_HERE) {
    refconv::group_copy<refconv::AlignmentOf<T>::value>(group, to, from, bytes, file, line);
    __pipeline_commit();
}
// As many elements as both have.
template <class Group, class T>
inline __forceinline__ void memcpy_async(const Group& group, T* to, size_t to_count, const T* from, size_t from_count,
                                         REFCONV_HERE) {
    size_t count = to_count < from_count ? to_count : from_count;
    refconv::group_copy<refconv::AlignmentOf<T>::value>(group, to, from, count * sizeof(T), file, line);
    __pipeline_commit();
}

// Until all but so many of the members' newest copies are there, for all members to see.
template <unsigned kNewest, class Group>
inline void wait_prior(const Group& group, REFCONV_HERE) {
    __pipeline_wait_prior(kNewest);
    group.sync(file, line);
}
template <class Group>
inline void wait(const Group& group, REFCONV_HERE) {
    wait_prior<0>(group, file, line);
}

}  // namespace cooperative_groups
