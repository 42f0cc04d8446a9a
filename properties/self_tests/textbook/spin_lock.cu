// A dot product whose blocks add up one after the other behind a lock. Sanders and Kandrot, "CUDA by Example" (2010),
// appendix A.2, with the fences that the lock needs on today's GPUs.

const int threadsPerBlock = 64;

struct Lock {
  int* mutex;

  __device__ void lock(void) {
    while (atomicCAS(mutex, 0, 1) != 0);
    __threadfence();
  }

  __device__ void unlock(void) {
    __threadfence();
    atomicExch(mutex, 0);
  }
};

extern "C" __global__ void dot(Lock lock, int size, const float* a, const float* b, float* c) {
  __shared__ float cache[threadsPerBlock];
  int tid = threadIdx.x + blockIdx.x * blockDim.x;
  int cacheIndex = threadIdx.x;

  float temp = 0;
  while (tid < size) {
    temp += a[tid] * b[tid];
    tid += blockDim.x * gridDim.x;
  }
  cache[cacheIndex] = temp;
  __syncthreads();

  int i = blockDim.x / 2;
  while (i != 0) {
    if (cacheIndex < i) cache[cacheIndex] += cache[cacheIndex + i];
    __syncthreads();
    i /= 2;
  }

  if (cacheIndex == 0) {
    lock.lock();
    *c += cache[0];
    lock.unlock();
  }
}
