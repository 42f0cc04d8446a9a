// Accelerations of n bodies by direct summation, a tile of bodies at a time in shared memory. Nyland, Harris and Prins,
// "Fast N-Body Simulation with CUDA", GPU Gems 3, ch. 31.

#define TILE 64

__device__ float3 bodyBodyInteraction(float3 ai, float4 bi, float4 bj, float softeningSquared) {
  float3 r;
  r.x = bj.x - bi.x;
  r.y = bj.y - bi.y;
  r.z = bj.z - bi.z;
  float distSqr = r.x * r.x + r.y * r.y + r.z * r.z + softeningSquared;
  float invDist = rsqrtf(distSqr);
  float invDistCube = invDist * invDist * invDist;
  float s = bj.w * invDistCube;
  ai.x += r.x * s;
  ai.y += r.y * s;
  ai.z += r.z * s;
  return ai;
}

__device__ float3 tile_calculation(float4 myPosition, float3 accel, const float4* shPosition, float softeningSquared) {
#pragma unroll 8
  for (unsigned int counter = 0; counter < blockDim.x; counter++)
    accel = bodyBodyInteraction(accel, myPosition, shPosition[counter], softeningSquared);
  return accel;
}

extern "C" __global__ void __launch_bounds__(TILE)
    calculate_forces(const float4* __restrict__ globalX, float4* __restrict__ globalA, int n, float softeningSquared) {
  __shared__ float4 shPosition[TILE];
  const float4 nothing = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
  int gtid = blockIdx.x * blockDim.x + threadIdx.x;
  float4 myPosition = gtid < n ? globalX[gtid] : nothing;
  float3 acc = {0.0f, 0.0f, 0.0f};

  for (int i = 0, tile = 0; i < n; i += TILE, tile++) {
    int idx = tile * blockDim.x + threadIdx.x;
    shPosition[threadIdx.x] = idx < n ? globalX[idx] : nothing;  // no mass, no force
    __syncthreads();
    acc = tile_calculation(myPosition, acc, shPosition, softeningSquared);
    __syncthreads();
  }
  if (gtid < n) globalA[gtid] = make_float4(acc.x, acc.y, acc.z, 0.0f);
}
