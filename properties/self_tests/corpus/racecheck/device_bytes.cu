// Bytes of a __device__ array: each thread's own, or the same for two.
// launch: grid=(1,) block=(32,)
// args: x:uint8[32]=arange%5 y:uint8[32]=zeros
// expect: Race "race in global memory"
// threads: (1,0,0) (0,0,0)
// covers: byte-sized data; __device__ variable
// result: y = x
__device__ unsigned char device_byte[32];

__global__ void device_bytes(const unsigned char* x, unsigned char* y) {
    int t = threadIdx.x;
#ifdef FAULTY
    int own = t / 2;
#else
    int own = t;
#endif
    device_byte[own] = x[t];  // HERE OTHER
    __syncthreads();
    y[t] = device_byte[own];
}
