// The instructions that CUDA C has no words for: copies past the registers (cp.async), and matrix products (ldmatrix,
// mma.sync), for sm_80 and later.
//
// Names of instructions, forms and layouts are those of NVIDIA's manual of PTX. All shared addresses are of the shared
// space, as shared_address gives them. Whatever reads or writes memory says so to the compiler ("memory"), for it does
// not look into the strings.
#pragma once

#include "tensor_tile.cuh"

__device__ inline unsigned shared_address(const void* pointer) {
    return static_cast<unsigned>(__cvta_generic_to_shared(pointer));
}

// 16 bytes from global to shared memory, on their way until a wait_for_copies; zeros, and no access, unless `exist`. The
// predicate is PTX's, for of a condition in C the compiler makes arithmetic. ca: kept in L1, for what the block will read
// again; cg: past L1.
#define REFCONV_COPY(name, kCache)                                                                  \
    __device__ inline void name(unsigned to, const void* from, bool exist) {                        \
        asm volatile(                                                                               \
            "{ .reg .pred exist; .reg .b32 bytes;"                                                  \
            " setp.ne.b32 exist, %2, 0; selp.b32 bytes, 16, 0, exist;"                              \
            " cp.async." kCache ".shared.global [%0], [%1], 16, bytes; }" ::"r"(to), "l"(from),     \
            "r"(static_cast<int>(exist))                                                            \
            : "memory");                                                                            \
    }
REFCONV_COPY(copy_async, "ca")
REFCONV_COPY(copy_async_once, "cg")
#undef REFCONV_COPY
// What this thread copied since the last call is a group, which may have nothing in it.
__device__ inline void close_group_of_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Until no more than kPending of this thread's groups, the newest ones, are on their way.
template <int kPending>
__device__ inline void wait_for_copies() {
    asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

// Four matrices of 8 rows of 16 bytes; lanes 8i to 8i + 7 have the addresses of the rows of matrix i. Word i of lane l is
// word l % 4 of row l / 4 of matrix i.
__device__ inline void load_matrices(unsigned (&words)[4], unsigned row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "r"(row)
                 : "memory");
}
// The same of each matrix's transpose, as one of 8 x 8 halves.
__device__ inline void load_matrices_transposed(unsigned (&words)[4], unsigned row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "r"(row)
                 : "memory");
}

// sum += A B, by a warp: sum is 16 x 8, A has 16 rows and B 8 columns of 32 bytes: 16 halves, or 8 TF32 numbers. Lane l
// has of A words l % 4 (a[0], a[1]) and l % 4 + 4 (a[2], a[3]) of rows l / 4 (a[0], a[2]) and l / 4 + 8 (a[1], a[3]), of
// B the same words of column l / 4, and the sums of columns l % 4 * 2 and the next, of row l / 4, then of row l / 4 + 8.
template <typename Number>
__device__ void multiply_add(float (&sum)[4], const unsigned (&a)[4], unsigned b0, unsigned b1);

#define REFCONV_MULTIPLY_ADD(Number, kForm)                                                                           \
    template <>                                                                                                       \
    __device__ inline void multiply_add<Number>(float (&sum)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {  \
        asm volatile("mma.sync.aligned." kForm " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"     \
                     : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])                                         \
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));                                 \
    }
REFCONV_MULTIPLY_ADD(__half, "m16n8k16.row.col.f32.f16.f16.f32")
REFCONV_MULTIPLY_ADD(__nv_bfloat16, "m16n8k16.row.col.f32.bf16.bf16.f32")
REFCONV_MULTIPLY_ADD(Tf32, "m16n8k8.row.col.f32.tf32.tf32.f32")
#undef REFCONV_MULTIPLY_ADD

// To TF32, to nearest, a tie away from zero.
__device__ inline unsigned round_to_tf32(unsigned word) {
    unsigned rounded;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(__uint_as_float(word)));
    return rounded;
}
