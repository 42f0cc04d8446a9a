// The small instructions: each writes one column of y, for each row of operands.

#define OF_TWO(column, instruction) \
    asm(instruction " %0, %1, %2;" : "=r"(y[column * n + i]) : "r"(a[i]), "r"(b[i]))
// As 1 or 0, through a predicate of PTX's own.
#define COMPARED(column, instruction, constraint)                                                  \
    asm("{\n .reg .pred p;\n " instruction " p, %1, %2;\n selp.u32 %0, 1, 0, p;\n}"                 \
        : "=r"(y[column * n + i])                                                                   \
        : constraint(a[i]), constraint(b[i]))

extern "C" __global__ void integers(const unsigned* a, const unsigned* b, const unsigned* c, unsigned* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    OF_TWO(0, "add.u32");
    OF_TWO(1, "add.s32");
    OF_TWO(2, "sub.s32");
    OF_TWO(3, "mul.lo.s32");
    OF_TWO(4, "and.b32");
    OF_TWO(5, "or.b32");
    OF_TWO(6, "xor.b32");
    OF_TWO(7, "shl.b32");
    OF_TWO(8, "shr.u32");
    OF_TWO(9, "shr.s32");
    OF_TWO(10, "min.s32");
    OF_TWO(11, "max.u32");
    asm("mad.lo.u32 %0, %1, %2, %3;" : "=r"(y[12 * n + i]) : "r"(a[i]), "r"(b[i]), "r"(c[i]));
    asm("lop3.b32 %0, %1, %2, %3, 0x96;" : "=r"(y[13 * n + i]) : "r"(a[i]), "r"(b[i]), "r"(c[i]));
    asm("lop3.b32 %0, %1, %2, %3, %4;" : "=r"(y[14 * n + i]) : "r"(a[i]), "r"(b[i]), "r"(c[i]), "n"(0x1b));
    asm("not.b32 %0, %1;" : "=r"(y[15 * n + i]) : "r"(a[i]));
    COMPARED(16, "setp.lt.u32", "r");
    COMPARED(17, "setp.lt.s32", "r");
    COMPARED(18, "setp.ge.s32", "r");
    COMPARED(19, "setp.eq.b32", "r");
    COMPARED(20, "setp.hi.u32", "r");
    // Halves of a register, exchanged; in registers of PTX's own, several by one declaration.
    asm("{ .reg .b16 h<2>; mov.b32 {h0, h1}, %1; mov.b32 %0, {h1, h0}; }" : "=r"(y[21 * n + i]) : "r"(a[i]));
    // A guard: only where a < b, else the old value stays.
    unsigned kept = c[i];
    asm("{ .reg .pred q; setp.lt.u32 q, %1, %2; @q mov.u32 %0, %1; @!q add.u32 %0, %0, 1; }"
        : "+r"(kept)
        : "r"(a[i]), "r"(b[i]));
    y[22 * n + i] = kept;
    // Comments, blocks within blocks, and a register of the same name in each.
    asm volatile(R"({
        .reg .u32 t;          // of the outer block
        add.u32 t, %1, 1;
        {
            .reg .u32 t;      /* of the inner one */
            mov.u32 t, -5;
        }
        mov.u32 %0, t;
    })" : "=r"(y[23 * n + i]) : "r"(a[i]) : "memory");
}

extern "C" __global__ void longs(const unsigned long long* a, const unsigned long long* b, unsigned long long* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    asm("add.s64 %0, %1, %2;" : "=l"(y[i]) : "l"(a[i]), "l"(b[i]));
    asm("mul.lo.u64 %0, %1, %2;" : "=l"(y[n + i]) : "l"(a[i]), "l"(b[i]));
    asm("mul.wide.u32 %0, %1, %2;" : "=l"(y[2 * n + i]) : "r"((unsigned)a[i]), "r"((unsigned)b[i]));
    asm("mul.wide.s32 %0, %1, %2;" : "=l"(y[3 * n + i]) : "r"((int)a[i]), "r"((int)b[i]));
    asm("{ .reg .b32 lo, hi; mov.b64 {lo, hi}, %1; mov.b64 %0, {hi, lo}; }" : "=l"(y[4 * n + i]) : "l"(a[i]));
    asm("shr.s64 %0, %1, 7;" : "=l"(y[5 * n + i]) : "l"(a[i]));
    asm("cvt.s64.s32 %0, %1;" : "=l"(y[6 * n + i]) : "r"((int)a[i]));
    asm("cvt.u64.u32 %0, %1;" : "=l"(y[7 * n + i]) : "r"((int)a[i]));
    asm("xor.b64 %0, %1, %2;" : "=l"(y[8 * n + i]) : "l"(a[i]), "l"(b[i]));
}

extern "C" __global__ void floats(const float* a, const float* b, const float* c, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    asm("add.f32 %0, %1, %2;" : "=f"(y[i]) : "f"(a[i]), "f"(b[i]));
    asm("sub.rn.f32 %0, %1, %2;" : "=f"(y[n + i]) : "f"(a[i]), "f"(b[i]));
    asm("mul.f32 %0, %1, 0f3FC00000;" : "=f"(y[2 * n + i]) : "f"(a[i]));  // 1.5
    asm("mul.f32 %0, %1, 1.5;" : "=f"(y[3 * n + i]) : "f"(a[i]));
    asm("fma.rn.f32 %0, %1, %2, %3;" : "=f"(y[4 * n + i]) : "f"(a[i]), "f"(b[i]), "f"(c[i]));
    asm("{ .reg .pred p; setp.ge.f32 p, %1, %2; selp.f32 %0, %1, %2, p; }" : "=f"(y[5 * n + i]) : "f"(a[i]), "f"(b[i]));
    double wide = a[i];
    asm("{ .reg .f64 t; fma.rn.f64 t, %0, %0, %0; mov.f64 %0, t; }" : "+d"(wide));
    y[6 * n + i] = wide;
}

extern "C" __global__ void conversions(const float* a, const float* b, unsigned* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(y[i]) : "f"(a[i]));
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(y[n + i]) : "f"(a[i]), "f"(b[i]));
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(y[2 * n + i]) : "f"(a[i]), "f"(b[i]));
    unsigned short narrow;
    float wide;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(narrow) : "f"(a[i]));
    y[3 * n + i] = narrow;
    asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(narrow));
    y[4 * n + i] = __float_as_uint(wide);
    asm("mov.b32 %0, %1;" : "=r"(y[5 * n + i]) : "f"(a[i]));
}

#define OF_THREE(column, type, bits, constraint)                                                                  \
    {                                                                                                               \
        bits d, e = 0, f = 0;                                                                                        \
        asm("fma.rn." type " %0, %1, %2, %3;" : "=" constraint(d) : constraint((bits)a[i]), constraint((bits)b[i]),   \
            constraint((bits)c[i]));                                                                                \
        ALSO(type, constraint)                                                                                      \
        y[column * n + i] = d, y[(column + 1) * n + i] = e, y[(column + 2) * n + i] = f;                            \
    }
extern "C" __global__ void halves(const unsigned* a, const unsigned* b, const unsigned* c, unsigned* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
#define ALSO(type, constraint)                                                                               \
    asm("add." type " %0, %1, %2;" : "=" constraint(e) : constraint(d), constraint(d));                       \
    asm("{mul." type " %0, %1, %2;}" : "=" constraint(f) : constraint(d), constraint(e));
    OF_THREE(0, "f16x2", unsigned, "r")
    OF_THREE(3, "f16", unsigned short, "h")
#undef ALSO
#define ALSO(type, constraint)
    OF_THREE(6, "bf16x2", unsigned, "r")
}

enum Unsigned : unsigned { kSeven = 7 };

extern "C" __global__ void places(unsigned* y) {
    unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    unsigned* mine = y + 12 * (thread + blockDim.x * blockDim.y * blockDim.z * (blockIdx.x + gridDim.x * blockIdx.y));
    asm("mov.u32 %0, %%laneid;" : "=r"(mine[0]));
    asm("mov.u32 %0, %%tid.x;" : "=r"(mine[1]));
    asm("mov.u32 %0, %%tid.y;" : "=r"(mine[2]));
    asm("mov.u32 %0, %%tid.z;" : "=r"(mine[3]));
    asm("mov.u32 %0, %%ntid.y;" : "=r"(mine[4]));
    asm("mov.u32 %0, %%ctaid.x;" : "=r"(mine[5]));
    asm("mov.u32 %0, %%ctaid.y;" : "=r"(mine[6]));
    asm("mov.u32 %0, %%nctaid.x;" : "=r"(mine[7]));
    asm("mov.u32 %0, %%lanemask_lt;" : "=r"(mine[8]));
    asm("mov.u32 %0, %%lanemask_ge;" : "=r"(mine[9]));
    asm("mov.u32 %0, %1;" : "=r"(mine[10]) : "r"(kSeven));
    if (thread % 2) asm("mov.u32 %0, 1;" : "=r"(mine[11]));
    else
        asm("{ .reg .u32 %%odd; mov.u32 %%odd, 2; mov.u32 %0, %%odd; }" : "=r"(mine[11]));
}

// -- memory ----------------------------------------------------------------------------------------------------

extern "C" __global__ void copies(const unsigned* x, unsigned* y, int first) {
    __shared__ __align__(16) unsigned tile[32 * 8];
    unsigned here = static_cast<unsigned>(__cvta_generic_to_shared(tile + threadIdx.x * 8));
    unsigned r[8];
    const unsigned* from = x + first + threadIdx.x * 8;
    asm volatile("ld.global.nc.L1::no_allocate.L2::128B.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "l"(from));
    asm volatile("ld.global.cg.v2.u32 {%0, %1}, [%2+16];" : "=r"(r[4]), "=r"(r[5]) : "l"(from));
    asm volatile("ld.global.ca.b32 %0, [%1 + 24];" : "=r"(r[6]) : "l"(from));
    asm volatile("ld.u32 %0, [%1+%2];" : "=r"(r[7]) : "l"(from), "n"(28));
    asm volatile("prefetch.global.L2 [%0];" ::"l"(from));
    asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(here), "r"(r[0]), "r"(r[1]), "r"(r[2]), "r"(r[3])
                 : "memory");
    asm volatile("st.shared.v2.u32 [%0+16], {%1, %2};" ::"r"(here), "r"(r[4]), "r"(r[5]) : "memory");
    asm volatile("st.shared.u32 [%0+24], %1;\n\tst.volatile.shared.u32 [%0+28], %2;" ::"r"(here), "r"(r[6]), "r"(r[7]));
    asm volatile("bar.sync 0;" ::: "memory");
    // The neighbour's, back to front.
    const void* there = tile + (threadIdx.x ^ 1) * 8;
    unsigned address;
    asm("{ .reg .u64 s; cvta.to.shared.u64 s, %1; cvt.u32.u64 %0, s; }" : "=r"(address) : "l"(there));
    asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4+16];"
                 : "=r"(r[3]), "=r"(r[2]), "=r"(r[1]), "=r"(r[0])
                 : "r"(address));
    asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[7]), "=r"(r[6]), "=r"(r[5]), "=r"(r[4])
                 : "l"(__cvta_generic_to_shared(there)));
    asm volatile("membar.gl; fence.acq_rel.cta;" ::: "memory");
    for (int i = 0; i < 8; ++i) {
        asm volatile("st.global.u32 [%0], %1;" ::"l"(y + threadIdx.x * 8 + i), "r"(r[i]) : "memory");
    }
}

extern "C" __global__ void narrow(const signed char* x, int* y, unsigned char* z) {
    int i = threadIdx.x;
    asm volatile("ld.global.s8 %0, [%1];" : "=r"(y[3 * i]) : "l"(x + i));
    asm volatile("ld.global.u8 %0, [%1];" : "=r"(y[3 * i + 1]) : "l"(x + i));
    unsigned short pair[2];
    asm volatile("ld.global.v2.s8 {%0, %1}, [%2];" : "=h"(pair[0]), "=h"(pair[1]) : "l"(x + i / 2 * 2));
    y[3 * i + 2] = pair[i % 2];
    asm volatile("st.global.u8 [%0], %1;" ::"l"(z + i), "r"(y[3 * i] + 1) : "memory");
}

// Four bytes a thread from x to y by way of shared memory; of thread i's, i % 5 are read.
extern "C" __global__ void filled(const unsigned* x, unsigned* y) {
    __shared__ unsigned tile[32];
    unsigned i = threadIdx.x, here = static_cast<unsigned>(__cvta_generic_to_shared(tile + i));
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(here), "l"(x + i), "r"(i % 5) : "memory");
    asm volatile("cp.async.wait_all;" ::: "memory");
    asm volatile("{ .reg .u32 mask; mov.u32 mask, 0xffffffff; bar.warp.sync mask; }" ::: "memory");
    y[i] = tile[i ^ 1];
}

// What addresses say of themselves.
extern "C" __global__ void spaces(unsigned* x, unsigned long long* y) {
    extern __shared__ unsigned dynamic[];
    __shared__ alignas(128) unsigned tile[4];
    unsigned local = 3;
    asm volatile("" : "+r"(local));
    y[0] = __isShared(tile) * 100 + __isGlobal(tile) * 10 + __isLocal(tile);
    y[1] = __isShared(x) * 100 + __isGlobal(x) * 10 + __isLocal(x);
    y[2] = __isShared(&local) * 100 + __isGlobal(&local) * 10 + __isLocal(&local);
    y[3] = __isShared(dynamic + 1);
    y[4] = __cvta_generic_to_shared(tile + 1) - __cvta_generic_to_shared(tile);
    y[5] = __cvta_generic_to_shared(tile) % 128;
    y[6] = __cvta_shared_to_generic(__cvta_generic_to_shared(tile + 2)) == tile + 2;
    y[7] = __cvta_generic_to_shared(tile) >> 32;
    y[8] = local;
}

// Each thread adds its element, twice, to the sum.
extern "C" __global__ void sums(const float* x, float* sum, unsigned* count, unsigned* before) {
    asm volatile("red.global.add.f32 [%0], %1;" ::"l"(sum), "f"(x[threadIdx.x]) : "memory");
    asm volatile("red.relaxed.gpu.global.add.f32 [%0], %1;" ::"l"(sum), "f"(x[threadIdx.x]) : "memory");
    asm volatile("atom.global.add.u32 %0, [%1], %2;" : "=r"(before[threadIdx.x]) : "l"(count), "r"(3) : "memory");
}
