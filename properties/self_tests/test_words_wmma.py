"""nvcuda::wmma: products of small integers are exact, in every shape, type, layout and order of threads."""

import ml_dtypes
import numpy as np
import pytest

from refconv_cuda.simulator import (
    CompileError,
    KernelError,
    KernelTrap,
    OutOfBounds,
    RawKernel,
    RawModule,
    Schedule,
    scheduled,
)

SOURCE = r"""
#include <mma.h>
using namespace nvcuda;

template <int m, int n, int k, class T, class Element, class C, class LayoutA, class LayoutB>
__global__ void product(const Element* a, const Element* b, const C* c, C* d, int lda, int ldb, int ldc,
                        int by_columns) {
    wmma::layout_t layout = by_columns ? wmma::mem_col_major : wmma::mem_row_major;
    wmma::fragment<wmma::matrix_a, m, n, k, T, LayoutA> left;
    wmma::fragment<wmma::matrix_b, m, n, k, T, LayoutB> right;
    wmma::fragment<wmma::accumulator, m, n, k, C> sum;
    wmma::load_matrix_sync(left, a, lda);
    wmma::load_matrix_sync(right, b, ldb);
    wmma::load_matrix_sync(sum, c, ldc, layout);
    wmma::mma_sync(sum, left, right, sum);
    wmma::store_matrix_sync(d, sum, ldc, layout);
}

// As a kernel does it: tiles in shared memory, a loop over k, and an epilogue on the elements.
__global__ void scaled_product(const half* a, const half* b, const float* c, float* d, int n, float alpha, float beta) {
    __shared__ half a_tile[16][24], b_tile[16][24];
    int row = blockIdx.y * 16, column = blockIdx.x * 16, lane = threadIdx.x;
    wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> left;
    wmma::fragment<wmma::matrix_b, 16, 16, 16, half, wmma::row_major> right;
    wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum, old;
    wmma::fill_fragment(sum, 0.0f);
    for (int k = 0; k < n; k += 16) {
        for (int i = lane; i < 256; i += 32) {
            a_tile[i / 16][i % 16] = a[(row + i / 16) * n + k + i % 16];
            b_tile[i / 16][i % 16] = b[(k + i / 16) * n + column + i % 16];
        }
        __syncwarp();
        wmma::load_matrix_sync(left, &a_tile[0][0], 24);
        wmma::load_matrix_sync(right, &b_tile[0][0], 24);
        wmma::mma_sync(sum, left, right, sum);
        __syncwarp();
    }
    wmma::load_matrix_sync(old, c + row * n + column, n, wmma::mem_row_major);
    for (int i = 0; i < sum.num_elements; ++i) sum.x[i] = alpha * sum.x[i] + beta * old.x[i];
    wmma::store_matrix_sync(d + row * n + column, sum, n, wmma::mem_row_major);
}

__global__ void mixed(const half* a, const half* b, half* d, float* e) {
    wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> left;
    wmma::fragment<wmma::matrix_b, 16, 16, 16, half, wmma::col_major> right;
    wmma::fragment<wmma::accumulator, 16, 16, 16, half> narrow, zero;
    wmma::fragment<wmma::accumulator, 16, 16, 16, float> wide;
    wmma::fill_fragment(zero, __float2half(0.0f));
    wmma::load_matrix_sync(left, a, 16);
    wmma::load_matrix_sync(right, b, 16);
    wmma::mma_sync(narrow, left, right, zero);
    wmma::mma_sync(wide, left, right, zero);
    wmma::store_matrix_sync(d, narrow, 16, wmma::mem_row_major);
    wmma::store_matrix_sync(e, wide, 16, wmma::mem_row_major);
}

__global__ void tf32(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = wmma::__float_to_tf32(x[i]);
}
__global__ void tf32_product(const float* a, const float* b, float* d, int convert) {
    wmma::fragment<wmma::matrix_a, 16, 16, 8, wmma::precision::tf32, wmma::row_major> left;
    wmma::fragment<wmma::matrix_b, 16, 16, 8, wmma::precision::tf32, wmma::row_major> right;
    wmma::fragment<wmma::accumulator, 16, 16, 8, float> sum;
    wmma::load_matrix_sync(left, a, 8);
    wmma::load_matrix_sync(right, b, 16);
    wmma::fill_fragment(sum, 0.0f);
    for (int i = 0; convert && i < left.num_elements; ++i) left.x[i] = wmma::__float_to_tf32(left.x[i]);
    for (int i = 0; convert && i < right.num_elements; ++i) right.x[i] = wmma::__float_to_tf32(right.x[i]);
    wmma::mma_sync(sum, left, right, sum);
    wmma::store_matrix_sync(d, sum, 16, wmma::mem_row_major);
}

__global__ void saturated(const signed char* a, int* d, int* e) {
    wmma::fragment<wmma::matrix_a, 16, 16, 16, signed char, wmma::row_major> left;
    wmma::fragment<wmma::matrix_b, 16, 16, 16, signed char, wmma::col_major> right;
    wmma::fragment<wmma::accumulator, 16, 16, 16, int> sum, result;
    wmma::load_matrix_sync(left, a, 16);
    wmma::load_matrix_sync(right, a, 16);
    wmma::fill_fragment(sum, 2147483647);
    wmma::mma_sync(result, left, right, sum, true);
    wmma::store_matrix_sync(d, result, 16, wmma::mem_row_major);
    wmma::mma_sync(result, left, right, sum);
    wmma::store_matrix_sync(e, result, 16, wmma::mem_row_major);
}

__global__ void faults(int how, const half* a, float* d) {
    wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> left;
    wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
    if (how == 1) wmma::load_matrix_sync(left, a, 17);
    if (how == 2) wmma::load_matrix_sync(left, a + threadIdx.x, 16);
    if (how == 3 && threadIdx.x > 0) wmma::load_matrix_sync(left, a, 16);
    if (how == 4) {
        wmma::load_matrix_sync(left, a + 8, 16);  // BEYOND
        for (int i = 0; i < left.num_elements; ++i) d[threadIdx.x] += float(left.x[i]);
    }
    if (how == 5) {
        wmma::fill_fragment(sum, 1.0f);
        wmma::store_matrix_sync(d + 4, sum, 16, wmma::mem_row_major);
    }
}
"""
HALF, BFLOAT = np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)
# T, the C type of an element in memory, its dtype, and those of C and D.
TYPES = {
    "half": ("half", HALF, "float", np.float32),
    "half-half": ("half", HALF, "half", HALF),
    "bfloat16": ("__nv_bfloat16", BFLOAT, "float", np.float32),
    "signed char": ("signed char", np.dtype(np.int8), "int", np.int32),
    "unsigned char": ("unsigned char", np.dtype(np.uint8), "int", np.int32),
    "tf32": ("float", np.dtype(np.float32), "float", np.float32),
    "double": ("double", np.dtype(np.float64), "double", np.float64),
}
SHAPES = {name: [(16, 16, 16), (32, 8, 16), (8, 32, 16)] for name in TYPES}
SHAPES |= {"tf32": [(16, 16, 8)], "double": [(8, 8, 4)]}
LAYOUTS = ("row", "col")
CASES = [
    (name, shape, layout_a, layout_b)
    for name in TYPES
    for i, shape in enumerate(SHAPES[name])
    for layout_a in LAYOUTS
    for layout_b in LAYOUTS
    if (name == "half" and i == 0) or (layout_a != layout_b and (i == 0 or layout_a == "col"))
]


def instance(name, shape, layout_a, layout_b):
    element, _, c, _ = TYPES[name]
    type_ = "wmma::precision::tf32" if name == "tf32" else element
    sizes = ", ".join(map(str, shape))
    return f"product<{sizes}, {type_}, {element}, {c}, wmma::{layout_a}_major, wmma::{layout_b}_major>"


@pytest.fixture(scope="module")
def kernel(compiler):
    return RawModule(code=SOURCE, name_expressions=[instance(*case) for case in CASES]).get_function


def in_memory(matrix, layout):
    """A matrix as it lies in memory, with a gap behind each row or column, and its leading dimension."""
    lines = matrix if layout == "row" else matrix.T
    multiple = 16 // matrix.itemsize
    memory = np.zeros((lines.shape[0], (lines.shape[1] // multiple + 2) * multiple), matrix.dtype)
    memory[:, : lines.shape[1]] = lines
    raw = memory.view(np.uint16) if matrix.dtype == BFLOAT else memory
    return raw, np.int32(memory.shape[1])


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)).replace(" ", ""))
def test_products_are_exact(kernel, case):
    name, (m, n, k), layout_a, layout_b = case
    _, dtype, _, c_dtype = TYPES[name]
    rng = np.random.default_rng(m + n)
    low = 0 if dtype.kind == "u" else -4
    a, b = (rng.integers(low, 5, size).astype(dtype) for size in ((m, k), (k, n)))
    c = rng.integers(-9, 10, (m, n)).astype(c_dtype)
    for seed, layout_c in enumerate(LAYOUTS):
        memory_a, lda = in_memory(a, layout_a)
        memory_b, ldb = in_memory(b, layout_b)
        memory_c, ldc = in_memory(c, layout_c)
        memory_d = np.zeros_like(memory_c)
        with scheduled(Schedule.from_seed(seed + 1)):
            arrays = (memory_a, memory_b, memory_c, memory_d, lda, ldb, ldc, np.int32(layout_c == "col"))
            kernel(instance(*case))((1,), (32,), arrays)
        d = memory_d if layout_c == "row" else memory_d.T
        wanted = a.astype(float) @ b.astype(float) + c.astype(float)
        assert np.array_equal(d[:m, :n].astype(float), wanted)
        assert not d[m:].any()
        assert not d[:, n:].any()


@pytest.mark.parametrize("seed", range(3))
def test_a_tiled_product_with_an_epilogue(kernel, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(-3, 4, (2, 48, 48)).astype(np.float16)
    c = rng.integers(-9, 9, (48, 48)).astype(np.float32)
    d = np.zeros_like(c)
    with scheduled(Schedule.from_seed(seed)):
        kernel("scaled_product")((3, 3), (32,), (a, b, c, d, np.int32(48), np.float32(2), np.float32(-1)))
    assert np.array_equal(d, 2 * (a.astype(np.float32) @ b.astype(np.float32)) - c)


def test_half_accumulators_round_once(kernel):
    rng = np.random.default_rng(4)
    a, b = rng.normal(0, 1, (2, 16, 16)).astype(np.float16)
    d, e = np.zeros((16, 16), np.float16), np.zeros((16, 16), np.float32)
    kernel("mixed")((1,), (32,), (a, b, d, e))
    sums = np.zeros((16, 16), np.float32)
    for k in range(16):  # in the order of k
        sums += np.outer(a[:, k].astype(np.float32), b[:, k].astype(np.float32))
    assert np.array_equal(e, sums)
    assert np.array_equal(d, sums.astype(np.float16))


def test_rounding_to_tf32(kernel):
    rng = np.random.default_rng(5)
    x = rng.integers(0, 2**32, 4000, dtype=np.uint64).astype(np.uint32)
    x[:1000] = (x[:1000] & 0xFFFFE000) | 0x1000  # ties
    x[1000:1004] = [0x7F800000, 0xFF800000, 0x7FFFFFFF, 0x80000000]
    y = np.zeros_like(x)
    kernel("tf32")((125,), (32,), (x.view(np.float32), y.view(np.float32), np.int32(x.size)))
    finite = (x & 0x7F800000) != 0x7F800000
    # Sign and magnitude: away from zero is up in magnitude, where a carry moves on to the exponent.
    wanted = np.where(finite, (x.astype(np.uint64) + 0x1000) & 0xFFFFE000, x).astype(np.uint32)
    nan = np.isnan(x.view(np.float32))
    assert np.array_equal(y[~nan], wanted[~nan])
    assert (y[nan] == 0x7FFFFFFF).all()


def test_tf32_products(kernel):
    rng = np.random.default_rng(6)
    a, b = rng.normal(0, 1, (16, 8)).astype(np.float32), rng.normal(0, 1, (8, 16)).astype(np.float32)
    for convert in (1, 0):
        d = np.zeros((16, 16), np.float32)
        kernel("tf32_product")((1,), (32,), (a, b, d, np.int32(convert)))
        # Converted they are rounded; else the last 13 bits do not count.
        left, right = (((v.view(np.uint32) + 0x1000 * convert) & 0xFFFFE000).view(np.float32) for v in (a, b))
        sums = np.zeros((16, 16), np.float32)
        for k in range(8):
            sums += np.outer(left[:, k], right[k])
        assert np.array_equal(d, sums)


def test_integers_wrap_or_saturate(kernel):
    a = np.zeros((16, 16), np.int8)
    a[0] = 1
    a[1] = -1
    d, e = np.zeros((16, 16), np.int32), np.zeros((16, 16), np.int32)
    kernel("saturated")((1,), (32,), (a, d, e))
    products = a.astype(np.int64) @ a.T.astype(np.int64) + 2147483647
    assert np.array_equal(d, np.minimum(products, 2147483647))
    assert np.array_equal(e, products.astype(np.int32))


@pytest.mark.parametrize(
    ("how", "threads", "kind", "said"),
    [
        (1, 32, KernelTrap, "16 bytes"),
        (2, 32, KernelTrap, "differently"),
        (3, 32, KernelError, ""),
        (4, 32, OutOfBounds, "const half"),
        (5, 32, OutOfBounds, "float"),
        (4, 20, KernelTrap, "fewer than 32"),
    ],
)
def test_faults(kernel, how, threads, kind, said):
    with pytest.raises(kind) as raised:
        kernel("faults")((1,), (threads,), (np.int32(how), np.zeros(256, np.float16), np.zeros(256, np.float32)))
    assert said in str(raised.value)


def test_the_checker_sees_loads_and_stores(compiler):
    kernel = RawModule(code=SOURCE, check=True).get_function
    test_a_tiled_product_with_an_epilogue(kernel, 2)
    line = next(i for i, text in enumerate(SOURCE.splitlines(), start=1) if "BEYOND" in text)
    with pytest.raises(OutOfBounds, match=rf":{line}\b"):
        kernel("faults")((1,), (32,), (np.int32(4), np.zeros(256, np.float16), np.zeros(256, np.float32)))


def test_what_wmma_does_not_have(compiler):
    code = """#include <mma.h>
    using namespace nvcuda;
    __global__ void f() {
        wmma::fragment<wmma::matrix_a, 16, 16, 8, half, wmma::row_major> a;
        wmma::fill_fragment(a, 1.0f);
    }"""
    with pytest.raises(CompileError, match="no fragments of this shape and element type"):
        RawKernel(code, "f")((1,), (32,), ())
