// CUDA's <cuda_pipeline_primitives.h>: cp.async in C's words. Those for mbarriers are not simulated.
#pragma once
#include "../cuda_words.h"

// size_and_align: 4, 8 or 16 bytes, the last `zfill` of which are not read and become 0.
inline __forceinline__ void __pipeline_memcpy_async(void* dst_shared, const void* src_global, size_t size_and_align,
                                                    size_t zfill = 0, REFCONV_HERE) {
    if (size_and_align != 4 && size_and_align != 8 && size_and_align != 16) {
        refconv_trap("__pipeline_memcpy_async of other than 4, 8 or 16 bytes", file, line);
    }
    if (zfill > size_and_align) refconv_trap("__pipeline_memcpy_async with more zfill than it copies", file, line);
    int size = static_cast<int>(size_and_align);
    refconv::ptx::cp_async(dst_shared, src_global, size, size - static_cast<int>(zfill), file, line);
}
inline void __pipeline_commit() { refconv::ptx::cp_async_commit_group(); }
// Of more than 8, CUDA's own waits for all but 8, too.
inline void __pipeline_wait_prior(size_t groups) {
    refconv::ptx::cp_async_wait_group(groups < 8 ? static_cast<int>(groups) : 8);
}
