"""Kernels as textbooks and public samples have them: they run as they are, and agree with NumPy and SciPy.

Wherever the data can be integers, equality is ``==``. Where a kernel must round, a bound says by how much it may: u is
the unit roundoff, maxima of the maths functions are those of the CUDA C++ Programming Guide (an ulp is at most 2 u),
and `FIRST_ORDER` covers the products of two roundings.
"""

import functools
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import scipy.ndimage
import scipy.sparse
import scipy.sparse.csgraph
import scipy.special
import scipy.stats

from refconv_cuda import cupy_wheels, simulator
from refconv_cuda.simulator import Schedule, checked, scheduled

TEXTBOOK = Path(__file__).parent / "textbook"
INSTANCES = {
    "compaction": ("compactStable<4>",),
    "convolution_separable": ("convolution<true>", "convolution<false>"),
    "cooperative_groups": ("sum_kernel_tile<16>", "sum_kernel_tile<32>"),
    "flash_attention": ("flash_forward<32, 16, 8, false>", "flash_forward<32, 16, 8, true>"),
    "layer_norm": ("layernorm_two_pass<64>",),
    "lookback_scan": ("inclusiveScan<64>",),
    "matmul": ("sgemmRegisters<float, 32, 32, 8, 4, 4>", "sgemmRegisters<double, 16, 8, 4, 2, 1>"),
    "merge_path": ("mergeSorted<int>", "mergeSorted<double>"),
    "radix_sort": ("splitSort<64>",),
    "reduce": (
        *("deviceReduce<int>", "deviceReduce<float>", "deviceReduce<double>"),
        *("reduceShared<float, 128, false>", "reduceShared<double, 512, true>"),
    ),
    "softmax": ("online_softmax<2>",),
    "spmv_csr": (
        "spmv_csr_scalar_kernel<int, float>",
        *("spmv_csr_vector_kernel<int, double, 8, 4>", "spmv_csr_vector_kernel<int, float, 2, 32>"),
    ),
    "transpose": ("transposeNoBankConflicts<float>", "transposeNoBankConflicts<char>"),
    "wmma_gemm": ("wmma_gemm_ragged<float>", "wmma_gemm_ragged<half>"),
}
U = 2.0**-24  # float's unit roundoff
FIRST_ORDER = 1.01

PLAIN_SEEDS = (0, 1, 2, 4, 6)
CHECKED_SEEDS = (0, 1, 2, 3, 4, 5, 7)
NO_CUPY = cupy_wheels.unavailable()
WAYS = (
    *([] if NO_CUPY else ["cupy"]),
    "cupy-shaped",
    *(f"plain-{seed}" for seed in PLAIN_SEEDS),
    *(f"checked-{seed}" for seed in CHECKED_SEEDS),
)


class Gpu:
    """The textbook's kernels on `xp`: CuPy or the simulator. Only arrays come and go under different names."""

    def __init__(self, xp):
        self._xp = xp
        self.array = getattr(xp, "asarray", functools.partial(simulator.copy, alignment=16))  # for float4
        self.numpy = getattr(xp, "asnumpy", np.array)

    def empty(self, shape, dtype):
        """An array that the kernel has to fill."""
        return self._xp.empty(shape if isinstance(shape, tuple) else (shape,), dtype)

    @staticmethod
    def address(array):
        """For a struct that holds a pointer."""
        interface = getattr(array, "__cuda_array_interface__", None) or array.__array_interface__
        return interface["data"][0]

    def kernel(self, name, *, file):
        """A kernel, or an instance of one."""
        return _module(self._xp, file).get_function(name)


@functools.cache
def _module(xp, file):
    code = (TEXTBOOK / f"{file}.cu").read_text()
    return xp.RawModule(code=code, options=("-std=c++17",), name_expressions=INSTANCES.get(file, ()))


class CupyShaped:
    """Exactly as much of CuPy as `Gpu` may use, with its signatures, made of the simulator."""

    class ndarray(np.ndarray):  # noqa: N801 (CuPy's name)
        """What kernels take; NumPy's arrays they refuse."""

    class RawModule:
        """With all the parameters that CuPy's has, and no others."""

        def __init__(self, *, code=None, path=None, options=(), backend="nvrtc", name_expressions=None, jitify=False):
            assert path is None, "CuPy's path names a cubin"
            self._module = simulator.RawModule(code=code, options=options, name_expressions=name_expressions or ())

        def get_function(self, name):
            kernel = self._module.get_function(name)

            def launch(grid, block, args, *, shared_mem=0):
                assert isinstance(grid, tuple)
                assert isinstance(block, tuple)
                for arg in args:
                    by_value = isinstance(arg, np.generic) or (type(arg) is np.ndarray and arg.ndim == 0)
                    assert arg is None or by_value or isinstance(arg, CupyShaped.ndarray), arg
                arrays = [arg.view(np.ndarray) if isinstance(arg, CupyShaped.ndarray) else arg for arg in args]
                kernel(grid, block, arrays, shared_mem=shared_mem)

            return launch

    @classmethod
    def asarray(cls, array):
        return simulator.copy(array, alignment=16).view(cls.ndarray)

    @classmethod
    def empty(cls, shape, dtype=float):
        return simulator.empty(shape, dtype).view(cls.ndarray)

    @staticmethod
    def asnumpy(array):
        return np.array(array)


@pytest.fixture(params=WAYS)
def gpu(request):
    """Every way to run a kernel: on a GPU, and in the simulator, plain and checked, in several orders."""
    way, _, seed = request.param.rpartition("-")
    if request.param == "cupy":
        import cupy

        yield Gpu(cupy)
        return
    with ExitStack() as stack:
        if request.param == "cupy-shaped":
            yield Gpu(CupyShaped)
            return
        stack.enter_context(scheduled(Schedule.from_seed(int(seed))))
        if way == "checked":
            stack.enter_context(checked())
        yield Gpu(simulator)


def i32(x):
    return np.int32(x)


def u32(x):
    return np.uint32(x)


def f32(x):
    return np.float32(x)


def blocks(n, threads):
    """Enough blocks for ``n`` threads, and at least one."""
    return max(1, -(-n // threads))


def integers(rng, shape, dtype=np.float32, *, most=9):
    """Whole numbers, so small that sums and products of them are exact."""
    return rng.integers(-most, most + 1, shape).astype(dtype)


def assert_within(got, expected, bound):
    """|got - expected| <= bound, element by element; a NaN is not."""
    excess = np.abs(np.asarray(got, np.float64) - expected) <= bound
    assert excess.all(), f"{np.count_nonzero(~excess)} of {excess.size} are too far off: {got} for {expected}"


@pytest.mark.skipif(bool(NO_CUPY), reason=str(NO_CUPY))
def test_the_kernels_run_on_a_gpu_too():
    assert "cupy" in WAYS


def test_every_kernel_file_has_a_test():
    source = Path(__file__).read_text()
    files = sorted(path.stem for path in TEXTBOOK.glob("*.cu"))
    assert len(files) >= 16
    assert [file for file in files if f'file="{file}"' not in source] == []


# -- reductions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 33, 1000])
@pytest.mark.parametrize(("T", "dtype"), [("int", np.int32), ("float", np.float32), ("double", np.float64)])
def test_reduction_by_shuffles(gpu, T, dtype, n):
    x = integers(np.random.default_rng(n), n, dtype)
    kernel = gpu.kernel(f"deviceReduce<{T}>", file="reduce")
    grid = 3
    partial, total = gpu.empty(grid, dtype), gpu.empty(1, dtype)
    kernel((grid,), (96,), (gpu.array(x), partial, i32(n)))
    kernel((1,), (32,), (partial, total, i32(grid)))
    assert gpu.numpy(total) == x.sum()


@pytest.mark.parametrize("n", [1, 200, 2000])
def test_reduction_in_shared_memory(gpu, n):
    x = integers(np.random.default_rng(n), n)
    partial = gpu.empty(2, np.float32)
    kernel = gpu.kernel("reduceShared<float, 128, false>", file="reduce")
    kernel((2,), (128,), (gpu.array(x), partial, u32(n)), shared_mem=128 * 4)
    assert gpu.numpy(partial).sum() == x.sum()


def test_reduction_of_a_power_of_two(gpu):
    x = integers(np.random.default_rng(0), 2048, np.float64)
    total = gpu.empty(1, np.float64)
    kernel = gpu.kernel("reduceShared<double, 512, true>", file="reduce")
    kernel((1,), (512,), (gpu.array(x), total, u32(2048)), shared_mem=512 * 8)
    assert gpu.numpy(total) == x.sum()


@pytest.mark.parametrize("n", [1, 700, 2000])
@pytest.mark.parametrize("grid", [1, 5])
def test_the_last_block_sums_up(gpu, n, grid):
    kernel = gpu.kernel("reduceSinglePass", file="last_block")
    for seed in range(2):  # the counter must be ready for the next launch
        x = integers(np.random.default_rng(seed), n)
        total = gpu.empty(1, np.float32)
        kernel((grid,), (128,), (gpu.array(x), gpu.empty(grid, np.float32), total, u32(n)))
        assert gpu.numpy(total) == x.sum()


@pytest.mark.parametrize("n", [1, 700])
def test_the_last_block_finds_the_maximum(gpu, n):
    kernel = gpu.kernel("maxSinglePass", file="last_block")
    grid = 4
    counter = gpu.array(np.zeros(1, np.uint32))
    for seed in range(2):
        x = np.random.default_rng(seed).integers(-(2**31), 2**31, n).astype(np.int32)
        greatest = gpu.empty(1, np.int32)
        kernel((grid,), (128,), (gpu.array(x), gpu.empty(grid, np.int32), greatest, counter, i32(n)))
        assert gpu.numpy(greatest) == x.max()


@pytest.mark.parametrize("n", [1, 100, 333])
@pytest.mark.parametrize(
    ("kernel", "threads"), [("sum_kernel_block", 128), ("sum_kernel_tile<16>", 96), ("sum_kernel_tile<32>", 64)]
)
def test_cooperative_sums(gpu, kernel, threads, n):
    x = integers(np.random.default_rng(n), n, np.int32)
    total = gpu.array(np.zeros(1, np.int32))
    gpu.kernel(kernel, file="cooperative_groups")(
        (2,), (threads,), (total, gpu.array(x), i32(n)), shared_mem=4 * threads
    )
    assert gpu.numpy(total) == x.sum()


@pytest.mark.parametrize(("count", "width"), [(1, 1), (6, 33), (9, 16)])
def test_cooperative_rows(gpu, count, width):
    rows = integers(np.random.default_rng(width), (count, width))
    rows[: count - 1] = np.abs(rows[: count - 1]) + 1
    rows[count - 1] = -1  # in the last block
    sums, positive = gpu.empty(count, np.float32), gpu.array(np.zeros(1, np.int32))
    grid = blocks(count, 4)
    args = (gpu.array(rows), sums, positive, i32(count), i32(width))
    gpu.kernel("row_sums", file="cooperative_groups")((grid,), (64,), args)
    assert (gpu.numpy(sums) == rows.sum(axis=1)).all()
    assert gpu.numpy(positive) == grid - 1


@pytest.mark.parametrize("n", [1, 257])
def test_argmax(gpu, n):
    x = integers(np.random.default_rng(n), n) + f32(0.5)  # many equals, no zeros of two signs
    for kernel, grid in (("argmaxCas", blocks(n, 64)), ("argmaxBlock", 2)):
        best = gpu.array(np.zeros(1, np.uint64))
        gpu.kernel(kernel, file="argmax")((grid,), (64,), (gpu.array(x), best, u32(n)))
        assert 0xFFFFFFFF - (gpu.numpy(best)[0] & np.uint64(0xFFFFFFFF)) == np.argmax(x)


def test_maximum_of_doubles(gpu):
    x = -np.random.default_rng(0).random(150)
    best = gpu.array(np.full(1, -np.inf))
    gpu.kernel("maxDouble", file="argmax")((2,), (32,), (gpu.array(x), best, i32(150)))
    assert gpu.numpy(best) == x.max()


@pytest.mark.parametrize("n", [1, 500])
def test_dot_product_behind_a_lock(gpu, n):
    rng = np.random.default_rng(n)
    a, b = integers(rng, n), integers(rng, n)
    mutex, c = gpu.array(np.zeros(1, np.int32)), gpu.array(np.zeros(1, np.float32))
    lock = np.array((gpu.address(mutex),), [("mutex", np.uintp)])
    gpu.kernel("dot", file="spin_lock")((3,), (64,), (lock, i32(n), gpu.array(a), gpu.array(b), c))
    assert gpu.numpy(c) == a @ b


# -- scans, histograms, compaction -----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 64, 100, 777])
def test_blelloch_scan(gpu, n):
    x = integers(np.random.default_rng(n), n, np.int32)
    threads = 32
    shared = 4 * (2 * threads + 2 * threads // 32)
    grid = blocks(n, 2 * threads)
    prescan, add = (gpu.kernel(name, file="blelloch_scan") for name in ("prescan", "uniformAdd"))
    scanned, sums, offsets = (gpu.empty(size, np.int32) for size in (n, grid, grid))
    prescan((grid,), (threads,), (scanned, gpu.array(x), sums, i32(n)), shared_mem=shared)
    prescan((1,), (threads,), (offsets, sums, None, i32(grid)), shared_mem=shared)
    add((grid,), (threads,), (scanned, offsets, i32(n)))
    assert (gpu.numpy(scanned) == np.cumsum(x) - x).all()


@pytest.mark.parametrize("n", [1, 256, 1203])
def test_scan_with_look_back(gpu, n):
    x = integers(np.random.default_rng(n), n, np.int32)
    grid = blocks(n, 256)
    tiles, ticket = gpu.array(np.zeros(grid, np.uint64)), gpu.array(np.zeros(1, np.uint32))
    scanned = gpu.empty(n, np.int32)
    gpu.kernel("inclusiveScan<64>", file="lookback_scan")(
        (grid,), (64,), (gpu.array(x), scanned, tiles, ticket, i32(n))
    )
    assert (gpu.numpy(scanned) == np.cumsum(x)).all()


@pytest.mark.parametrize("words", [1, 300])
def test_histogram_of_bytes(gpu, words):
    x = np.random.default_rng(words).integers(0, 256, 4 * words).astype(np.uint8)
    bins = gpu.array(np.zeros(256, np.uint32))
    gpu.kernel("histogram256", file="histogram")((2,), (128,), (bins, gpu.array(x.view(np.uint32)), u32(words)))
    assert (gpu.numpy(bins) == np.bincount(x, minlength=256)).all()


@pytest.mark.parametrize(("n", "count"), [(1, 1), (333, 7), (1000, 200)])
def test_histogram_of_any_size(gpu, n, count):
    x = np.sort(np.random.default_rng(n).integers(0, 256, n).astype(np.uint8))
    bins = gpu.array(np.zeros(count, np.uint32))
    gpu.kernel("histogramPrivatized", file="histogram")(
        (3,), (64,), (gpu.array(x), bins, u32(n), u32(count)), shared_mem=4 * count
    )
    assert (gpu.numpy(bins) == np.bincount(x % count, minlength=count)).all()


@pytest.mark.parametrize("n", [1, 128, 500])
def test_stable_compaction(gpu, n):
    x = integers(np.random.default_rng(n), n, np.int32)
    kept = x[x % 3 == 0]
    counts = gpu.empty(blocks(n, 128), np.int32)
    gpu.kernel("countKept", file="compaction")((blocks(n, 128),), (128,), (gpu.array(x), counts, i32(n), i32(3)))
    counts = gpu.numpy(counts)
    offsets = (np.cumsum(counts) - counts).astype(np.int32)
    out = gpu.array(np.full(n, -99, np.int32))
    gpu.kernel("compactStable<4>", file="compaction")(
        (blocks(n, 128),), (128,), (gpu.array(x), out, gpu.array(offsets), i32(n), i32(3))
    )
    assert (gpu.numpy(out)[: kept.size] == kept).all()
    assert (gpu.numpy(out)[kept.size :] == -99).all()


@pytest.mark.parametrize("n", [1, 500])
@pytest.mark.parametrize(
    ("file", "kernel"), [("compaction", "compactAny"), ("cooperative_groups", "filter_k")], ids=["ballot", "groups"]
)
def test_compaction_in_any_order(gpu, file, kernel, n):
    x = integers(np.random.default_rng(n), n, np.int32)
    out, count = gpu.empty(n, np.int32), gpu.array(np.zeros(1, np.int32))
    source = gpu.array(x)
    if kernel == "compactAny":
        kept, args = x[x % 3 == 0], (source, out, count, i32(n), i32(3))
    else:
        kept, args = x[x > 3], (out, count, source, i32(n), i32(3))
    gpu.kernel(kernel, file=file)((blocks(n, 96),), (96,), args)
    assert gpu.numpy(count) == kept.size
    assert (np.sort(gpu.numpy(out)[: kept.size]) == np.sort(kept)).all()


# -- sorting ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ascending", [1, 0])
@pytest.mark.parametrize("n", [2, 64, 256])
def test_bitonic_sort_in_shared_memory(gpu, n, ascending):
    arrays = 2 if n == 64 else 1  # several of them alternate in direction
    keys = np.random.default_rng(n).permutation(n * arrays).astype(np.uint32)
    d_keys, d_values = gpu.array(keys), gpu.array(keys ^ u32(0xABCD))
    gpu.kernel("bitonicSortShared", file="bitonic_sort")(
        (arrays,), (n // 2,), (d_keys, d_values, u32(n), u32(ascending))
    )
    runs = keys.reshape(arrays, n)
    expected = [np.sort(run)[:: 1 if (i % 2) ^ ascending else -1] for i, run in enumerate(runs)]
    assert (gpu.numpy(d_keys) == np.concatenate(expected)).all()
    assert (gpu.numpy(d_values) == np.concatenate(expected) ^ 0xABCD).all()


@pytest.mark.parametrize("n", [1, 100, 256])
def test_bitonic_sort_in_global_memory(gpu, n):
    length = max(128, 1 << (n - 1).bit_length())
    keys = np.full(length, 0xFFFFFFFF, np.uint32)
    keys[:n] = np.random.default_rng(n).integers(0, 50, n)
    d_keys, d_values = gpu.array(keys), gpu.array(keys + u32(7))
    merge = gpu.kernel("bitonicMergeGlobal", file="bitonic_sort")
    size = 2
    while size <= length:
        stride = size // 2
        while stride:
            # the last merge goes one way, those before it alternate
            args = (d_keys, d_values, u32(length), u32(size), u32(stride), u32(1))
            merge((length // 128,), (64,), args)
            stride //= 2
        size *= 2
    assert (gpu.numpy(d_keys) == np.sort(keys)).all()
    assert (gpu.numpy(d_values) == np.sort(keys) + u32(7)).all()


@pytest.mark.parametrize("count", [1, 64, 45])
def test_radix_sort_of_a_block(gpu, count):
    keys = np.random.default_rng(count).integers(0, 2**32, count).astype(np.uint32)
    d_keys = gpu.array(keys)
    gpu.kernel("splitSort<64>", file="radix_sort")((1,), (64,), (d_keys, i32(count)))
    assert (gpu.numpy(d_keys) == np.sort(keys)).all()


@pytest.mark.parametrize("n", [1, 300])
def test_radix_sort(gpu, n):
    keys = np.random.default_rng(n).integers(0, 2**12, n).astype(np.uint32)
    d_keys, d_values = gpu.array(keys), gpu.array(np.arange(n, dtype=np.uint32))
    count, scatter = (gpu.kernel(name, file="radix_sort") for name in ("radixCount", "radixScatter"))
    grid = blocks(n, 128)
    for shift in (0, 4, 8):
        counts = gpu.empty((16, grid), np.int32)
        count((grid,), (128,), (d_keys, counts, i32(n), i32(shift)))
        counts = gpu.numpy(counts).reshape(-1)
        offsets = gpu.array((np.cumsum(counts) - counts).astype(np.int32))
        keys_out, values_out = gpu.empty(n, np.uint32), gpu.empty(n, np.uint32)
        scatter((grid,), (128,), (d_keys, d_values, offsets, keys_out, values_out, i32(n), i32(shift)))
        d_keys, d_values = keys_out, values_out
    assert (gpu.numpy(d_keys) == np.sort(keys)).all()
    assert (gpu.numpy(d_values) == np.argsort(keys, kind="stable")).all()


@pytest.mark.parametrize(("a_count", "b_count"), [(1, 1), (0, 5), (200, 0), (150, 250), (192, 192)])
@pytest.mark.parametrize(("T", "dtype"), [("int", np.int32), ("double", np.float64)])
def test_merge_path(gpu, T, dtype, a_count, b_count):
    rng = np.random.default_rng(a_count)
    a, b = (np.sort(rng.integers(0, 90, count)).astype(dtype) for count in (a_count, b_count))
    n = a_count + b_count
    out = gpu.empty(n, dtype)
    gpu.kernel(f"mergeSorted<{T}>", file="merge_path")(
        (blocks(n, 192),), (64,), (gpu.array(a), i32(a_count), gpu.array(b), i32(b_count), out)
    )
    assert (gpu.numpy(out) == np.sort(np.concatenate([a, b]))).all()


# -- matrices --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("M", "N", "K"), [(16, 16, 16), (33, 17, 5), (1, 20, 35)])
def test_tiled_matrix_product(gpu, M, N, K):
    rng = np.random.default_rng(M)
    a, b = integers(rng, (M, K)), integers(rng, (K, N))
    c = gpu.empty((M, N), np.float32)
    args = (gpu.array(a), gpu.array(b), c, i32(M), i32(N), i32(K))
    gpu.kernel("matMulTiled", file="matmul")((blocks(N, 16), blocks(M, 16)), (16, 16), args)
    assert (gpu.numpy(c) == a @ b).all()


@pytest.mark.parametrize(("M", "N", "K"), [(32, 32, 16), (33, 17, 5)])
@pytest.mark.parametrize(
    ("instance", "dtype", "tile", "threads"),
    [("<float, 32, 32, 8, 4, 4>", np.float32, (32, 32), 64), ("<double, 16, 8, 4, 2, 1>", np.float64, (16, 8), 64)],
)
def test_matrix_product_in_registers(gpu, instance, dtype, tile, threads, M, N, K):
    rng = np.random.default_rng(M)
    a, b, c = integers(rng, (M, K), dtype), integers(rng, (K, N), dtype), integers(rng, (M, N), dtype)
    d_c = gpu.array(c)
    args = (i32(M), i32(N), i32(K), dtype(2), gpu.array(a), gpu.array(b), dtype(-1), d_c)
    gpu.kernel(f"sgemmRegisters{instance}", file="matmul")((blocks(N, tile[1]), blocks(M, tile[0])), (threads,), args)
    assert (gpu.numpy(d_c) == 2 * (a @ b) - c).all()


@pytest.mark.parametrize(("height", "width"), [(32, 32), (1, 5), (33, 70)])
@pytest.mark.parametrize(("T", "dtype"), [("float", np.float32), ("char", np.int8)])
def test_transpose(gpu, T, dtype, height, width):
    x = np.random.default_rng(width).integers(-128, 128, (height, width)).astype(dtype)
    y = gpu.empty((width, height), dtype)
    gpu.kernel(f"transposeNoBankConflicts<{T}>", file="transpose")(
        (blocks(width, 32), blocks(height, 32)), (32, 8), (y, gpu.array(x), i32(width), i32(height))
    )
    assert (gpu.numpy(y) == x.T).all()


@pytest.mark.parametrize(
    ("instance", "dtype", "rows_per_block", "threads"),
    [
        ("scalar_kernel<int, float>", np.float32, 64, 64),
        ("vector_kernel<int, double, 8, 4>", np.float64, 8, 32),
        ("vector_kernel<int, float, 2, 32>", np.float32, 2, 64),
    ],
)
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (37, 50)])
def test_sparse_matrix_vector_product(gpu, instance, dtype, rows_per_block, threads, rows, columns):
    rng = np.random.default_rng(rows)
    dense = integers(rng, (rows, columns)) * (rng.random((rows, columns)) < rng.random((rows, 1)))
    A = scipy.sparse.csr_array(dense.astype(dtype))
    x, y = integers(rng, columns, dtype), integers(rng, rows, dtype)
    d_y = gpu.array(y)
    arrays = [gpu.array(part) for part in (A.indptr.astype(np.int32), A.indices.astype(np.int32), A.data, x)]
    grid = blocks(rows, 3 * rows_per_block)  # each takes several turns
    gpu.kernel(f"spmv_csr_{instance}", file="spmv_csr")((grid,), (threads,), (i32(rows), *arrays, d_y))
    assert (gpu.numpy(d_y) == A @ x + y).all()


@pytest.mark.parametrize(("M", "N", "K"), [(16, 16, 16), (48, 32, 32)])
def test_tensor_core_product(gpu, M, N, K):
    rng = np.random.default_rng(M)
    a, b = integers(rng, (M, K), np.float16), integers(rng, (K, N), np.float16)
    c, d = integers(rng, (M, N)), gpu.empty((M, N), np.float32)
    args = (gpu.array(a), gpu.array(b.T.copy()), gpu.array(c), d, *map(i32, (M, N, K)), f32(2), f32(-3))
    gpu.kernel("wmma_gemm", file="wmma_gemm")((blocks(M, 32), blocks(N, 32)), (64, 2), args)
    assert (gpu.numpy(d) == 2 * (a.astype(np.float32) @ b.astype(np.float32)) - 3 * c).all()


@pytest.mark.parametrize(("T", "dtype"), [("float", np.float32), ("half", np.float16)])
@pytest.mark.parametrize(("M", "N", "K"), [(1, 1, 1), (17, 20, 35)])
def test_tensor_core_product_of_any_size(gpu, T, dtype, M, N, K):
    rng = np.random.default_rng(N)
    a, b = (integers(rng, shape, np.float16, most=4) for shape in ((M, K), (K, N)))  # 16 K < 2^11, half's exact range
    d = gpu.empty((M, N), dtype)
    gpu.kernel(f"wmma_gemm_ragged<{T}>", file="wmma_gemm")(
        (blocks(N, 16), blocks(M, 16)), (32,), (gpu.array(a), gpu.array(b), d, *map(i32, (M, N, K)))
    )
    assert (gpu.numpy(d) == a.astype(np.float32) @ b.astype(np.float32)).all()


@pytest.mark.parametrize("tiles", [1, 3])
def test_floyd_warshall(gpu, tiles):
    n = 16 * tiles
    rng = np.random.default_rng(n)
    never = 2**28
    weights = np.where(rng.random((n, n)) < 0.15, rng.integers(1, 100, (n, n)), never).astype(np.int32)
    np.fill_diagonal(weights, 0)
    distances = gpu.array(weights)
    for k0 in range(0, n, 16):
        for name, grid in (("fw_diagonal", (1,)), ("fw_cross", (tiles, 2)), ("fw_rest", (tiles, tiles))):
            gpu.kernel(name, file="floyd_warshall")(grid, (16, 16), (distances, i32(n), i32(k0)))
    graph = np.where(weights < never, weights, np.inf)
    expected = scipy.sparse.csgraph.floyd_warshall(graph)
    assert (gpu.numpy(distances) == np.minimum(expected, never)).all()


def test_breadth_first_search(gpu):
    n = 120
    graph = scipy.sparse.random_array((n, n), density=0.025, rng=np.random.default_rng(0), format="csr")
    row_ptrs, columns = (gpu.array(part.astype(np.int32)) for part in (graph.indptr, graph.indices))
    level = np.full(n, -1, np.int32)
    level[0] = 0
    d_level = gpu.array(level)
    frontier, count, depth = gpu.array(np.zeros(n, np.int32)), 1, 0
    while count:
        depth += 1
        following, following_count = gpu.empty(n, np.int32), gpu.array(np.zeros(1, np.int32))
        args = (row_ptrs, columns, d_level, frontier, following, i32(count), following_count, i32(depth))
        gpu.kernel("bfs_level", file="bfs")((blocks(count, 32),), (32,), args)
        frontier, count = following, int(gpu.numpy(following_count)[0])
    hops = scipy.sparse.csgraph.shortest_path(graph, unweighted=True, indices=0)
    assert depth > 4
    assert (gpu.numpy(d_level) == np.where(np.isinf(hops), -1, hops)).all()


# -- grids and signals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 64, 200])
def test_stencil_in_one_dimension(gpu, n):
    x = integers(np.random.default_rng(n), n)
    y = gpu.empty(n, np.float32)
    gpu.kernel("stencil1d", file="stencil")((blocks(n, 64),), (64,), (gpu.array(x), y, i32(n)))
    expected = scipy.ndimage.correlate1d(x, np.array([1, -2, 3, 5, 7, -4, 2.0]), mode="constant")
    assert (gpu.numpy(y) == expected).all()


@pytest.mark.parametrize(("ny", "nx"), [(1, 1), (8, 16), (19, 35)])
def test_stencil_in_two_dimensions(gpu, ny, nx):
    u = integers(np.random.default_rng(nx), (ny, nx))
    new = gpu.empty((ny, nx), np.float32)
    gpu.kernel("jacobi2d", file="stencil")(
        (blocks(nx, 16), blocks(ny, 8)), (16, 8), (gpu.array(u), new, i32(nx), i32(ny))
    )
    expected = u.copy()
    expected[1:-1, 1:-1] = (u[1:-1, :-2] + u[1:-1, 2:] + u[:-2, 1:-1] + u[2:, 1:-1]) / 4
    assert (gpu.numpy(new) == expected).all()


@pytest.mark.parametrize(("nz", "ny", "nx"), [(1, 1, 1), (5, 9, 18)])
def test_stencil_in_three_dimensions(gpu, nz, ny, nx):
    u = integers(np.random.default_rng(nx), (nz, ny, nx))
    out = gpu.empty((nz, ny, nx), np.float32)
    gpu.kernel("stencil3d", file="stencil")(
        (blocks(nx, 16), blocks(ny, 8)), (16, 8), (gpu.array(u), out, i32(nx), i32(ny), i32(nz))
    )
    assert (gpu.numpy(out) == scipy.ndimage.laplace(u, mode="constant")).all()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (16, 64), (21, 70)])
def test_separable_convolution(gpu, height, width):
    image = integers(np.random.default_rng(width), (height, width))
    rows, both = gpu.empty((height, width), np.float32), gpu.empty((height, width), np.float32)
    sizes = (i32(width), i32(height), i32(width))
    for true, source, result, grid in (
        ("true", gpu.array(image), rows, (blocks(width, 64), blocks(height, 4))),
        ("false", rows, both, (blocks(width, 16), blocks(height, 16))),
    ):
        gpu.kernel(f"convolution<{true}>", file="convolution_separable")(grid, (16, 4), (result, source, *sizes))
    weights = np.array([1, 2, -1, 3, 4, 0, -2, 1, 5.0])
    expected = scipy.ndimage.convolve1d(image, weights, axis=1, mode="constant")
    assert (gpu.numpy(rows) == expected).all()
    assert (gpu.numpy(both) == scipy.ndimage.convolve1d(expected, weights, axis=0, mode="constant")).all()


@pytest.mark.parametrize("order", [4, 7, 9])
def test_walsh_transform(gpu, order):
    n, batch = 1 << order, 2
    x = integers(np.random.default_rng(order), (batch, n))
    data = gpu.array(x)
    step, last = gpu.kernel("fwtBatch2Kernel", file="walsh"), gpu.kernel("fwtBatch1Kernel", file="walsh")
    size, runs = order, batch
    while size > 5:  # larger than what the last kernel is to take at once
        step((1 << (size - 2) >> 4, runs), (16,), (data, data, i32(1 << (size - 2))))
        size, runs = size - 2, runs * 4
    last((runs,), (1 << (size - 2),), (data, data, i32(size)), shared_mem=4 << size)
    assert (gpu.numpy(data) == x @ scipy.linalg.hadamard(n)).all()


@pytest.mark.parametrize("n", [2, 8, 128])
def test_fourier_transform(gpu, n):
    rng = np.random.default_rng(n)
    x = (rng.standard_normal((3, n)) + 1j * rng.standard_normal((3, n))).astype(np.complex64)
    y = gpu.empty((3, n, 2), np.float32)
    gpu.kernel("fft_stockham", file="fft")(
        (3,), (n // 2,), (gpu.array(x.view(np.float32)), y, i32(n)), shared_mem=16 * n
    )
    expected = np.fft.fft(x.astype(np.complex128))
    # Higham, Accuracy and Stability, theorem 24.2: each of log2 n stages adds mu + gamma_4 (sqrt 2 + mu) to the
    # relative error in the 2-norm; sincospif is within 2 ulp, so mu <= 4 u sqrt 2.
    each = 4 * U * np.sqrt(2) + 4 * U * np.sqrt(2)
    error = gpu.numpy(y).astype(np.float64).reshape(3, n, 2) @ [1, 1j] - expected
    bound = FIRST_ORDER * np.log2(n) * each * np.linalg.norm(expected, axis=1)
    assert (np.linalg.norm(error, axis=1) <= bound).all()


# -- rows: softmax, layer norm, attention ----------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (5, 33), (3, 200)])
@pytest.mark.parametrize("kernel", ["online_softmax<2>", "softmax_block"])
def test_softmax(gpu, kernel, rows, columns):
    x = integers(np.random.default_rng(columns), (rows, columns), most=64) / f32(8)
    y = gpu.empty((rows, columns), np.float32)
    # x - max is exact, expf within 2 ulp. Then:
    if kernel == "softmax_block":
        gpu.kernel(kernel, file="softmax")((rows,), (64,), (y, gpu.array(x), i32(columns)), shared_mem=4 * 2 * 2)
        # expf above and below, the additions that a term takes part in, the quotient
        bound = (4 + 4 + (columns // 64 + 1 + 5 + 2) + 1) * U
    else:
        grid = blocks(rows, 2)
        gpu.kernel(kernel, file="softmax")((grid,), (32, 2), (gpu.array(x), y, i32(rows), i32(columns)))
        # a term takes part in a merge per element of its lane, then in 5: each an expf, a product and a sum; then
        # expf, the reciprocal and the product
        bound = (6 * (columns // 32 + 1 + 5) + 4 + 1 + 1) * U
    expected = scipy.special.softmax(x.astype(np.float64), axis=1)
    assert_within(gpu.numpy(y), expected, FIRST_ORDER * bound * expected)


@pytest.mark.parametrize(("rows", "columns"), [(1, 4), (5, 100), (3, 260)])
@pytest.mark.parametrize("kernel", ["layernorm_welford", "layernorm_two_pass<64>"])
def test_layer_norm(gpu, kernel, rows, columns):
    rng = np.random.default_rng(columns)
    x = rng.normal(0.5, 2, (rows, columns)).astype(np.float32)
    gamma, beta = rng.normal(1, 0.3, columns).astype(np.float32), rng.normal(0, 1, columns).astype(np.float32)
    y = gpu.empty((rows, columns), np.float32)
    arrays = [gpu.array(array) for array in (x, gamma, beta)]
    eps = f32(1e-5)
    if kernel == "layernorm_welford":
        grid, args = 2, (*arrays, y, i32(rows), i32(columns), eps)
    else:
        grid, args = rows, (*arrays, y, i32(columns // 4), eps)
    gpu.kernel(kernel, file="layer_norm")((grid,), (64,), args)

    exact = x.astype(np.float64)
    mean, variance = exact.mean(axis=1, keepdims=True), exact.var(axis=1, keepdims=True)
    sigma = np.sqrt(variance + eps)
    z = (exact - mean) / sigma
    expected = z * gamma + beta
    # Chan, Golub and LeVeque, "Algorithms for Computing the Sample Variance" (1983): the sum of squares is off by at
    # most n u kappa, relatively, for the updating and the pairwise formulas as for two passes. A running mean rounds by
    # u max|x| per update, and there are no more of those than columns, plus some 40 in the merging of lanes.
    kappa = np.sqrt(1 + mean**2 / variance)
    of_mean = (columns + 40) * U * np.abs(exact).max(axis=1, keepdims=True)
    of_variance = columns * U * kappa + (of_mean / sigma) ** 2
    # half of it reaches 1/sigma, to which rsqrtf adds 2 ulp; then there are 3 products and differences, and a sum
    relative = of_variance / 2 + (2 + 4 + 3) * U
    bound = np.abs(gamma) * (of_mean / sigma + relative * np.abs(z)) + U * np.abs(expected)
    assert_within(gpu.numpy(y), expected, FIRST_ORDER * bound)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("n", [1, 16, 45])
def test_flash_attention(gpu, n, causal):
    rng = np.random.default_rng(n)
    heads, D = 2, 8
    q, k = integers(rng, (heads, n, D), most=2), integers(rng, (heads, n, D), most=2)
    v = rng.standard_normal((heads, n, D)).astype(np.float32)
    o, log_sum = gpu.empty((heads, n, D), np.float32), gpu.empty((heads, n), np.float32)
    scale = f32(0.25)  # so that the scores are exact
    kernel = gpu.kernel(f"flash_forward<32, 16, 8, {str(causal).lower()}>", file="flash_attention")
    args = (gpu.array(q), gpu.array(k), gpu.array(v), o, log_sum, i32(n), scale)
    kernel((blocks(n, 32), heads), (32,), args, shared_mem=4 * (2 * 16 * D + 32 * 16))

    scores = (q.astype(np.float64) @ k.transpose(0, 2, 1)) * 0.25
    if causal:
        scores = np.where(np.tril(np.ones((n, n), bool)), scores, -np.inf)
    weights = scipy.special.softmax(scores, axis=2)
    expected, magnitude = weights @ v.astype(np.float64), weights @ np.abs(v.astype(np.float64))
    # __expf is within 2 + 1.173 |x| ulp, and |x| at most the range of the scores. A weight is one exponential, then
    # multiplied by another after each tile and added up n times; above also multiplied by v; then __fdividef, 2 ulp.
    reach = 2 * np.abs(scores[np.isfinite(scores)]).max()
    exponential = (2 + 1.173 * reach) * 2 * U
    weight = (blocks(n, 16) + 1) * (exponential + U) + n * U
    assert_within(gpu.numpy(o), expected, FIRST_ORDER * (2 * weight + (1 + 4) * U) * magnitude)
    logs = scipy.special.logsumexp(scores, axis=2)
    # logf is within 1 ulp of at most log n
    assert_within(gpu.numpy(log_sum), logs, FIRST_ORDER * (weight + 2 * U * np.log(n + 1) + U * np.abs(logs)))


# -- loops over elements ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", ["saxpy", "saxpy4"])
@pytest.mark.parametrize("n", [1, 5, 1000])
def test_saxpy(gpu, kernel, n):
    rng = np.random.default_rng(n)
    x, y = integers(rng, n), integers(rng, n)
    d_y = gpu.array(y)
    gpu.kernel(kernel, file="grid_stride")((3,), (64,), (i32(n), f32(3), gpu.array(x), d_y))
    assert (gpu.numpy(d_y) == 3 * x + y).all()


@pytest.mark.parametrize("n", [1, 2, 301])
def test_half_axpy(gpu, n):
    rng = np.random.default_rng(n)
    x, y = integers(rng, n, np.float16), integers(rng, n, np.float16)
    d_y = gpu.array(y)
    gpu.kernel("haxpy", file="half_axpy")((2,), (32,), (i32(n), np.float16(3), gpu.array(x), d_y))
    assert (gpu.numpy(d_y) == 3 * x + y).all()


@pytest.mark.parametrize("pairs", [1, 300])
def test_half_dot_product(gpu, pairs):
    rng = np.random.default_rng(pairs)
    a, b = (integers(rng, 2 * pairs, np.float16, most=1) for _ in "ab")  # |a . b| <= 600 < 2^11
    results = gpu.empty(2, np.float32)
    gpu.kernel("scalarProduct", file="half_axpy")((2,), (128,), (gpu.array(a), gpu.array(b), results, np.uint64(pairs)))
    assert gpu.numpy(results).sum() == a.astype(np.float32) @ b.astype(np.float32)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (13, 21)])
def test_mandelbrot(gpu, height, width):
    x0, y0, step, most = f32(-2.1), f32(-1.2), f32(0.13), 60
    image = gpu.empty((height, width), np.uint16)
    args = (image, i32(width), i32(height), x0, y0, step, i32(most))
    gpu.kernel("mandelbrot", file="grid_stride")((2, 2), (8, 4), args)

    across, down = (np.arange(size, dtype=np.float32) * step for size in (width, height))
    c_r, c_i = np.meshgrid(x0 + across, y0 + down)
    z_r, z_i, expected = np.zeros_like(c_r), np.zeros_like(c_r), np.zeros(c_r.shape, np.uint16)
    for _ in range(most):
        inside = z_r * z_r + z_i * z_i <= 4
        expected += inside
        z_r, z_i = (
            np.where(inside, (z_r * z_r - z_i * z_i) + c_r, z_r),
            np.where(inside, f32(2) * (z_r * z_i) + c_i, z_i),
        )
    assert (gpu.numpy(image) == expected).all()


@pytest.mark.parametrize("n", [1, 64, 150])
def test_n_body(gpu, n):
    rng = np.random.default_rng(n)
    bodies = np.concatenate([integers(rng, (n, 3)), rng.integers(1, 9, (n, 1))], axis=1).astype(np.float32)
    forces = gpu.empty((n, 4), np.float32)
    gpu.kernel("calculate_forces", file="nbody")((blocks(n, 64),), (64,), (gpu.array(bodies), forces, i32(n), f32(1)))

    exact = bodies.astype(np.float64)
    apart = exact[None, :, :3] - exact[:, None, :3]
    terms = apart * (exact[None, :, 3:] * ((apart**2).sum(axis=2, keepdims=True) + 1) ** -1.5)
    # distances are exact, rsqrtf is within 2 ulp, its cube takes 2 products, then 2 more, and the sum of n
    bound = FIRST_ORDER * (3 * 4 + 2 + 2 + n) * U * np.abs(terms).sum(axis=1)
    assert_within(gpu.numpy(forces)[:, :3], terms.sum(axis=1), bound)
    assert (gpu.numpy(forces)[:, 3] == 0).all()


def test_black_scholes(gpu):
    n, rate, volatility = 150, 0.02, 0.30
    rng = np.random.default_rng(0)
    S, X, T = (rng.uniform(low, high, n).astype(np.float32) for low, high in ((20, 30), (18, 40), (0.25, 2)))
    call, put = gpu.empty(n, np.float32), gpu.empty(n, np.float32)
    args = (call, put, gpu.array(S), gpu.array(X), gpu.array(T), f32(rate), f32(volatility), i32(n))
    gpu.kernel("BlackScholesGPU", file="black_scholes")((1,), (128,), args)

    S, X, T = (array.astype(np.float64) for array in (S, X, T))
    rate, volatility = float(f32(rate)), float(f32(volatility))
    spread = volatility * np.sqrt(T)
    d1 = (np.log(S / X) + (rate + volatility**2 / 2) * T) / spread
    later = X * np.exp(-rate * T)
    expected_call = S * scipy.stats.norm.cdf(d1) - later * scipy.stats.norm.cdf(d1 - spread)
    # __logf is off by 2^-21.41 here, which the division by the spread enlarges; a dozen roundings of d itself. The
    # slope of the normal distribution is at most 0.4, Hastings' polynomial is within 7.5e-8, and its terms, which add
    # up to 2.2 in magnitude, round a dozen times; the exponentials take 2 ulp and some.
    of_d = (2**-21.41 + 4 * U) / spread + 14 * U * (np.abs(d1) + spread)
    of_distribution = 0.4 * of_d + 7.5e-8 + 40 * U
    bound = (S + X) * (of_distribution + 8 * U)
    assert_within(gpu.numpy(call), expected_call, bound)
    assert_within(gpu.numpy(put), expected_call + later - S, bound)


@pytest.mark.parametrize("steps", [1, 50])
def test_american_put(gpu, steps):
    S, X = np.array([90.0, 100.0, 115.0]), np.array([100.0, 100.0, 100.0])
    u, discount = np.exp(0.3 * np.sqrt(1 / steps)), np.exp(-0.05 / steps)
    p = (1 / discount - 1 / u) / (u - 1 / u)
    price = gpu.empty(3, np.float64)
    args = (gpu.array(S), gpu.array(X), price, u, p, discount, i32(steps))
    gpu.kernel("americanPut", file="black_scholes")((3,), (32,), args, shared_mem=8 * (steps + 1))

    value = np.maximum(X - S * u ** (2.0 * np.arange(steps + 1)[:, None] - steps), 0)
    for t in range(steps - 1, -1, -1):
        now = X - S * u ** (2.0 * np.arange(t + 1)[:, None] - t)
        value = np.maximum(discount * (p * value[1:] + (1 - p) * value[:-1]), now)
    # four roundings a step of what is at most X, on either side; pow within 2 ulp of at most S u^steps
    bound = 2**-53 * (2 * 4 * steps * X + 8 * S * u**steps)
    assert_within(gpu.numpy(price), value[0], bound)


# -- random numbers --------------------------------------------------------------------------------------------------


def philox(counters, key):
    """Philox4x32-10 of counters ``[n, 4]``, in uint64."""
    low = np.uint64(0xFFFFFFFF)
    x0, x1, x2, x3 = (counters[:, i].astype(np.uint64) for i in range(4))
    k0, k1 = (np.uint64(k) for k in key)
    for _ in range(10):
        product0, product1 = np.uint64(0xD2511F53) * x0, np.uint64(0xCD9E8D57) * x2
        shift = np.uint64(32)
        x0, x1, x2, x3 = (product1 >> shift) ^ x1 ^ k0, product1 & low, (product0 >> shift) ^ x3 ^ k1, product0 & low
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & low, (k1 + np.uint64(0xBB67AE85)) & low
    return np.stack([x0, x1, x2, x3], axis=1).astype(np.uint32)


# Random123's kat_vectors
@pytest.mark.parametrize(
    ("base", "seed", "first"),
    [
        ((0, 0, 0, 0), 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            0x299F31D0A4093822,
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox(gpu, base, seed, first):
    n = 70
    uint4 = np.dtype([(name, np.uint32) for name in "xyzw"])
    bits = gpu.empty((n, 4), np.uint32)
    args = (bits, i32(n), np.uint64(seed), np.array(base, uint4))
    gpu.kernel("philox_bits", file="random_numbers")((blocks(n, 32),), (32,), args)
    counters = np.tile(np.array(base, np.uint32), (n, 1))
    counters[:, 0] += np.arange(n, dtype=np.uint32)
    assert (gpu.numpy(bits) == philox(counters, (seed & 0xFFFFFFFF, seed >> 32))).all()
    assert " ".join(f"{word:08x}" for word in gpu.numpy(bits)[0]) == first


def test_box_muller(gpu):
    n, seed = 100, 12345
    deviates = gpu.empty((n, 2), np.float32)
    gpu.kernel("philox_normal", file="random_numbers")((blocks(n, 64),), (64,), (deviates, i32(n), u32(seed)))
    counters = np.zeros((n, 4), np.uint32)
    counters[:, 0] = np.arange(n)
    bits = philox(counters, (seed, 0)).astype(np.float64)
    u, v = bits[:, 0] * 2**-32 + 2**-33, bits[:, 1] * 2**-32 * 2 * np.pi
    radius = np.sqrt(-2 * np.log(u))
    # u rounds twice, logf is within 1 ulp, and -2 log u reaches the radius through its root; v rounds 3 times, and the
    # sine and cosine are within 2 ulp
    of_radius = (2 * 2 * U + 2 * U * radius**2) / (2 * radius) + U * radius
    bound = FIRST_ORDER * (of_radius + radius * (3 * U * v + 4 * U) + U * radius)
    for got, trigonometric in zip(gpu.numpy(deviates).T, (np.sin(v), np.cos(v)), strict=True):
        assert_within(got, radius * trigonometric, bound)


@pytest.mark.parametrize("threads", [1, 70])
def test_xorshift(gpu, threads):
    each = 4
    states = np.random.default_rng(threads).integers(1, 2**32, (threads, 4)).astype(np.uint32)
    d_states, out = gpu.array(states), gpu.empty((each, threads), np.float32)
    gpu.kernel("xorshift_fill", file="random_numbers")(
        (blocks(threads, 32),), (32,), (d_states, out, i32(threads), i32(each))
    )
    x, y, z, w = states.T
    for row in gpu.numpy(out):
        t = x ^ (x << 11)
        x, y, z, w = y, z, w, w ^ (w >> 19) ^ t ^ (t >> 8)
        assert (row == (w >> 8) / 2.0**24).all()
    assert (gpu.numpy(d_states) == np.stack([x, y, z, w], axis=1)).all()
