"""The simulator's launches: what a kernel sees of its grid and arguments, and which launches are refused."""

import itertools
import threading
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refconv_cuda import simulator
from refconv_cuda.simulator import CompileError, OutOfBounds, RawKernel, RawModule, Schedule, checked, scheduled

SCALARS = {
    "bool": "bool", "char": "int8", "signed char": "int8", "unsigned char": "uint8",
    "short": "int16", "unsigned short": "uint16", "int": "int32", "unsigned": "uint32",
    "long": "int64", "unsigned long": "uint64", "long long": "int64", "unsigned long long": "uint64",
    "float": "float32", "double": "float64",
}  # fmt: skip

SOURCE = r"""
// Not a kernel: __global__ void commented_out(int* x) {}
extern "C" __global__ void positions(int* out) {
    int block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    int* mine = out + 12 * (block * (blockDim.x * blockDim.y * blockDim.z) + thread);
    mine[0] = threadIdx.x, mine[1] = threadIdx.y, mine[2] = threadIdx.z;
    mine[3] = blockIdx.x, mine[4] = blockIdx.y, mine[5] = blockIdx.z;
    mine[6] = blockDim.x, mine[7] = blockDim.y, mine[8] = blockDim.z;
    mine[9] = gridDim.x, mine[10] = gridDim.y, mine[11] = gridDim.z;
}

template <typename T>
__global__ void echo(T value, T* out) { *out = value; }

__global__ void mixed(char a, double b, bool c, short d, long long e, float f, unsigned g, double* out) {
    out[0] = a, out[1] = b, out[2] = c, out[3] = d, out[4] = e, out[5] = f, out[6] = g;
}

struct Inner { short a; double b; };
struct Outer { char a; Inner inner[2]; float b[3]; bool c; };
__global__ void by_value(Outer s, double* out, int n) {
    out[0] = s.a, out[1] = s.inner[0].a, out[2] = s.inner[0].b, out[3] = s.inner[1].a, out[4] = s.inner[1].b;
    out[5] = s.b[0], out[6] = s.b[1], out[7] = s.b[2], out[8] = s.c, out[9] = n;
}
__global__ void own_copy(Outer s, float* out) {
    s.b[0] += 1;
    out[threadIdx.x] = s.b[0];
}
struct __align__(64) Wide { float v[16]; };
__device__ __noinline__ void unpack(Wide s, float* out) {
    for (int i = 0; i < 16; ++i) out[i] = s.v[i];
}
__global__ void wide(float* out, int n, Wide s) { unpack(s, out); }

__global__ void maybe(const float* x, float* y) { y[0] = x ? x[0] : -1; }
__global__ void add_one(const float* __restrict__ x, float* __restrict__ y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = x[i] + 1;
}
__global__ void writes_const(const float* x) { const_cast<float*>(x)[threadIdx.x] = 5; }
__global__ void into_volatile(volatile float* y) { y[0] = 1; }
__global__ void into_bytes(unsigned char* y, void* z) {}
__global__ void twice(int* a, int* b) {
    a[threadIdx.x] += 1;
    b[threadIdx.x] += 1;
}
__global__ void first_to_second(float* y, const float* x) { y[threadIdx.x] = x[threadIdx.x] + 1; }

template <typename T, int kFactor, bool kNegative>
__global__ void __launch_bounds__(32) scale(T* x) { x[threadIdx.x] *= kNegative ? -kFactor : kFactor; }

// Two static arrays of different types and one scalar: none may lie over another.
template <typename T>
__global__ void statics(const T* x, T* y) {
    __shared__ T there[40];
    __shared__ unsigned char marks[40];
    __shared__ int last;
    int t = threadIdx.x, n = blockDim.x;
    there[t] = x[blockIdx.x * n + t];
    marks[t] = t;
    if (t == n - 1) last = t;
    __syncthreads();
    y[blockIdx.x * n + t] = there[last - t] + marks[last - t];
}
__global__ void dynamic_floats(const float* x, float* y) {
    extern __shared__ float floats[];
    floats[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = floats[blockDim.x - 1 - threadIdx.x];
}
template <typename T>
__global__ void dynamic_bytes(const T* x, T* y) {
    extern __shared__ __align__(16) unsigned char bytes[];
    T* there = reinterpret_cast<T*>(bytes);
    there[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = there[blockDim.x - 1 - threadIdx.x];
}
// However many names it has, dynamic shared memory is one array.
__global__ void two_names(int* y) {
    extern __shared__ int ints[];
    extern __shared__ unsigned words[];
    ints[threadIdx.x] = threadIdx.x;
    __syncthreads();
    y[threadIdx.x] = words[blockDim.x - 1 - threadIdx.x];
    if (threadIdx.x == 0) y[blockDim.x] = reinterpret_cast<size_t>(ints) % 16;
}
__global__ void last_dynamic_byte(unsigned char* y, int size) {
    extern __shared__ unsigned char all[];
    for (int i = threadIdx.x; i < size; i += blockDim.x) all[i] = i % 251;
    __syncthreads();
    for (int i = threadIdx.x; i < size; i += blockDim.x) y[i] = all[size - 1 - i];
}

// A tree: barriers in a loop, and in a function that is called from two places.
__device__ inline void meet() { __syncthreads(); }
__global__ void block_sums(const int* x, int* y) {
    __shared__ int sums[64];
    int t = threadIdx.x;
    sums[t] = x[blockIdx.x * blockDim.x + t];
    meet();
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        int other = t < half ? sums[t + half] : 0;
        meet();
        sums[t] += other;
        __syncthreads();
    }
    if (t == 0) y[blockIdx.x] = sums[0];
}

// More values in registers than there are, and memory of a thread's own that is aligned beyond what a stack is.
__global__ void keep(const unsigned long* x, const double* v, unsigned long* y, double* w, int rounds) {
    struct alignas(64) { unsigned long of[8]; } wide;
    unsigned long a[12];
    double b[12];
    int t = threadIdx.x;
#pragma unroll
    for (int i = 0; i < 12; ++i) a[i] = x[t * 12 + i], b[i] = v[t * 12 + i];
    for (int i = 0; i < 8; ++i) wide.of[i] = a[i];
    for (int round = 0; round < rounds; ++round) {
        __syncthreads();
#pragma unroll
        for (int i = 0; i < 12; ++i) a[i] += a[(i + 1) % 12] * (round + t), b[i] += b[(i + 5) % 12];
        wide.of[(round + t) % 8] ^= a[0];
        if (__syncthreads_count(t % 3 == round % 3) != ((int)blockDim.x + 2 - round % 3) / 3) a[0] = 0;
    }
#pragma unroll
    for (int i = 0; i < 12; ++i) y[t * 20 + i] = a[i], w[t * 12 + i] = b[i];
    for (int i = 0; i < 8; ++i) y[t * 20 + 12 + i] = wide.of[i];
}

__global__ void vocabulary(const float* x, float* y, unsigned* count) {
    y[0] = min(x[0], x[1]), y[1] = max(x[0], x[1]), y[2] = fma(x[0], x[1], x[2]), y[3] = __ldg(x);
    y[4] = warpSize, y[5] = min(3, 2), y[6] = max(3u, 2u), y[7] = sqrtf(x[3]), y[8] = fmaxf(x[0], x[1]);
    __threadfence();
    y[9] = atomicAdd(count, 2u);
}
"""
INSTANCES = (
    *(f"echo<{name}>" for name in SCALARS),
    *("scale<float, 3, false>", "scale<int, 5, true>", "statics<float>", "statics<double>", "statics<short>"),
    *("dynamic_bytes<float>", "dynamic_bytes<double>", "dynamic_bytes<char>"),
)
OUTER = np.dtype(
    [("a", "i1"), ("inner", np.dtype([("a", "i2"), ("b", "f8")], align=True), 2), ("b", "f4", 3), ("c", "?")],
    align=True,
)


@pytest.fixture(scope="module")
def kernel(compiler):
    """The kernels of `SOURCE` by name."""
    return RawModule(code=SOURCE, name_expressions=INSTANCES).get_function


@pytest.fixture(scope="module")
def scratch(compiler, tmp_path_factory):
    """A cache of our own for files in temporary folders, which nobody will ever compile again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REFCONV_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


def value_of(kernel):
    """What a kernel with one parameter, ``int* y``, writes to y[0]."""
    y = np.zeros(1, np.int32)
    kernel((1,), (1,), (y,))
    return y[0]


# -- where a thread is ---------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(
    grid=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    block=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    schedule=st.builds(Schedule.from_seed, st.integers(0, 9)),
)
def test_every_thread_knows_where_it_is(kernel, grid, block, schedule):
    def positions(sizes):  # in CUDA's order: x varies fastest
        ranges = (range(size) for size in reversed((*sizes, 1, 1)[:3]))
        return [position[::-1] for position in itertools.product(*ranges)]

    out = np.zeros((np.prod(grid) * np.prod(block), 12), np.int32)
    with scheduled(schedule):
        kernel("positions")(tuple(grid), block, (out,))
    shape = (*block, 1, 1)[:3] + (*grid, 1, 1)[:3]
    assert out.tolist() == [[*t, *b, *shape] for b in positions(grid) for t in positions(block)]


def test_the_largest_block_is_1024_threads(kernel):
    for block in ((1024,), (1, 1024), (32, 32), (4, 4, 64)):
        out = np.full((1024, 12), -1, np.int32)
        kernel("positions")((1,), block, (out,))
        assert len({tuple(row[:3]) for row in out.tolist()}) == 1024


# -- scalars and structs ---------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "dtype"), SCALARS.items(), ids=SCALARS)
def test_scalars_arrive_bit_for_bit(kernel, name, dtype):
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        values = [False, True]
    elif dtype.kind == "f":
        values = [0.0, -0.0, 1.5, np.inf, np.nan, np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal]
    else:
        values = [0, 1, np.iinfo(dtype).min, np.iinfo(dtype).max]
    for value in values:
        for scalar in (dtype.type(value), np.array(value, dtype), np.array([value], dtype)):
            out = np.zeros((), dtype)
            kernel(f"echo<{name}>")((1,), (1,), (scalar, out))
            assert out.tobytes() == scalar.tobytes()


def test_scalars_of_all_sizes_side_by_side(kernel):
    out = np.zeros(7)
    arguments = (
        *(np.int8(-1), np.float64(0.1), np.bool_(True), np.int16(-300), np.int64(2**40)),
        *(np.float32(0.25), np.uint32(2**32 - 1), out),
    )
    kernel("mixed")((1,), (1,), arguments)
    assert out.tolist() == [-1, 0.1, 1, -300, 2**40, 0.25, 2**32 - 1]


OUTER_VALUE = (-7, [(-300, 0.1), (301, 0.2)], [1.5, 2.5, 3.5], True)


def test_structs_are_passed_by_value(kernel):
    out = np.zeros(10)
    kernel("by_value")((1,), (1,), (np.array(OUTER_VALUE, OUTER), out, np.int32(9)))
    assert out.tolist() == [-7, -300, 0.1, 301, 0.2, 1.5, 2.5, 3.5, 1, 9]


def test_each_thread_has_its_own_copy_of_a_struct(kernel):
    struct, out = np.array(OUTER_VALUE, OUTER), np.zeros(8, np.float32)
    before = struct.tobytes()
    kernel("own_copy")((1,), (8,), (struct, out))
    assert (out == 2.5).all()
    assert struct.tobytes() == before


def test_an_aligned_struct_may_come_from_anywhere(kernel):
    # A compiler may copy a struct that says it is aligned with instructions that insist on it.
    dtype, floats = np.dtype([("v", "f4", 16)]), np.arange(64, dtype=np.float32)
    between = []  # arrays that keep the next launch's arguments from lying where the last one's did
    for i in range(40):
        between.append(np.zeros(i + 1, np.uint8))
        out, start = np.zeros(16, np.float32), i % 48
        kernel("wide")((1,), (1,), (out, np.int32(1), floats[start : start + 16].view(dtype)))
        assert np.array_equal(out, floats[start : start + 16])


# -- pointers ----------------------------------------------------------------------------------------


def test_none_is_a_null_pointer(kernel):
    y = np.zeros(1, np.float32)
    kernel("maybe")((1,), (1,), (None, y))
    assert y[0] == -1
    kernel("maybe")((1,), (1,), (np.full(1, 3, np.float32), y))
    assert y[0] == 3


def test_arrays_in_ordinary_memory_are_copied_back(kernel):
    x, y = np.arange(10, dtype=np.float32), np.full(12, -1, np.float32)
    kernel("add_one")((3,), (4,), (x, y, np.int32(10)))
    assert y.tolist() == [*range(1, 11), -1, -1]
    assert x.tolist() == [*range(10)]


def test_arrays_in_device_memory_are_used_in_place(kernel):
    x, y = simulator.copy(np.arange(10, dtype=np.float32)), simulator.empty((2, 6), np.float32)
    assert np.isnan(y).all()
    kernel("add_one")((3,), (4,), (x[2:], y[1], np.int32(6)))
    assert y[1].tolist() == [3, 4, 5, 6, 7, 8]
    assert np.isnan(y[0]).all()


def test_a_read_only_array_serves_a_pointer_to_const(kernel):
    x, y = np.arange(4, dtype=np.float32), np.zeros(4, np.float32)
    x.flags.writeable = False
    kernel("add_one")((1,), (4,), (x, y, np.int32(4)))
    assert y.tolist() == [1, 2, 3, 4]


def test_what_a_pointer_to_const_points_to_is_not_written(kernel):
    # Also not when the kernel casts the const away: the array's owner has been told otherwise.
    x = np.zeros(4, np.float32)
    kernel("writes_const")((1,), (4,), (x,))
    assert x.tolist() == [0, 0, 0, 0]


def test_the_same_array_twice_is_the_same_memory(kernel):
    # As on a GPU. Two copies would each miss what is written through the other.
    x = np.zeros(4, np.int32)
    kernel("twice")((1,), (4,), (x, x))
    assert x.tolist() == [2, 2, 2, 2]


def test_the_same_array_as_operand_and_as_result(kernel):
    x = np.zeros(4, np.float32)
    kernel("first_to_second")((1,), (4,), (x, x))
    assert x.tolist() == [1, 1, 1, 1]


def test_overlapping_views_of_device_memory(kernel):
    x = simulator.copy(np.zeros(6, np.int32))
    kernel("twice")((1,), (4,), (x[:4], x[2:]))
    assert x.tolist() == [1, 1, 2, 2, 1, 1]


@pytest.mark.parametrize("shape", [(0,), (3, 0)])
def test_empty_arrays(kernel, shape):
    kernel("add_one")((1,), (4,), (np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.int32(0)))


# -- shared memory -------------------------------------------------------------------------------------

random_schedules = [Schedule(), Schedule("reversed"), *(Schedule("random", seed) for seed in range(4))]


@pytest.mark.parametrize("name", ["float", "double", "short"])
def test_static_shared_memory(kernel, name):
    x = np.arange(3 * 40, dtype=SCALARS[name])
    for schedule in random_schedules:
        y = np.zeros_like(x)
        with scheduled(schedule):
            kernel(f"statics<{name}>")((3,), (40,), (x, y))
        assert np.array_equal(y.reshape(3, 40), x.reshape(3, 40)[:, ::-1] + np.arange(40)[::-1])


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("dynamic_floats", "float32"),
        ("dynamic_bytes<float>", "float32"),
        ("dynamic_bytes<double>", "float64"),
        ("dynamic_bytes<char>", "int8"),
    ],
)
def test_dynamic_shared_memory(kernel, name, dtype):
    x = np.arange(100, dtype=dtype)
    for schedule in random_schedules:
        y = np.zeros_like(x)
        with scheduled(schedule):
            kernel(name)((1,), (100,), (x, y), shared_mem=x.nbytes)
        assert np.array_equal(y, x[::-1])


def test_dynamic_shared_memory_under_two_names(kernel):
    y = np.zeros(33, np.int32)
    kernel("two_names")((1,), (32,), (y,), shared_mem=4 * 32)
    assert y[:32].tolist() == [*range(31, -1, -1)]
    assert y[32] == 0, "CUDA aligns it to 16 bytes"


def test_all_of_dynamic_shared_memory(kernel):
    size = 227 * 1024
    y = np.zeros(size, np.uint8)
    kernel("last_dynamic_byte")((1,), (32,), (y, np.int32(size)), shared_mem=size)
    assert np.array_equal(y, (np.arange(size) % 251)[::-1])


def test_dynamic_shared_memory_in_an_included_file(scratch, tmp_path):
    (tmp_path / "scratch.cuh").write_text(
        "template <class T> __device__ T* scratch() {\n"
        "    extern __shared__ unsigned char bytes[];\n"
        "    return reinterpret_cast<T*>(bytes);\n"
        "}\n"
    )
    file = tmp_path / "kernel.cu"
    file.write_text(
        '#include "scratch.cuh"\n'
        "__global__ void swap(int* y) {\n"
        "    scratch<int>()[threadIdx.x] = threadIdx.x;\n"
        "    __syncthreads();\n"
        "    y[threadIdx.x] = scratch<int>()[1 - threadIdx.x];\n"
        "}\n"
    )
    y = np.zeros(2, np.int32)
    RawModule(path=file).get_function("swap")((1,), (2,), (y,), shared_mem=8)
    assert y.tolist() == [1, 0]


@settings(deadline=None, max_examples=30)
@given(
    log_threads=st.integers(0, 6),
    blocks=st.integers(1, 5),
    seed=st.integers(0, 2**32),
    schedule=st.builds(Schedule.from_seed, st.integers(0, 9)),
)
def test_barriers_in_loops_and_functions(kernel, log_threads, blocks, seed, schedule):
    threads = 2**log_threads
    x = np.random.default_rng(seed).integers(-1000, 1000, (blocks, threads), dtype=np.int32)
    y = np.zeros(blocks, np.int32)
    with scheduled(schedule):
        kernel("block_sums")((blocks,), (threads,), (x, y))
    assert np.array_equal(y, x.sum(1))


@pytest.mark.parametrize("check", [False, True], ids=["plain", "checked"])
@pytest.mark.parametrize("order", ["in order", "reversed", "random", "preemptive"])
def test_a_thread_keeps_its_values_over_barriers(kernel, check, order):
    threads, rounds, t = 70, 9, np.arange(70)
    rng = np.random.default_rng(3)
    x, v = rng.integers(0, 2**63, (threads, 12), np.uint64), rng.integers(-99, 99, (threads, 12)).astype(float)
    y, w = np.empty((threads, 20), np.uint64), np.empty((threads, 12))
    with scheduled(Schedule(order, 5)), checked() if check else nullcontext():
        kernel("keep")((1,), (threads,), (x, v, y, w, np.int32(rounds)))
    wide = x[:, :8].copy()
    for turn in range(rounds):
        for i in range(12):
            x[:, i] += x[:, (i + 1) % 12] * (turn + t).astype(np.uint64)
            v[:, i] += v[:, (i + 5) % 12]
        wide[t, (turn + t) % 8] ^= x[:, 0]
    assert np.array_equal(y, np.hstack([x, wide]))
    assert np.array_equal(w, v)


# -- what a kernel may say ---------------------------------------------------------------------------


def test_vocabulary(kernel):
    x, y, count = np.array([2, 3, 4, 25], np.float32), np.zeros(10, np.float32), np.full(1, 7, np.uint32)
    kernel("vocabulary")((1,), (1,), (x, y, count))
    assert y.tolist() == [2, 3, 10, 2, 32, 2, 3, 5, 3, 7]
    assert count[0] == 9


@pytest.mark.parametrize(
    ("call", "dtype"),
    [("atomicAdd(x, 1)", "uint32"), ("atomicAdd(x, 1)", "float32"), ("atomicAdd(x, 1.0)", "float32")],
    ids=["unsigned-int", "float-int", "float-double"],
)
def test_the_operand_of_an_atomic_is_converted(compiler, call, dtype):
    # In CUDA the address chooses the overload, and the value follows.
    name = {"uint32": "unsigned", "float32": "float"}[dtype]
    x = np.zeros(1, dtype)
    RawKernel(f"__global__ void count({name}* x) {{ {call}; }}", "count")((1,), (5,), (x,))
    assert x[0] == 5


@pytest.mark.parametrize("header", ["stdint.h", "limits.h", "float.h", "string.h", "stdio.h", "math.h", "assert.h"])
def test_headers_of_c_can_be_included(compiler, header):
    kernel = RawKernel(f"#include <{header}>\n__global__ void one(int* y) {{ *y = min(1, 2); }}\n", "one")
    assert value_of(kernel) == 1


# -- modules --------------------------------------------------------------------------------------------


def test_templates_are_found_by_name_expression(kernel):
    x = np.arange(4, dtype=np.float32)
    kernel("scale<float, 3, false>")((1,), (4,), (x,))
    assert x.tolist() == [0, 3, 6, 9]
    y = np.arange(4, dtype=np.int32)
    kernel("scale<int, 5, true>")((1,), (4,), (y,))
    assert y.tolist() == [0, -5, -10, -15]


def test_plain_kernels_need_no_name_expression(kernel):
    for name in ("positions", "add_one", "mixed"):  # extern "C" or not
        assert kernel(name).name == name


def test_an_unknown_kernel_lists_the_known(kernel):
    with pytest.raises(ValueError, match="has no kernel 'ad_one'") as raised:
        kernel("ad_one")
    for name in ("add_one", "positions", "scale<float, 3, false>"):
        assert name in str(raised.value)
    assert "commented_out" not in str(raised.value)
    with pytest.raises(ValueError, match="has no kernel 'scale'"):  # a template is no kernel yet
        kernel("scale")
    with pytest.raises(ValueError, match="none"):
        RawModule(code="__device__ int nothing() { return 0; }").get_function("nothing")


def test_exactly_one_of_code_and_path(tmp_path):
    with pytest.raises(TypeError, match="exactly one of code and path"):
        RawModule()
    with pytest.raises(TypeError, match="exactly one of code and path"):
        RawModule(code="", path=tmp_path / "kernel.cu")
    with pytest.raises(FileNotFoundError, match=r"kernel\.cu"):
        RawModule(path=tmp_path / "kernel.cu")


def test_code_for_cupy_runs_with_another_import(compiler):
    cp = simulator
    add = cp.RawKernel(
        'extern "C" __global__ void add(const float* a, const float* b, float* y) {'
        " int i = blockDim.x * blockIdx.x + threadIdx.x; y[i] = a[i] + b[i]; }",
        "add",
    )
    a = cp.asarray(range(25), dtype=np.float32)
    b, y, z = cp.zeros_like(a), cp.zeros((5, 5), dtype=np.float32), cp.empty_like(a)
    b[:] = 2
    add((5,), (5,), (a, b, y))
    add((5,), (5,), (a, y, z))
    assert cp.asnumpy(z).tolist() == [2 * i + 2 for i in range(25)]
    assert cp.asarray(a) is a
    assert cp.asarray(a, np.float64).dtype == np.float64
    assert simulator.memory.fence_of(cp.asarray(a, np.float64)) is not None
    assert simulator.memory.fence_of(cp.asnumpy(a)) is None
    assert cp.zeros(3).dtype == cp.empty(3).dtype == np.float64


def test_raw_kernel(compiler):
    kernel = RawKernel('extern "C" __global__ void set(int* y) { *y = N; }', "set", options=("-DN=4",))
    assert isinstance(kernel, RawKernel)
    assert kernel.name == "set"
    assert value_of(kernel) == 4


def test_options_define(compiler):
    code = "__global__ void set(int* y) { *y = N; }"
    for n in (3, 4, 3):  # and one definition does not stay for the other
        assert value_of(RawKernel(code, "set", options=(f"-DN={n}",))) == n
    assert value_of(RawKernel(code, "set", options=("-DN=3", "-UN", "-DN=5"))) == 5


def test_options_that_only_nvrtc_has_are_accepted(compiler):
    options = ("--std=c++17", "-use_fast_math", "-arch=sm_90", "-DN=3", "--generate-line-info")
    assert value_of(RawKernel("__global__ void set(int* y) { *y = N; }", "set", options=options)) == 3


def test_definitions_may_be_spelt_out(compiler):
    # NVRTC's long forms of -D. Ignoring one would compile another kernel than the one that was meant.
    code = "#ifndef N\n#define N 1\n#endif\n__global__ void set(int* y) { *y = N; }"
    assert value_of(RawKernel(code, "set", options=("--define-macro=N=3",))) == 3


def test_a_kernel_that_a_definition_leaves_out(compiler):
    code = """
#ifdef EVERYTHING
__global__ void other(int* y) { *y = 1; }
#endif
__global__ void set(int* y) { *y = 2; }
"""
    assert value_of(RawKernel(code, "set")) == 2
    assert value_of(RawKernel(code, "other", options=("-DEVERYTHING",))) == 1


def test_a_kernel_that_a_macro_writes(compiler):
    code = """
#define KERNEL(NAME, value) __global__ void NAME(int* y) { *y = value; }
KERNEL(one, 1)
KERNEL(two, 2)
"""
    module = RawModule(code=code, name_expressions=("one", "two"))
    assert value_of(module.get_function("one")) == 1
    assert value_of(module.get_function("two")) == 2


def test_a_kernel_in_a_namespace(compiler):
    code = "namespace house { __global__ void set(int* y) { *y = 3; } }"
    assert value_of(RawModule(code=code, name_expressions=("house::set",)).get_function("house::set")) == 3


def test_two_modules_with_the_same_names(compiler):
    # Neither kernels nor the static memory of template instances may be found in the other library.
    code = "template <class T> __global__ void set(T* y) { __shared__ T s; if (N == 2) s = 2; *y = 10 * N + s; }"
    modules = [RawModule(code=code, options=(f"-DN={n}",), name_expressions=("set<int>",)) for n in (1, 2, 3)]
    with scheduled(Schedule(poison=7)):  # which modules 1 and 3 read
        for _ in range(2):
            assert [value_of(module.get_function("set<int>")) for module in modules] == [17, 22, 37]


# -- files -----------------------------------------------------------------------------------------------


def written(folder, files):
    """Writes the files and returns the value that ``kernel.cu``'s kernel sets."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    return value_of(RawModule(path=folder / "kernel.cu").get_function("set"))


SET_N = "__global__ void set(int* y) { *y = N; }\n"


def test_an_included_file_lies_beside_its_includer(scratch, tmp_path):
    assert written(tmp_path, {"kernel.cu": '#include "n.cuh"\n' + SET_N, "n.cuh": "#define N 3\n"}) == 3


def test_an_included_file_in_a_folder_of_the_options(scratch, tmp_path):
    folder = tmp_path / "include"
    folder.mkdir()
    (folder / "n.cuh").write_text("#define N 3\n")
    module = RawModule(code='#include "n.cuh"\n' + SET_N, options=(f"-I{folder}",))
    assert value_of(module.get_function("set")) == 3


@pytest.mark.parametrize("name", ["n.cuh", "below/n.cuh"])
def test_a_new_file_that_comes_earlier_is_found(scratch, tmp_path, name):
    options = tuple(f"-I{tmp_path / folder}" for folder in ("first", "second", "third"))
    for n, folder in ((3, "third"), (2, "second"), (1, "first"), (0, ".")):
        file = tmp_path / folder / name
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text(f"#define N {n}\n")
        (tmp_path / "kernel.cu").write_text(f'#include "{name}"\n{SET_N}')
        module = RawModule(path=tmp_path / "kernel.cu", options=options)
        assert value_of(module.get_function("set")) == n


@pytest.mark.parametrize(
    "files",
    [
        {"kernel.cu": '#include "n.cuh"\n' + SET_N},
        {"kernel.cu": '#include "m.cuh"\n' + SET_N, "m.cuh": '#pragma once\n  #  include "n.cuh"\n'},
        {"kernel.cu": '#include "below/m.cuh"\n' + SET_N, "below/m.cuh": '#include "../n.cuh"\n'},
        {"kernel.cu": "#include <n.cuh>\n" + SET_N},
    ],
    ids=["directly", "through another", "through another folder", "in angle brackets"],
)
def test_an_edited_included_file_is_compiled_anew(scratch, tmp_path, files):
    for n in (1, 2):
        assert written(tmp_path, {**files, "n.cuh": f"#define N {n}\n"}) == n


def test_an_edited_file_of_an_included_folder_is_compiled_anew(scratch, tmp_path):
    files = {"kernel.cu": '#include "below/m.cuh"\n' + SET_N, "below/m.cuh": '#include "n.cuh"\n'}
    for n in (1, 2):
        assert written(tmp_path, {**files, "below/n.cuh": f"#define N {n}\n"}) == n


@pytest.mark.parametrize("name", ["order.h", "block.h", "abi.h", "thunk.h"])
def test_a_file_may_have_the_name_of_one_of_the_runtime(scratch, tmp_path, name):
    assert written(tmp_path, {"kernel.cu": f'#include "{name}"\n' + SET_N, name: "#define N 3\n"}) == 3


def test_a_kernel_may_lie_in_an_included_file(scratch, tmp_path):
    assert written(tmp_path, {"kernel.cu": '#define N 3\n#include "set.cuh"\n', "set.cuh": SET_N}) == 3


def test_odd_names_of_folders(scratch, tmp_path):
    files = {"kernel.cu": '#include "n.cuh"\n' + SET_N, "n.cuh": "#define N 3\n"}
    assert written(tmp_path / "a b ü", files) == 3


BROKEN = "\n\n__global__ void broken(int* y) {\n    *y = undeclared_name;\n}\n"


def test_a_compile_error_names_the_file_and_line(scratch, tmp_path):
    file = tmp_path / "broken.cu"
    file.write_text(BROKEN)
    with pytest.raises(CompileError, match="undeclared_name") as raised:
        RawModule(path=file).get_function("broken")
    assert f"{file}:4:" in str(raised.value)


def test_a_compile_error_in_an_included_file_names_that(scratch, tmp_path):
    (tmp_path / "broken.cuh").write_text(BROKEN)
    file = tmp_path / "kernel.cu"
    file.write_text('#include "broken.cuh"\n')
    with pytest.raises(CompileError, match=r"broken\.cuh:4:"):
        RawModule(path=file).get_function("broken")


def test_a_compile_error_in_text_names_the_line(compiler):
    with pytest.raises(CompileError, match="<code>:4:"):
        RawModule(code=BROKEN).get_function("broken")


def test_a_name_expression_that_names_nothing_is_quoted(compiler):
    with pytest.raises(CompileError, match="scael"):
        RawModule(code=SET_N, options=("-DN=1",), name_expressions=("scael<float>",)).get_function("set")


# -- launches that are refused -----------------------------------------------------------------------

F4, I4 = np.zeros(4, np.float32), np.int32(4)


@pytest.mark.parametrize("arguments", [(), (F4,), (F4, F4), (F4, F4, I4, I4)], ids=len)
def test_a_wrong_number_of_arguments(kernel, arguments):
    with pytest.raises(TypeError, match=rf"add_one takes 3 arguments .*float\* .*y, int n.*got {len(arguments)}"):
        kernel("add_one")((1,), (1,), arguments)


@pytest.mark.parametrize(
    ("n", "said"),
    [
        (4, "the int 4 has no size: pass a numpy.int32"),
        (4.0, "the float 4.0 has no size"),
        (True, "the bool True has no size"),
        (np.int64(4), "int64"),
        (np.int16(4), "int16"),
        (np.uint32(4), "uint32"),
        (np.float32(4), "float32"),
        (np.bool_(True), "bool"),
        (np.zeros(2, np.int32), r"shape \(2,\)"),
        (np.zeros(0, np.int32), r"shape \(0,\)"),
        ("4", "the str '4'"),
        ([4], "the list"),
        (None, "the NoneType None"),
        (np.array(4, np.dtype(np.int32).newbyteorder()), "byte order"),
    ],
    ids=repr,
)
def test_a_wrong_scalar(kernel, n, said):
    with pytest.raises(TypeError, match=said) as raised:
        kernel("add_one")((1,), (4,), (F4, F4.copy(), n))
    assert "add_one: argument 2 (int n)" in str(raised.value)


@pytest.mark.parametrize("name", [name for name in SCALARS if name != "bool"])
def test_a_scalar_of_a_neighbouring_type(kernel, name):
    dtype = np.dtype(SCALARS[name])
    for other in {*SCALARS.values()} - {dtype.name}:
        with pytest.raises(TypeError, match=other):
            kernel(f"echo<{name}>")((1,), (1,), (np.zeros((), other), np.zeros((), dtype)))


@pytest.mark.parametrize(
    ("struct", "said"),
    [
        (np.zeros((), np.float32), "float32"),
        (np.zeros((), [("a", "i1"), ("b", "f8")]), "bytes"),
        (np.zeros((), OUTER).item(), "tuple"),
        (1, "structured dtype"),
        (np.zeros(2, OUTER), "shape"),
        (np.zeros((), OUTER.newbyteorder()), "byte order"),
    ],
    ids=["scalar", "another struct", "tuple", "int", "two structs", "byte order"],
)
def test_a_wrong_struct(kernel, struct, said):
    with pytest.raises(TypeError, match=said) as raised:
        kernel("by_value")((1,), (1,), (struct, np.zeros(10), I4))
    assert "argument 0 (Outer s)" in str(raised.value)


@pytest.mark.parametrize(
    ("y", "error", "said"),
    [
        (np.zeros(4), TypeError, "float64"),
        (np.zeros(4, np.int32), TypeError, "int32"),
        (np.zeros(4, np.uint8), TypeError, "uint8"),
        (np.zeros(4, np.complex64), TypeError, "complex64"),
        (np.array([1.0, None]), TypeError, "object"),
        (np.zeros(4, ">f4"), TypeError, "byte order"),
        ([0.0] * 4, TypeError, "list"),
        (np.float32(0), TypeError, "float32"),
        (0, TypeError, "the int 0"),
        (np.zeros(8, np.float32)[::2], ValueError, "contiguous"),
        (np.zeros(4, np.float32)[::-1], ValueError, "contiguous"),
        (np.zeros((3, 2), np.float32).T, ValueError, "contiguous"),
        (np.broadcast_to(np.zeros(4, np.float32), (4, 4)), ValueError, "contiguous"),
    ],
    ids=[
        "double", "int", "bytes", "complex", "objects", "byte order", "list", "scalar", "address",
        "every other", "backwards", "transposed", "broadcast",
    ],
)  # fmt: skip
def test_a_wrong_array(kernel, y, error, said):
    with pytest.raises(error, match=said) as raised:
        kernel("add_one")((1,), (4,), (F4, y, I4))
    assert "argument 1 (float* __restrict__ y)" in str(raised.value)


def test_the_array_of_a_pointer_to_volatile_has_a_type_too(kernel):
    with pytest.raises(TypeError, match="float64"):
        kernel("into_volatile")((1,), (1,), (np.zeros(4),))


@pytest.mark.parametrize("place", [np.array, simulator.copy], ids=["ordinary", "device"])
def test_a_read_only_array_is_never_written_in_silence(kernel, place):
    y = place(F4)
    y.flags.writeable = False
    with pytest.raises((ValueError, OutOfBounds), match="read-only"):
        kernel("add_one")((1,), (4,), (F4, y, I4))
    assert (y == 0).all()


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        *itertools.product(("grid", "block"), [(), (0,), (-1,), (1, 0), (1, 1, 0), (1, 1, 1, 1)]),
        ("grid", (2**31,)),
        ("grid", (1, 65536)),
        ("grid", (1, 1, 65536)),
        ("block", (1025,)),
        ("block", (1, 1025)),
        ("block", (1, 1, 65)),
        ("block", (33, 32)),
        ("block", (16, 16, 5)),
        ("block", (2**32,)),
        ("shared_mem", -1),
        ("shared_mem", 227 * 1024 + 1),
        ("shared_mem", 2**32),
    ],
    ids=str,
)
def test_a_launch_that_fits_no_gpu(kernel, argument, value):
    launch = {"grid": (1,), "block": (1,), "shared_mem": 0, argument: value}
    with pytest.raises(ValueError, match=argument):
        kernel("add_one")(launch["grid"], launch["block"], (F4, F4.copy(), I4), shared_mem=launch["shared_mem"])


@pytest.mark.parametrize(
    ("argument", "value"),
    [("grid", (1.5,)), ("grid", ("1",)), ("grid", 1), ("block", (2.0,)), ("block", None), ("shared_mem", 1.5)],
    ids=str,
)
def test_a_launch_whose_sizes_are_no_whole_numbers(kernel, argument, value):
    launch = {"grid": (1,), "block": (1,), "shared_mem": 0, argument: value}
    with pytest.raises((TypeError, ValueError), match=argument):
        kernel("add_one")(launch["grid"], launch["block"], (F4, F4.copy(), I4), shared_mem=launch["shared_mem"])


def test_sizes_may_be_numpy_integers(kernel):
    x = np.arange(4, dtype=np.float32)
    kernel("dynamic_floats")((np.int64(1),), np.array([4]), (x, x), shared_mem=np.int64(16))


def test_a_refused_launch_changes_nothing(kernel):
    y = np.full(4, 7, np.float32)
    for arguments in ((F4, y, 4), (F4, y), (None, y, np.int64(4))):
        with pytest.raises(TypeError):
            kernel("add_one")((1,), (4,), arguments)
    assert (y == 7).all()


# -- several launches at once -----------------------------------------------------------------------


def test_threads_of_python_may_launch(kernel):
    failures = []

    def launch(number):
        x = np.full(64 * 8, number, np.int32)
        for _ in range(50):
            y = np.zeros(8, np.int32)
            with scheduled(Schedule("random", number)):
                kernel("block_sums")((8,), (64,), (x, y))
            if not (y == 64 * number).all():
                failures.append((number, y))

    threads = [threading.Thread(target=launch, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_modules_share_their_stacks():
    # Each stack has a guard page, and Linux allows a process 65,530 mappings: many kernels would use them up.
    def mappings():
        return len(Path("/proc/self/maps").read_text().splitlines())

    before = None
    for number in range(4):
        code = f'extern "C" __global__ void number(int* out) {{ out[threadIdx.x] = threadIdx.x + {number}; }}'
        out = np.zeros(1024, np.int32)
        RawModule(code=code).get_function("number")((1,), (1024,), (out,))
        assert np.array_equal(out, np.arange(1024) + number)
        before = before or mappings()
    assert mappings() - before < 300
