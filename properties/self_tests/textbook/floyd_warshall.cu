// All shortest paths, tile by tile. Katz and Kider, "All-Pairs Shortest-Paths for Large Graphs on the GPU" (2008),
// after Venkataraman, Sahni and Mukhopadhyaya's blocked Floyd-Warshall (2003): the tile on the diagonal, then its row
// and column, then all others.

#define TILE 16

__device__ __forceinline__ void relax(int& d, int through) {
  if (through < d) d = through;
}

extern "C" __global__ void fw_diagonal(int* dist, int n, int k0) {
  __shared__ int t[TILE][TILE];
  const int x = threadIdx.x, y = threadIdx.y;
  t[y][x] = dist[(k0 + y) * n + k0 + x];
  __syncthreads();
#pragma unroll
  for (int k = 0; k < TILE; ++k) {
    const int through = t[y][k] + t[k][x];
    __syncthreads();
    relax(t[y][x], through);
    __syncthreads();
  }
  dist[(k0 + y) * n + k0 + x] = t[y][x];
}

// blockIdx.y: 0 for the row of tiles, 1 for the column
extern "C" __global__ void fw_cross(int* dist, int n, int k0) {
  __shared__ int pivot[TILE][TILE], mine[TILE][TILE];
  const int other = blockIdx.x * TILE;
  if (other == k0) return;
  const int x = threadIdx.x, y = threadIdx.y;
  const int row = blockIdx.y == 0 ? k0 + y : other + y;
  const int col = blockIdx.y == 0 ? other + x : k0 + x;
  pivot[y][x] = dist[(k0 + y) * n + k0 + x];
  mine[y][x] = dist[row * n + col];
  __syncthreads();
  for (int k = 0; k < TILE; ++k) {
    const int through = blockIdx.y == 0 ? pivot[y][k] + mine[k][x] : mine[y][k] + pivot[k][x];
    __syncthreads();
    if (through < mine[y][x]) mine[y][x] = through;
    __syncthreads();
  }
  dist[row * n + col] = mine[y][x];
}

extern "C" __global__ void __launch_bounds__(TILE* TILE) fw_rest(int* dist, int n, int k0) {
  __shared__ int rowTile[TILE][TILE + 1], colTile[TILE][TILE + 1];
  if (blockIdx.x * TILE == k0 || blockIdx.y * TILE == k0) return;
  const int x = threadIdx.x, y = threadIdx.y;
  const int row = blockIdx.y * TILE + y, col = blockIdx.x * TILE + x;
  rowTile[y][x] = dist[(k0 + y) * n + col];
  colTile[y][x] = dist[row * n + k0 + x];
  __syncthreads();
  int d = dist[row * n + col];
#pragma unroll
  for (int k = 0; k < TILE; ++k) relax(d, colTile[y][k] + rowTile[k][x]);
  dist[row * n + col] = d;
}
