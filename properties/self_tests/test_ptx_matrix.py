"""mma.sync and ldmatrix on the simulator: the layouts of PTX's manual, by element, and sums in the order of k."""

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from refconv_cuda.simulator import RawModule, Schedule, scheduled

SOURCE = Path(__file__).parent / "ptx" / "matrix.cu"


@pytest.fixture(scope="module")
def kernel(compiler):
    return RawModule(path=SOURCE).get_function


# -- where the elements lie: the formulas of the PTX manual's figures, in its own words ----------------------------
# Each: row and column of element i of a lane's fragment, for groupID = lane >> 2 and t = threadID_in_group = lane % 4.


def a_16_bits_k16(g, t, i):
    return g if i in (0, 1, 4, 5) else g + 8, 2 * t + (i & 1) + (8 if i >= 4 else 0)


def a_16_bits_k8(g, t, i):
    return g if i < 2 else g + 8, 2 * t + (i & 1)


def a_tf32_k8(g, t, i):
    return g if i in (0, 2) else g + 8, t if i < 2 else t + 4


def a_tf32_k4(g, t, i):
    return g if i == 0 else g + 8, t


def a_bytes_k32(g, t, i):
    return g if i < 4 or 8 <= i < 12 else g + 8, 4 * t + (i & 3) + (16 if i >= 8 else 0)


def a_bytes_k16(g, t, i):
    return g if i < 4 else g + 8, 4 * t + (i & 3)


def b_16_bits(g, t, i):
    return 2 * t + (i & 1) + (8 if i >= 2 else 0), g


def b_tf32(g, t, i):
    return t + 4 * i, g


def b_bytes(g, t, i):
    return 4 * t + (i & 3) + (16 if i >= 4 else 0), g


def c_16_rows(g, t, i):
    return g if i < 2 else g + 8, 2 * t + (i & 1)


def c_8_rows(g, t, i):
    return g, 2 * t + i


BFLOAT, HALF, FLOAT, DOUBLE = ml_dtypes.bfloat16, np.float16, np.float32, np.float64
# The kernel: m, k; dtype and layout of A, of B, of C; what sums are formed in.
SHAPES = {
    "m16n8k16_f16": (16, 16, HALF, a_16_bits_k16, HALF, b_16_bits, FLOAT, c_16_rows, FLOAT),
    "m16n8k16_bf16": (16, 16, BFLOAT, a_16_bits_k16, BFLOAT, b_16_bits, FLOAT, c_16_rows, FLOAT),
    "m16n8k16_f16_f16": (16, 16, HALF, a_16_bits_k16, HALF, b_16_bits, HALF, c_16_rows, FLOAT),
    "m16n8k8_f16": (16, 8, HALF, a_16_bits_k8, HALF, b_16_bits, FLOAT, c_16_rows, FLOAT),
    "m16n8k8_bf16": (16, 8, BFLOAT, a_16_bits_k8, BFLOAT, b_16_bits, FLOAT, c_16_rows, FLOAT),
    "m16n8k8_f16_f16": (16, 8, HALF, a_16_bits_k8, HALF, b_16_bits, HALF, c_16_rows, FLOAT),
    "m16n8k8_tf32": (16, 8, FLOAT, a_tf32_k8, FLOAT, b_tf32, FLOAT, c_16_rows, FLOAT),
    "m16n8k4_tf32": (16, 4, FLOAT, a_tf32_k4, FLOAT, b_tf32, FLOAT, c_16_rows, FLOAT),
    "m8n8k4_f64": (8, 4, DOUBLE, lambda g, t, i: (g, t), DOUBLE, lambda g, t, i: (t, g), DOUBLE, c_8_rows, DOUBLE),
    "m16n8k32_s8": (16, 32, np.int8, a_bytes_k32, np.int8, b_bytes, np.int32, c_16_rows, np.int64),
    "m16n8k32_u8_s8": (16, 32, np.uint8, a_bytes_k32, np.int8, b_bytes, np.int32, c_16_rows, np.int64),
    "m16n8k16_s8": (16, 16, np.int8, a_bytes_k16, np.int8, b_bytes, np.int32, c_16_rows, np.int64),
    "m8n8k16_u8": (8, 16, np.uint8, lambda g, t, i: (g, 4 * t + i), np.uint8, b_bytes, np.int32, c_8_rows, np.int64),
}


def places(shape, layout):
    """For each lane and each of its elements, the index in a matrix of that shape."""
    each = shape[0] * shape[1] // 32
    rows, columns = zip(*(layout(lane >> 2, lane % 4, i) for lane in range(32) for i in range(each)), strict=True)
    return np.array(rows).reshape(32, each), np.array(columns).reshape(32, each)


def registers(matrix, layout):
    """A matrix as the lanes hold it."""
    fragments = np.ascontiguousarray(matrix[places(matrix.shape, layout)])
    return fragments if fragments.itemsize == 8 else fragments.view(np.uint32)


def product(kernel, name, a, b, c):
    """D as the simulator computes it."""
    _, _, _, layout_a, _, layout_b, dtype, layout_c, _ = SHAPES[name]
    held_c = registers(c, layout_c)
    # As the kernel's parameters have it: two halves in a register are a whole number.
    held_c = held_c if dtype == HALF else held_c.view(dtype)
    held_d = np.zeros_like(held_c)
    kernel(name)((1,), (32,), (registers(a, layout_a), registers(b, layout_b), held_c, held_d))
    d = np.zeros_like(c)
    d[places(c.shape, layout_c)] = held_d.view(dtype)
    return d


def test_every_element_has_one_place():
    for m, k, _, layout_a, _, layout_b, _, layout_c, _ in SHAPES.values():
        for shape, layout in (((m, k), layout_a), ((k, 8), layout_b), ((m, 8), layout_c)):
            seen = np.zeros(shape, int)
            np.add.at(seen, places(shape, layout), 1)
            assert (seen == 1).all()


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_products_of_small_integers_are_exact(kernel, name, seed):
    m, k, a_dtype, _, b_dtype, _, c_dtype, _, _ = SHAPES[name]
    rng = np.random.default_rng(seed)
    a, b = (rng.integers(0 if d == np.uint8 else -4, 5, s).astype(d) for d, s in ((a_dtype, (m, k)), (b_dtype, (k, 8))))
    c = rng.integers(-9, 10, (m, 8)).astype(c_dtype)
    with scheduled(Schedule.from_seed(seed)):
        d = product(kernel, name, a, b, c)
    assert np.array_equal(d.astype(float), a.astype(float) @ b.astype(float) + c.astype(float))


def random_bits(rng, shape, dtype):
    return rng.integers(0, 256, (*shape[:-1], shape[-1] * np.dtype(dtype).itemsize), dtype=np.uint8).view(dtype)


def truncated(matrix):
    """As tf32: the low 13 bits do not count."""
    return (matrix.view(np.uint32) & 0xFFFFE000).view(np.float32)


@pytest.mark.parametrize("name", SHAPES)
def test_sums_go_in_the_order_of_k_whatever_the_bits(kernel, name):
    m, k, a_dtype, _, b_dtype, _, c_dtype, _, sum_dtype = SHAPES[name]
    rng = np.random.default_rng(len(name))
    for round_ in range(4):
        a, b = random_bits(rng, (m, k), a_dtype), random_bits(rng, (k, 8), b_dtype)
        c = random_bits(rng, (m, 8), c_dtype)
        if round_ < 3 and np.dtype(c_dtype).kind == "f":  # else a NaN is almost everywhere
            a, b, c = (rng.normal(0, 10.0**round_, x.shape).astype(x.dtype) for x in (a, b, c))
        if np.dtype(c_dtype).kind == "i":  # sums wrap around, or are brought into range
            c[:4], c[4:8] = 2**31 - 1, -(2**31)
        d = product(kernel, name, a, b, c)
        left, right = (truncated(x) if "tf32" in name else x for x in (a, b))
        with np.errstate(all="ignore"):
            sums = c.astype(sum_dtype)
            for i in range(k):
                sums = sums + left[:, i : i + 1].astype(sum_dtype) * right[i].astype(sum_dtype)
            if name == "m16n8k32_u8_s8":  # .satfinite
                sums = np.clip(sums, -(2**31), 2**31 - 1)
            wanted = sums.astype(c_dtype)
        assert wanted.dtype == d.dtype
        assert np.array_equal(d, wanted, equal_nan=np.dtype(c_dtype).kind == "f")


def test_infinities_and_nans(kernel):
    a, b, c = np.zeros((16, 16), HALF), np.ones((16, 8), HALF), np.zeros((16, 8), FLOAT)
    a[0, 3], a[1, 4], a[2, 5:7] = np.inf, np.nan, (np.inf, -np.inf)
    a[3, 0], b[0, 1] = 1, np.inf
    a[4, 2], c[4] = -np.inf, np.inf
    d = product(kernel, "m16n8k16_f16", a, b, c)
    assert d[0, 0] == np.inf
    assert np.isnan(d[[1, 2, 4], 0]).all()
    assert d[3, 1] == np.inf
    assert np.isnan(d[5, 1])  # 0 times infinity
    assert (d[5, 2:] == 0).all()


@pytest.mark.parametrize("name", ["x1", "x2", "x4", "x1_trans", "x2_trans", "x4_trans"])
@pytest.mark.parametrize("seed", range(3))
def test_ldmatrix(kernel, name, seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2**16, 64 * 8).astype(np.uint16)
    starts = (rng.permutation(64)[:32] * 8).astype(np.int32)
    count = int(name[1])
    at = starts.copy()
    at[8 * count :] = -(10**6)  # of no row: nobody asks for it
    y = np.zeros((32, count), np.uint32)
    with scheduled(Schedule.from_seed(seed)):
        kernel(name)((1,), (32,), (x, at, y))
    for lane in range(32):
        for i in range(count):
            matrix = np.stack([x[starts[8 * i + j] :][:8] for j in range(8)])
            matrix = matrix.T if "trans" in name else matrix
            pair = matrix[lane // 4, lane % 4 * 2 :][:2]
            assert y[lane, i] == int(pair[0]) | int(pair[1]) << 16


@pytest.mark.parametrize("name", ["st_x1", "st_x2_trans", "st_x4", "st_x4_trans"])
@pytest.mark.parametrize("seed", range(3))
def test_stmatrix(kernel, name, seed):
    rng = np.random.default_rng(seed)
    count = int(name[4])
    x = rng.integers(0, 2**32, (32, count), dtype=np.uint64).astype(np.uint32)
    starts = (rng.permutation(64)[:32] * 8).astype(np.int32)
    at = starts.copy()
    at[8 * count :] = -(10**6)
    y, wanted = np.zeros(64 * 8, np.uint16), np.zeros(64 * 8, np.uint16)
    with scheduled(Schedule.from_seed(seed)):
        kernel(name)((1,), (32,), (x, at, y))
    for i in range(count):
        matrix = np.ascontiguousarray(x[:, i]).view(np.uint16).reshape(8, 8)
        matrix = matrix.T if "trans" in name else matrix
        for j in range(8):
            wanted[starts[8 * i + j] :][:8] = matrix[j]
    assert np.array_equal(y, wanted)


def test_movmatrix(kernel):
    x = np.random.default_rng(0).integers(0, 2**16, (8, 8)).astype(np.uint16)
    y = np.zeros(32, np.uint32)
    kernel("movmatrix")((1,), (32,), (x.view(np.uint32).ravel(), y))
    assert np.array_equal(y.view(np.uint16).reshape(8, 8), x.T)
