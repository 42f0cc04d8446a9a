// Out-of-place transpose through a padded tile. Ruetsch and Micikevicius, "Optimizing Matrix Transpose in CUDA"
// (NVIDIA, 2009): coalesced reads and writes, one more column so that no two lanes of a warp meet in a bank.

const int TILE_DIM = 32;
const int BLOCK_ROWS = 8;

template <typename T>
__global__ void transposeNoBankConflicts(T* __restrict__ odata, const T* __restrict__ idata, int width, int height) {
  __shared__ T tile[TILE_DIM][TILE_DIM + 1];

  int x = blockIdx.x * TILE_DIM + threadIdx.x;
  int y = blockIdx.y * TILE_DIM + threadIdx.y;
  if (x < width) {
    for (int j = 0; j < TILE_DIM && y + j < height; j += BLOCK_ROWS)
      tile[threadIdx.y + j][threadIdx.x] = idata[(y + j) * width + x];
  }

  __syncthreads();

  x = blockIdx.y * TILE_DIM + threadIdx.x;  // transposed block offset
  y = blockIdx.x * TILE_DIM + threadIdx.y;
  if (x < height) {
    for (int j = 0; j < TILE_DIM && y + j < width; j += BLOCK_ROWS)
      odata[(y + j) * height + x] = tile[threadIdx.x][threadIdx.y + j];
  }
}
