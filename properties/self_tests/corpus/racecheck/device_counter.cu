// Threads count in a __device__ variable, without atomics.
// launch: grid=(2,) block=(32,)
// args: x:int32[64]=arange y:int32[64]=zeros
// expect: Race "race in global memory"
// threads: (1,0,0) (0,0,0)
// blocks: (0,0,0) (0,0,0)
// covers: non-atomic histogram; __device__ variable
// result: y = x
__device__ int device_count;

__global__ void device_counter(const int* x, int* y) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
#ifdef FAULTY
    device_count += 1;  // HERE OTHER
#else
    atomicAdd(&device_count, 1);
#endif
    y[i] = x[i];
}
