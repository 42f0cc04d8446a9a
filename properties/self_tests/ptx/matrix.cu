// mma.sync and ldmatrix, each on what its lanes' registers hold: register r of lane l is word r of l's share.

#define STATEMENT(instruction, registers, ...) asm volatile(instruction " " registers ";\n" __VA_ARGS__)

// f32 accumulators: 4 registers of C and D.
#define INTO_FLOATS(name, instruction, a_count, b_count, a_text, b_text, ...)                                      \
    extern "C" __global__ void name(const unsigned* a, const unsigned* b, const float* c, float* d) {               \
        unsigned lane = threadIdx.x;                                                                                \
        a += lane * a_count, b += lane * b_count, c += lane * 4, d += lane * 4;                                     \
        STATEMENT(instruction, "{%0, %1, %2, %3}, " a_text ", " b_text ", {%4, %5, %6, %7}",                        \
                  : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])                                                  \
                  : "f"(c[0]), "f"(c[1]), "f"(c[2]), "f"(c[3]), __VA_ARGS__);                                       \
    }
#define A4B2 "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1])
#define A2B1 "r"(a[0]), "r"(a[1]), "r"(b[0])
INTO_FLOATS(m16n8k16_f16, "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", 4, 2, "{%8, %9, %10, %11}",
            "{%12, %13}", A4B2)
INTO_FLOATS(m16n8k16_bf16, "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", 4, 2, "{%8, %9, %10, %11}",
            "{%12, %13}", A4B2)
INTO_FLOATS(m16n8k8_f16, "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32", 2, 1, "{%8, %9}", "{%10}", A2B1)
INTO_FLOATS(m16n8k8_bf16, "mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32", 2, 1, "{%8, %9}", "{%10}", A2B1)
INTO_FLOATS(m16n8k8_tf32, "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", 4, 2, "{%8, %9, %10, %11}",
            "{%12, %13}", A4B2)
INTO_FLOATS(m16n8k4_tf32, "mma.sync.aligned.m16n8k4.row.col.f32.tf32.tf32.f32", 2, 1, "{%8, %9}", "{%10}", A2B1)

// half accumulators, two in a register.
extern "C" __global__ void m16n8k16_f16_f16(const unsigned* a, const unsigned* b, const unsigned* c, unsigned* d) {
    unsigned lane = threadIdx.x;
    a += lane * 4, b += lane * 2, c += lane * 2, d += lane * 2;
    asm("mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 {%0, %1}, {%2, %3, %4, %5}, {%6, %7}, {%8, %9};"
        : "=r"(d[0]), "=r"(d[1])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "r"(c[0]), "r"(c[1]));
}
extern "C" __global__ void m16n8k8_f16_f16(const unsigned* a, const unsigned* b, const unsigned* c, unsigned* d) {
    unsigned lane = threadIdx.x;
    a += lane * 2, b += lane, c += lane * 2, d += lane * 2;
    asm("mma.sync.aligned.m16n8k8.row.col.f16.f16.f16.f16 {%0, %1}, {%2, %3}, {%4}, {%5, %6};"
        : "=r"(d[0]), "=r"(d[1])
        : "r"(a[0]), "r"(a[1]), "r"(b[0]), "r"(c[0]), "r"(c[1]));
}

extern "C" __global__ void m8n8k4_f64(const double* a, const double* b, const double* c, double* d) {
    unsigned lane = threadIdx.x;
    asm("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0, %1}, {%2}, {%3}, {%4, %5};"
        : "=d"(d[2 * lane]), "=d"(d[2 * lane + 1])
        : "d"(a[lane]), "d"(b[lane]), "d"(c[2 * lane]), "d"(c[2 * lane + 1]));
}

#define INTO_INTEGERS(name, instruction, a_count, b_count, a_text, b_text, ...)                                    \
    extern "C" __global__ void name(const unsigned* a, const unsigned* b, const int* c, int* d) {                   \
        unsigned lane = threadIdx.x;                                                                                \
        a += lane * a_count, b += lane * b_count, c += lane * 4, d += lane * 4;                                     \
        STATEMENT(instruction, "{%0, %1, %2, %3}, " a_text ", " b_text ", {%4, %5, %6, %7}",                        \
                  : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])                                                  \
                  : "r"(c[0]), "r"(c[1]), "r"(c[2]), "r"(c[3]), __VA_ARGS__);                                       \
    }
INTO_INTEGERS(m16n8k32_s8, "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32", 4, 2, "{%8, %9, %10, %11}",
              "{%12, %13}", A4B2)
INTO_INTEGERS(m16n8k32_u8_s8, "mma.sync.aligned.m16n8k32.row.col.satfinite.s32.u8.s8.s32", 4, 2,
              "{%8, %9, %10, %11}", "{%12, %13}", A4B2)
INTO_INTEGERS(m16n8k16_s8, "mma.sync.aligned.m16n8k16.row.col.s32.s8.s8.s32", 2, 1, "{%8, %9}", "{%10}", A2B1)
extern "C" __global__ void m8n8k16_u8(const unsigned* a, const unsigned* b, const int* c, int* d) {
    unsigned lane = threadIdx.x;
    asm("mma.sync.aligned.m8n8k16.row.col.s32.u8.u8.s32 {%0, %1}, {%2}, {%3}, {%4, %5};"
        : "=r"(d[2 * lane]), "=r"(d[2 * lane + 1])
        : "r"(a[lane]), "r"(b[lane]), "r"(c[2 * lane]), "r"(c[2 * lane + 1]));
}

// -- ldmatrix: lane l's row begins at at[l]; rows are `pitch` elements apart -----------------------------------

#define LOADS(name, count, instruction, ...)                                                                       \
    extern "C" __global__ void name(const unsigned short* x, const int* at, unsigned* y) {                          \
        __shared__ __align__(16) unsigned short tile[64 * 8];                                                       \
        unsigned lane = threadIdx.x;                                                                                \
        for (unsigned i = lane; i < 64 * 8; i += 32) tile[i] = x[i];                                                \
        __syncwarp();                                                                                               \
        unsigned row = static_cast<unsigned>(__cvta_generic_to_shared(tile)) + 2 * at[lane];                        \
        y += lane * count;                                                                                          \
        STATEMENT("ldmatrix.sync.aligned." instruction, __VA_ARGS__ : "r"(row) : "memory");                         \
    }
LOADS(x1, 1, "m8n8.x1.shared.b16", "{%0}, [%1]", : "=r"(y[0]))
LOADS(x2, 2, "m8n8.x2.shared.b16", "{%0, %1}, [%2]", : "=r"(y[0]), "=r"(y[1]))
LOADS(x4, 4, "m8n8.x4.shared.b16", "{%0, %1, %2, %3}, [%4]",
      : "=r"(y[0]), "=r"(y[1]), "=r"(y[2]), "=r"(y[3]))
LOADS(x1_trans, 1, "m8n8.x1.trans.shared.b16", "{%0}, [%1]", : "=r"(y[0]))
LOADS(x2_trans, 2, "x2.trans.m8n8.shared::cta.b16", "{%0, %1}, [%2]", : "=r"(y[0]), "=r"(y[1]))
LOADS(x4_trans, 4, "m8n8.x4.trans.shared.b16", "{%0, %1, %2, %3}, [%4]",
      : "=r"(y[0]), "=r"(y[1]), "=r"(y[2]), "=r"(y[3]))

extern "C" __global__ void movmatrix(const unsigned* x, unsigned* y) {
    asm("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(y[threadIdx.x]) : "r"(x[threadIdx.x]));
}

#if __CUDA_ARCH__ >= 900
// -- stmatrix: lane l's row begins at at[l] -----------------------------------------------------------------------

#define STORES(name, count, instruction, ...)                                                                      \
    extern "C" __global__ void name(const unsigned* x, const int* at, unsigned short* y) {                          \
        __shared__ __align__(16) unsigned short tile[64 * 8];                                                       \
        unsigned lane = threadIdx.x;                                                                                \
        for (unsigned i = lane; i < 64 * 8; i += 32) tile[i] = 0;                                                   \
        __syncwarp();                                                                                               \
        unsigned row = static_cast<unsigned>(__cvta_generic_to_shared(tile)) + 2 * at[lane];                        \
        x += lane * count;                                                                                          \
        asm volatile("stmatrix.sync.aligned." instruction ";" ::"r"(row), __VA_ARGS__ : "memory");                  \
        __syncwarp();                                                                                               \
        for (unsigned i = lane; i < 64 * 8; i += 32) y[i] = tile[i];                                                \
    }
STORES(st_x1, 1, "m8n8.x1.shared.b16 [%0], {%1}", "r"(x[0]))
STORES(st_x2_trans, 2, "m8n8.x2.trans.shared.b16 [%0], {%1, %2}", "r"(x[0]), "r"(x[1]))
STORES(st_x4, 4, "m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4}", "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3]))
STORES(st_x4_trans, 4, "m8n8.x4.trans.shared.b16 [%0], {%1, %2, %3, %4}", "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3]))
#endif
