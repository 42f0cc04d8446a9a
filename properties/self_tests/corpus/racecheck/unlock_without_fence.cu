// A lock is released without a fence: the next owner may see the lock free and the count still old.
// launch: grid=(3,) block=(64,)
// args: lock:int32[1]=zeros count:int32[1]=zeros
// expect: Race "race in global memory" array=count element=0
// threads: (32,0,0) (0,0,0)
// blocks: (0,0,0) (0,0,0)
// result: count = [6]; lock = [0]
__global__ void unlock_without_fence(int* lock, int* count) {
    if (threadIdx.x % 32 > 0) return;
    while (atomicCAS(lock, 0, 1) != 0) {
    }
    __threadfence();
    count[0] += 1;  // HERE OTHER
#ifndef FAULTY
    __threadfence();
#endif
    atomicExch(lock, 0);
}
