// cp.async: copies from global to shared memory that a thread starts, and later waits for. PTX's instructions under
// their own names; what CUDA C calls them is in cuda_pipeline_primitives.h.
#pragma once
#include "qualifiers.h"

extern "C" {
void refconv_copy_async(void* to, const void* from, int size, int source_size, const char* file, int line);
void refconv_copy_commit();
void refconv_copy_wait(int most_pending);
void refconv_copy_wait_all();
}

namespace refconv {
namespace ptx {

// Starts to copy `bytes` bytes, 4, 8 or 16, of which only the first `source_bytes` are read; the others become 0.
// Inlined, because the checker finds the place by where the call returns to.
inline __forceinline__ void cp_async(void* shared, const void* global, int bytes, int source_bytes, REFCONV_HERE) {
    refconv_copy_async(shared, global, bytes, source_bytes, file, line);
    REFCONV_AFTER_CALL;
}

// What the thread has started since its last call is now a group.
inline void cp_async_commit_group() { refconv_copy_commit(); }
// Waits for all groups but the thread's `most_pending` newest; what is in no group yet is not waited for.
inline void cp_async_wait_group(int most_pending) { refconv_copy_wait(most_pending); }
// Waits for all that the thread has started.
inline void cp_async_wait_all() { refconv_copy_wait_all(); }

}  // namespace ptx
}  // namespace refconv
