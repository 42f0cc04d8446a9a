// The blocks of a grid fill a scratch array and read it, as if the barrier held for all of them.
// launch: grid=(2,) block=(32,)
// args: x:int32[64]=arange scratch:int32[64]=zeros y:int32[64]=zeros
// expect: Race "race in global memory" array=scratch element=32
// threads: (0,0,0) (0,0,0)
// blocks: (1,0,0) (0,0,0)
// covers: race across blocks
// result: y = x.reshape(2, 32)[:, ::-1].ravel() + 1
__global__ void second_phase_of_another_block(const int* x, int* scratch, int* y) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    scratch[i] = x[i] + 1;  // HERE
    __syncthreads();
#ifdef FAULTY
    int from = (i + 32) % 64;
#else
    int from = blockIdx.x * 32 + 31 - threadIdx.x;
#endif
    y[i] = scratch[from];  // OTHER
}
