// Merges two sorted arrays. Green, McColl and Bader, "GPU Merge Path" (2012): the merge is a path through a grid; where
// it crosses evenly spaced diagonals is found by bisection, first for the blocks, then for the threads of a block.

#define NT 64  // threads
#define VT 3   // elements per thread
#define NV (NT * VT)

// How many elements of a lie before the diagonal `diag` of the merge of a and b; equal elements of a go first.
template <typename T, typename Comp>
__device__ __forceinline__ int mergePath(const T* a, int aCount, const T* b, int bCount, int diag, Comp comp) {
  int begin = max(0, diag - bCount);
  int end = min(diag, aCount);
  while (begin < end) {
    int mid = (begin + end) >> 1;
    if (!comp(b[diag - 1 - mid], a[mid]))
      begin = mid + 1;
    else
      end = mid;
  }
  return begin;
}

struct Less {
  template <typename T>
  __host__ __device__ bool operator()(const T& a, const T& b) const {
    return a < b;
  }
};

template <typename T>
__global__ void __launch_bounds__(NT) mergeSorted(const T* __restrict__ a, int aCount, const T* __restrict__ b,
                                                  int bCount, T* __restrict__ out) {
  __shared__ T tile[NV];
  __shared__ int split[2];

  const int total = aCount + bCount;
  const int diag0 = blockIdx.x * NV, diag1 = min(diag0 + NV, total);
  if (threadIdx.x < 2) split[threadIdx.x] = mergePath(a, aCount, b, bCount, threadIdx.x ? diag1 : diag0, Less());
  __syncthreads();
  const int a0 = split[0], a1 = split[1];
  const int b0 = diag0 - a0, b1 = diag1 - a1;
  const int aTile = a1 - a0, bTile = b1 - b0;

  for (int i = threadIdx.x; i < aTile + bTile; i += NT) tile[i] = i < aTile ? a[a0 + i] : b[b0 + i - aTile];
  __syncthreads();

  const T* sa = tile;
  const T* sb = tile + aTile;
  const int diag = min(static_cast<int>(threadIdx.x) * VT, aTile + bTile);
  int i = mergePath(sa, aTile, sb, bTile, diag, [](T x, T y) { return x < y; });
  int j = diag - i;
  T results[VT];
#pragma unroll
  for (int k = 0; k < VT; ++k) {
    if (i + j >= aTile + bTile) break;
    const bool fromA = j >= bTile || (i < aTile && !(sb[j] < sa[i]));
    results[k] = fromA ? sa[i++] : sb[j++];
  }
  __syncthreads();  // all have read the tile, it takes the result
#pragma unroll
  for (int k = 0; k < VT; ++k)
    if (diag + k < aTile + bTile) tile[diag + k] = results[k];
  __syncthreads();
  for (int k = threadIdx.x; k < aTile + bTile; k += NT) out[diag0 + k] = tile[k];
}
