// Breadth-first search, a frontier at a time. Merrill, Garland and Grimshaw, "Scalable GPU Graph Traversal" (2012) in
// its simplest form (Kirk and Hwu, ch. 15): vertices claim their neighbours by atomicCAS, and collect them in a queue
// in shared memory that spills to the global one.

#define LOCAL_CAPACITY 16

extern "C" __global__ void bfs_level(const int* __restrict__ rowPtrs, const int* __restrict__ dst, int* level,
                                     const int* prevFrontier, int* currFrontier, int numPrev, int* numCurr, int depth) {
  __shared__ int local_s[LOCAL_CAPACITY];
  __shared__ int numLocal_s, start_s;
  if (threadIdx.x == 0) numLocal_s = 0;
  __syncthreads();

  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < numPrev) {
    int vertex = prevFrontier[i];
    for (int edge = rowPtrs[vertex]; edge < rowPtrs[vertex + 1]; ++edge) {
      int neighbor = dst[edge];
      if (atomicCAS(&level[neighbor], -1, depth) == -1) {  // not seen before
        int at = atomicAdd(&numLocal_s, 1);
        if (at < LOCAL_CAPACITY) {
          local_s[at] = neighbor;
        } else {
          currFrontier[atomicAdd(numCurr, 1)] = neighbor;
        }
      }
    }
  }
  __syncthreads();

  int count = min(numLocal_s, LOCAL_CAPACITY);
  if (threadIdx.x == 0) start_s = atomicAdd(numCurr, count);
  __syncthreads();
  for (int j = threadIdx.x; j < count; j += blockDim.x) currFrontier[start_s + j] = local_s[j];
}
