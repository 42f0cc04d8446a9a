// Inclusive prefix sum in one pass. Within a warp by Hillis and Steele, "Data Parallel Algorithms" (1986), with
// shuffles; between blocks by Merrill and Garland, "Single-pass Parallel Prefix Scan with Decoupled Look-back" (2016):
// a block publishes its sum, then walks back over its predecessors until it meets one whose prefix is complete.
// Blocks number themselves, so that a predecessor has always begun. Status and value travel in one 64-bit word.

#define WARP_SIZE 32
#define ITEMS 4

typedef unsigned long long int tile_t;

enum TileStatus { EMPTY = 0, AGGREGATE = 1, PREFIX = 2 };

__device__ __forceinline__ tile_t pack(TileStatus status, int value) {
  return ((tile_t)status << 32) | (unsigned int)value;
}

__device__ __forceinline__ int warpInclusiveScan(int x, const int lane) {
#pragma unroll
  for (int d = 1; d < WARP_SIZE; d <<= 1) {
    int y = __shfl_up_sync(0xffffffffu, x, d);
    if (lane >= d) x += y;
  }
  return x;
}

template <int BLOCK_THREADS>
__global__ __launch_bounds__(BLOCK_THREADS) void inclusiveScan(const int* __restrict__ in, int* __restrict__ out,
                                                               tile_t* tiles, unsigned int* next_tile, int n) {
  constexpr int WARPS = BLOCK_THREADS / WARP_SIZE;
  __shared__ int warp_sums[WARPS];
  __shared__ int s_tile, s_prefix;

  const int lane = threadIdx.x & (WARP_SIZE - 1), warp = threadIdx.x / WARP_SIZE;
  if (threadIdx.x == 0) s_tile = atomicAdd(next_tile, 1u);
  __syncthreads();
  const int tile = s_tile;
  const int first = (tile * BLOCK_THREADS + threadIdx.x) * ITEMS;

  int items[ITEMS];
  int sum = 0;
#pragma unroll
  for (int i = 0; i < ITEMS; i++) {
    if (first + i < n) sum += in[first + i];
    items[i] = sum;
  }

  const int scanned = warpInclusiveScan(sum, lane);
  if (lane == WARP_SIZE - 1) warp_sums[warp] = scanned;
  __syncthreads();
  if (warp == 0) {
    int w = lane < WARPS ? warp_sums[lane] : 0;
    w = warpInclusiveScan(w, lane);
    if (lane < WARPS) warp_sums[lane] = w;
  }
  __syncthreads();

  if (threadIdx.x == 0) {
    const int aggregate = warp_sums[WARPS - 1];
    atomicExch(&tiles[tile], pack(tile == 0 ? PREFIX : AGGREGATE, aggregate));
    int exclusive = 0;
    for (int back = tile - 1; back >= 0;) {
      const tile_t seen = atomicAdd(&tiles[back], 0ULL);
      const int status = (int)(seen >> 32);
      if (status == EMPTY) continue;  // it has begun, it will come
      exclusive += (int)(unsigned int)seen;
      if (status == PREFIX) break;
      --back;
    }
    if (tile > 0) atomicExch(tiles + tile, pack(PREFIX, exclusive + aggregate));
    s_prefix = exclusive;
  }
  __syncthreads();

  const int before = s_prefix + (warp ? warp_sums[warp - 1] : 0) + scanned - sum;
#pragma unroll
  for (int i = 0; i < ITEMS; i++)
    if (first + i < n) out[first + i] = before + items[i];
}
