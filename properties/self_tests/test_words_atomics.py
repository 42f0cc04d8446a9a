"""Atomic operations: what they leave behind and what they return, for every type, scope and order of threads."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refconv_cuda.simulator import CompileError, OutOfBounds, RawKernel, RawModule, Schedule, scheduled

MASK32 = 2**32 - 1

SOURCE = r"""
#include <cuda_fp16.h>
#include <cuda_bf16.h>

#define ON_EACH(name) \
    template <class T> __global__ void name##_on_each(T* y, const T* x, T* old) { \
        int i = threadIdx.x; \
        old[i] = name(y + i, x[i]); \
        old[i] = name##_block(y + i, x[i]); \
        old[i] = name##_system(y + i, x[i]); \
    }
ON_EACH(atomicAdd)
ON_EACH(atomicSub)
ON_EACH(atomicExch)
ON_EACH(atomicMin)
ON_EACH(atomicMax)
ON_EACH(atomicAnd)
ON_EACH(atomicOr)
ON_EACH(atomicXor)
ON_EACH(atomicInc)
ON_EACH(atomicDec)
template <class T> __global__ void atomicCAS_on_each(T* y, const T* x, T* old) {
    int i = threadIdx.x;
    T expected = i % 2 ? y[i] : T(y[i] + 1);
    old[i] = atomicCAS(y + i, expected, x[i]);
    old[i] = atomicCAS_block(y + i, x[i], T(x[i] + 1));
    old[i] = atomicCAS_system(y + i, T(x[i] + 1), T(x[i] + 2));
}

template <class T>
__global__ void sums(const T* x, T* global, T* shared_too, int n) {
    __shared__ T sum;
    if (threadIdx.x == 0) sum = T(0.0f);
    __syncthreads();
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        atomicAdd(global, x[i]);
        atomicAdd(&sum, x[i]);
    }
    __syncthreads();
    if (threadIdx.x == 0) atomicAdd(shared_too, sum);
}
__global__ void vectors(float2* y, float4* z, __half2* h, __nv_bfloat162* b) {
    atomicAdd(y, make_float2(1, 2));
    atomicAdd(z, make_float4(1, 2, 3, 4));
    atomicAdd(h, __floats2half2_rn(1.0f, 2.0f));
    atomicAdd(b, __floats2bfloat162_rn(1.0f, 2.0f));
}
__global__ void converted(unsigned* u, float* f, double* d, unsigned long long* l) {
    atomicAdd(u, 1), atomicSub(u, 1L), atomicMax(u, 7), atomicAdd(f, 1), atomicAdd(f, 0.5);
    atomicAdd(d, 1), atomicAdd(l, 1);
}

// A lock that every thread takes, and a count that it protects. Threads that spin must let others go on.
__global__ void locked(int* lock, int* count) {
    bool done = false;
    while (!done) {
        if (atomicCAS(lock, 0, 1) == 0) {
            *reinterpret_cast<volatile int*>(count) += 1;
            __threadfence();
            atomicExch(lock, 0);
            done = true;
        }
    }
}
// The last thread to come waits for nobody, all others for the first.
__global__ void turnstile(int* gate, int* order) {
    int me = threadIdx.x;
    while (atomicAdd(gate, 0) != blockDim.x - 1 - me) __nanosleep(10);
    order[me] = atomicAdd(gate, 1);
}
__global__ void flag_by_fence(volatile int* flag, int* y) {
    if (threadIdx.x == blockDim.x - 1) {
        y[0] = 5;
        __threadfence();
        *flag = 1;
    } else {
        while (*flag == 0) __threadfence();
        atomicAdd(y + 1, y[0]);
    }
}
__device__ unsigned ticket;
__global__ void last_block(const int* x, int* parts, int* sum) {
    __shared__ bool last;
    int value = x[blockIdx.x];
    parts[blockIdx.x] = value;
    __threadfence();
    last = atomicInc(&ticket, gridDim.x - 1) == gridDim.x - 1;
    if (!last) return;
    for (int i = 0; i < gridDim.x; ++i) *sum += parts[i];
}
__device__ float atomicMax(float* address, float value) {  // as people write it
    int* bits = reinterpret_cast<int*>(address);
    int old = *bits, assumed;
    do {
        assumed = old;
        old = atomicCAS(bits, assumed, __float_as_int(fmaxf(value, __int_as_float(assumed))));
    } while (assumed != old);
    return __int_as_float(old);
}
__global__ void greatest(const float* x, float* y) { atomicMax(y, x[threadIdx.x]); }
__global__ void beyond(int* y) {
    atomicAdd(y + threadIdx.x, 1);  // BEYOND
}
"""

WRAP = {"int": 32, "unsigned": 32, "unsigned long long": 64, "long long": 64, "unsigned short": 16}
DTYPES = {
    "int": "int32", "unsigned": "uint32", "unsigned long long": "uint64", "long long": "int64", "float": "float32",
    "double": "float64", "unsigned short": "uint16",
}  # fmt: skip
INTEGERS = ("int", "unsigned", "unsigned long long")
OPERATIONS = {
    "atomicAdd": (lambda old, x: old + x, (*INTEGERS, "float", "double")),
    "atomicSub": (lambda old, x: old - x, ("int", "unsigned")),
    "atomicExch": (lambda old, x: x, (*INTEGERS, "float")),
    "atomicMin": (min, (*INTEGERS, "long long")),
    "atomicMax": (max, (*INTEGERS, "long long")),
    "atomicAnd": (lambda old, x: old & x, INTEGERS),
    "atomicOr": (lambda old, x: old | x, INTEGERS),
    "atomicXor": (lambda old, x: old ^ x, INTEGERS),
    "atomicInc": (lambda old, x: 0 if old >= x else old + 1, ("unsigned",)),
    "atomicDec": (lambda old, x: x if old == 0 or old > x else old - 1, ("unsigned",)),
}
CASES = [(name, type_) for name, (_, types) in OPERATIONS.items() for type_ in types]
SWAPPED = ("int", "unsigned", "unsigned long long", "unsigned short")
SUMMED = {
    "int": np.int32,
    "float": np.float32,
    "double": np.float64,
    "__half": np.float16,
    "__nv_bfloat16": ml_dtypes.bfloat16,
}
INSTANCES = (
    *(f"{name}_on_each<{type_}>" for name, type_ in CASES),
    *(f"atomicCAS_on_each<{type_}>" for type_ in SWAPPED),
    *(f"sums<{type_}>" for type_ in SUMMED),
)
SCHEDULES = st.builds(Schedule.from_seed, st.integers(0, 30))


@pytest.fixture(scope="module")
def kernel(compiler):
    return RawModule(code=SOURCE, name_expressions=INSTANCES).get_function


def in_type(value, type_):
    """What is left of a Python number in a C type."""
    if type_ not in WRAP:
        return float(np.dtype(DTYPES[type_]).type(value))
    bits = WRAP[type_]
    value &= 2**bits - 1
    return value - 2**bits if type_ in ("int", "long long") and value >> (bits - 1) else value


def values(type_, n, seed):
    rng = np.random.default_rng(seed)
    if type_ not in WRAP:
        return rng.normal(0, 3, n).astype(DTYPES[type_])
    bits = rng.integers(0, 2**63, n, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    x = (
        bits.astype(DTYPES[type_])
        if WRAP[type_] == 64
        else (bits >> np.uint64(64 - WRAP[type_])).astype(f"u{np.dtype(DTYPES[type_]).itemsize}").view(DTYPES[type_])
    )
    x[: n // 2] = rng.integers(0, 5, n // 2)  # so that counters wrap and extremes meet
    return x


@pytest.mark.parametrize(("name", "type_"), CASES, ids=lambda v: v.replace(" ", "-"))
def test_each_operation(kernel, name, type_):
    operation = OPERATIONS[name][0]
    y, x = values(type_, 64, 1), values(type_, 64, 2)
    before, old = y.copy(), np.zeros_like(y)
    kernel(f"{name}_on_each<{type_}>")((1,), (64,), (y, x, old))
    for i in range(64):
        stages = [before[i].item()]
        for _ in range(3):
            stages.append(in_type(operation(stages[-1], x[i].item()), type_))
        assert (old[i].item(), y[i].item()) == (stages[2], stages[3]), (before[i], x[i])


@pytest.mark.parametrize("type_", SWAPPED)
def test_compare_and_swap(kernel, type_):
    y, x = values(type_, 64, 3), values(type_, 64, 4)
    before, old = y.copy(), np.zeros_like(y)
    kernel(f"atomicCAS_on_each<{type_}>")((1,), (64,), (y, x, old))
    for i in range(64):
        start, new = before[i].item(), x[i].item()
        now = new if i % 2 else start
        if now == new:
            now = in_type(new + 1, type_)
        assert old[i].item() == now
        assert y[i].item() == (in_type(new + 2, type_) if now == in_type(new + 1, type_) else now)


@settings(deadline=None, max_examples=15)
@given(type_=st.sampled_from(sorted(SUMMED)), schedule=SCHEDULES, blocks=st.integers(1, 3), threads=st.integers(1, 80))
def test_sums_of_small_integers_are_exact_in_any_order(kernel, type_, schedule, blocks, threads):
    x = np.random.default_rng(5).integers(-1, 2, 200).astype(SUMMED[type_])
    y, z = np.zeros(1, x.dtype), np.zeros(1, x.dtype)
    raw = [array.view(np.uint16) if array.dtype == ml_dtypes.bfloat16 else array for array in (x, y, z)]
    with scheduled(schedule):
        kernel(f"sums<{type_}>")((blocks,), (threads,), (*raw, np.int32(x.size)))
    assert float(y[0]) == float(z[0]) == x.astype(float).sum()


def test_vectors(kernel):
    y, z = np.zeros(2, np.float32), np.zeros(4, np.float32)
    h, b = np.zeros(2, np.float16), np.zeros(2, ml_dtypes.bfloat16)
    kernel("vectors")((2,), (50,), (y, z, h, b.view(np.uint16)))
    assert y.tolist() == h.tolist() == b.tolist() == [100, 200]
    assert z.tolist() == [100, 200, 300, 400]


def test_operands_convert(kernel):
    u, f, d, n = (np.zeros(1, t) for t in (np.uint32, np.float32, np.float64, np.uint64))
    kernel("converted")((1,), (1,), (u, f, d, n))
    assert [u[0], f[0], d[0], n[0]] == [7, 1.5, 1, 1]


@settings(deadline=None, max_examples=10)
@given(schedule=SCHEDULES)
def test_spinning_threads_let_others_go_on(kernel, schedule):
    lock, count = np.zeros(1, np.int32), np.zeros(1, np.int32)
    with scheduled(schedule):
        kernel("locked")((2,), (96,), (lock, count))
        assert (lock[0], count[0]) == (0, 192)
        gate, order = np.zeros(1, np.int32), np.zeros(40, np.int32)
        kernel("turnstile")((1,), (40,), (gate, order))
        assert order.tolist() == list(range(40))[::-1]
        flag, y = np.zeros(1, np.int32), np.zeros(2, np.int32)
        kernel("flag_by_fence")((1,), (33,), (flag, y))
        assert y.tolist() == [5, 160]
        x, parts, total = np.arange(9, dtype=np.int32), np.zeros(9, np.int32), np.zeros(1, np.int32)
        kernel("last_block")((9,), (1,), (x, parts, total))
        assert total[0] == 36


def test_an_overload_of_the_users_own(kernel):
    x, y = np.random.default_rng(6).normal(0, 9, 64).astype(np.float32), np.float32([-100])
    kernel("greatest")((1,), (64,), (x, y))
    assert y[0] == x.max()


def test_the_checker_sees_atomics_as_such(compiler):
    kernel = RawModule(
        code=SOURCE, name_expressions=("sums<__half>", "atomicCAS_on_each<unsigned short>"), check=True
    ).get_function
    for seed in range(3):
        with scheduled(Schedule.from_seed(seed)):
            x, y, z = np.ones(64, np.float16), np.zeros(1, np.float16), np.zeros(1, np.float16)
            kernel("sums<__half>")((2,), (32,), (x, y, z, np.int32(64)))
            assert y[0] == z[0] == 64
    line = next(i for i, text in enumerate(SOURCE.splitlines(), start=1) if "BEYOND" in text)
    with pytest.raises(OutOfBounds, match=rf":{line}\b"):
        kernel("beyond")((1,), (32,), (np.zeros(31, np.int32),))


@pytest.mark.parametrize(
    ("call", "type_"),
    [
        *(("atomicAdd(y, 1)", "short"), ("atomicSub(y, 1)", "float"), ("atomicAnd(y, 1)", "float")),
        *(("atomicInc(y, 1)", "int"), ("atomicMin(y, 1)", "float"), ("atomicExch(y, 1)", "double")),
        ("atomicCAS(y, 0, 1)", "float"),
    ],
)
def test_what_cuda_does_not_have(compiler, call, type_):
    name = call.split("(")[0]
    with pytest.raises(CompileError, match=f"CUDA has no {name} for this type"):
        RawKernel(f"__global__ void f({type_}* y) {{ {call}; }}", "f")((1,), (1,), (np.zeros(1, np.int32),))
