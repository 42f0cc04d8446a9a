// NVIDIA's own occupancy calculator, for a test: the blocks of each line of standard input, or -1 for an unknown GPU.
#include <climits>
#include <cstdio>

#include "cuda_occupancy.h"

int main() {
    int major, minor, most_threads, registers, registers_of_block, most_shared, threads, taken, shared;
    while (std::scanf("%d %d %d %d %d %d %d %d %d", &major, &minor, &most_threads, &registers, &registers_of_block,
                      &most_shared, &threads, &taken, &shared) == 9) {
        cudaOccDeviceProp gpu;
        gpu.computeMajor = major;
        gpu.computeMinor = minor;
        gpu.maxThreadsPerBlock = 1024;
        gpu.maxThreadsPerMultiprocessor = most_threads;
        gpu.regsPerBlock = registers_of_block;
        gpu.regsPerMultiprocessor = registers;
        gpu.warpSize = 32;
        gpu.sharedMemPerBlock = 48 * 1024;
        gpu.sharedMemPerMultiprocessor = most_shared;
        gpu.numSms = 1;
        gpu.sharedMemPerBlockOptin = 48 * 1024;
        gpu.reservedSharedMemPerBlock = major >= 8 ? 1024 : 0;
        cudaOccFuncAttributes kernel;
        kernel.maxThreadsPerBlock = INT_MAX;
        kernel.numRegs = taken;
        kernel.sharedSizeBytes = shared;
        kernel.partitionedGCConfig = PARTITIONED_GC_OFF;
        kernel.shmemLimitConfig = FUNC_SHMEM_LIMIT_DEFAULT;
        kernel.maxDynamicSharedSizeBytes = 0;
        cudaOccDeviceState state;
        cudaOccResult result;
        bool known = cudaOccMaxActiveBlocksPerMultiprocessor(&result, &gpu, &kernel, &state, threads, 0) == CUDA_OCC_SUCCESS;
        std::printf("%d\n", known ? result.activeBlocksPerMultiprocessor : -1);
    }
}
