// D = A B for half A (m x k) and B (k x n), row by row, and float D: m and n multiples of 32, k of 16. A block of four warps
// makes 32 x 32 of D, each warp 16 x 16; two buffers, of which cp.async fills one while the other is multiplied.
#include <cuda_fp16.h>

constexpr int kTile = 32, kDepth = 16, kThreads = 128;
constexpr int kPitchA = kDepth + 8, kPitchB = kTile + 8;  // so that eight rows lie in different banks

struct alignas(16) Buffer {
    half a[kTile][kPitchA], b[kDepth][kPitchB];
};

__device__ __forceinline__ unsigned shared_address(const void* pointer) {
    return static_cast<unsigned>(__cvta_generic_to_shared(pointer));
}

template <int bytes>
__device__ __forceinline__ void copy_async(void* to, const void* from, bool wanted) {
    asm volatile(
        "{\n"
        "  .reg .pred p;\n"
        "  setp.ne.b32 p, %0, 0;\n"
        "  @p cp.async.cg.shared.global.L2::128B [%1], [%2], %3;\n"
        "}\n" ::"r"(static_cast<int>(wanted)),
        "r"(shared_address(to)), "l"(from), "n"(bytes));
}
__device__ __forceinline__ void commit() { asm volatile("cp.async.commit_group;\n" ::); }
template <int pending>
__device__ __forceinline__ void wait() {
    asm volatile("cp.async.wait_group %0;\n" ::"n"(pending));
}

__device__ __forceinline__ void load_a(unsigned (&registers)[4], const half* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
                 : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
                 : "r"(shared_address(row)));
}
__device__ __forceinline__ void load_b(unsigned (&registers)[4], const half* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];\n"
                 : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
                 : "r"(shared_address(row)));
}
__device__ __forceinline__ void multiply(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};\n"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Threads 0 to 63 copy A's tile, 64 to 127 B's: eight elements each.
__device__ void fill(Buffer& buffer, const half* a, const half* b, int n, int k, int depth) {
    int t = threadIdx.x % 64;
    bool of_a = threadIdx.x < 64;
    copy_async<16>(&buffer.a[t / 2][t % 2 * 8], &a[(blockIdx.y * kTile + t / 2) * k + depth + t % 2 * 8], of_a);
    copy_async<16>(&buffer.b[t / 4][t % 4 * 8], &b[(depth + t / 4) * n + blockIdx.x * kTile + t % 4 * 8], !of_a);
}

extern "C" __global__ void gemm(const half* a, const half* b, float* d, int n, int k) {
    __shared__ Buffer buffers[2];
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    int row = warp / 2 * 16, column = warp % 2 * 16;
    float sums[2][4] = {};

    fill(buffers[0], a, b, n, k, 0);
    commit();
    for (int depth = 0, now = 0; depth < k; depth += kDepth, now ^= 1) {
        if (depth + kDepth < k) fill(buffers[now ^ 1], a, b, n, k, depth + kDepth);
        commit();
        wait<1>();
        __syncthreads();  // all copies of this buffer are there
        unsigned left[4], right[4];
        load_a(left, &buffers[now].a[row + lane % 16][lane / 16 * 8]);
        load_b(right, &buffers[now].b[lane % 16][column + lane / 16 * 8]);
        multiply(sums[0], left, right[0], right[1]);
        multiply(sums[1], left, right[2], right[3]);
        __syncthreads();  // nobody reads it any more
    }
    int group = lane / 4, pair = lane % 4 * 2;
    for (int i = 0; i < 2; ++i) {
        float* there = &d[(blockIdx.y * kTile + row + group) * n + blockIdx.x * kTile + column + 8 * i + pair];
        asm volatile("st.global.v2.f32 [%0], {%1, %2};" ::"l"(there), "f"(sums[i][0]), "f"(sums[i][1]) : "memory");
        asm volatile("st.global.v2.f32 [%0], {%1, %2};" ::"l"(there + 8 * n), "f"(sums[i][2]), "f"(sums[i][3])
                     : "memory");
    }
}
