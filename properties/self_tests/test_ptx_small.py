"""The small instructions of PTX on the simulator, each beside NumPy: arithmetic, conversions, loads and stores."""

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from refconv_cuda.simulator import OutOfBounds, RawModule

SOURCE = Path(__file__).parent / "ptx" / "small.cu"
N = 256


@pytest.fixture(scope="module")
def module(compiler):
    return RawModule(path=SOURCE, check=True)


@pytest.fixture
def kernel(module):
    return module.get_function


def bits(seed, count=3, dtype=np.uint32):
    """Random words, small ones and equal ones among them."""
    rng = np.random.default_rng(seed)
    words = rng.integers(0, 2**32, (count, N), dtype=np.uint64).astype(np.uint32)
    words[:, :64] = rng.integers(0, 70, (count, 64))
    words[1, 64:80] = words[0, 64:80]
    return [word.astype(dtype) if dtype != np.uint32 else word for word in words]


def table(which, a, b, c):
    """A function of three bits, by its table, for every bit of three words."""
    index = np.zeros((N, 32), int)
    for word in (a, b, c):
        index = index * 2 + (word[:, None] >> np.arange(32, dtype=np.uint32) & 1)
    return ((which >> index & 1) << np.arange(32)).sum(axis=1).astype(np.uint32)


def test_integers(kernel):
    a, b, c = bits(1)
    y = np.zeros((24, N), np.uint32)
    kernel("integers")((8,), (32,), (a, b, c, y, np.int32(N)))
    sa, sb = a.view(np.int32), b.view(np.int32)
    by = b.astype(np.uint64)
    wide = a.astype(np.uint64)
    shifted_left = np.where(by < 32, wide << np.minimum(by, 31), 0).astype(np.uint32)
    shifted_right = np.where(by < 32, wide >> np.minimum(by, 31), 0).astype(np.uint32)
    arithmetically = (sa.astype(np.int64) >> np.minimum(by, 31).astype(np.int64)).astype(np.int32).view(np.uint32)
    wanted = [
        *(a + b, a + b, a - b, a * b, a & b, a | b, a ^ b, shifted_left, shifted_right, arithmetically),
        *(np.minimum(sa, sb).view(np.uint32), np.maximum(a, b), a * b + c),
        *(table(0x96, a, b, c), table(0x1B, a, b, c), ~a),
        *(a < b, sa < sb, sa >= sb, a == b, a > b),
        *(a << np.uint32(16) | a >> np.uint32(16), np.where(a < b, a, c + 1), a + 1),
    ]
    assert np.array_equal(y[13], a ^ b ^ c)
    for i, column in enumerate(wanted):
        assert np.array_equal(y[i], column), i


def test_longs(kernel):
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 2**64, (2, N), dtype=np.uint64)
    y = np.zeros((9, N), np.uint64)
    kernel("longs")((8,), (32,), (a, b, y, np.int32(N)))
    low_a, low_b = (x.astype(np.uint32) for x in (a, b))
    signed = low_a.view(np.int32).astype(np.int64)
    wanted = [
        *(a + b, a * b, low_a.astype(np.uint64) * low_b),
        (signed * low_b.view(np.int32).astype(np.int64)).view(np.uint64),
        *(a << np.uint64(32) | a >> np.uint64(32), (a.view(np.int64) >> 7).view(np.uint64)),
        *(signed.view(np.uint64), low_a.astype(np.uint64), a ^ b),
    ]
    for i, column in enumerate(wanted):
        assert np.array_equal(y[i], column), i


def floats(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 100, (3, N)).astype(np.float32)
    values[0, :6] = [np.inf, -np.inf, np.nan, 0.0, -0.0, 1e-42]
    values[1, 2:9] = values[0, 2:9]
    return values


def test_floats(kernel):
    a, b, c = floats(3)
    y = np.zeros((7, N), np.float32)
    kernel("floats")((8,), (32,), (a, b, c, y, np.int32(N)))
    with np.errstate(all="ignore"):
        # The product of two floats is exact in longdouble, and so is its sum with a third of like size.
        fused = (a.astype(np.longdouble) * b + c).astype(np.float32)
        wide = a.astype(np.longdouble)
        wanted = [
            a + b,
            a - b,
            a * 1.5,
            a * 1.5,
            fused,
            np.where(a >= b, a, b),
            (wide * wide + wide).astype(np.float32),
        ]
    for i, column in enumerate(wanted):
        assert np.array_equal(y[i], column.astype(np.float32), equal_nan=True), i


def test_conversions(kernel):
    a, b, _ = floats(4)
    rng = np.random.default_rng(5)
    a[8:128] = rng.integers(0, 2**32, 120, dtype=np.uint64).astype(np.uint32).view(np.float32)
    ties = a.view(np.uint32)[128:]
    ties[:] = ties & 0xFFFFE000 | 0x1000
    y = np.zeros((6, N), np.uint32)
    kernel("conversions")((8,), (32,), (a, b, y, np.int32(N)))
    nan = np.isnan(a)
    tf32 = (a.view(np.uint32).astype(np.uint64) + 0x1000 & 0xFFFFE000).astype(np.uint32)
    tf32 = np.where(np.isfinite(a), tf32, a.view(np.uint32))
    assert np.array_equal(y[0][~nan], tf32[~nan])
    assert np.isnan(y[0].view(np.float32)[nan]).all()
    with np.errstate(all="ignore"):
        for column, dtype in ((1, np.float16), (2, ml_dtypes.bfloat16)):
            upper, lower = (y[column] >> 16).astype(np.uint16).view(dtype), y[column].astype(np.uint16).view(dtype)
            assert np.array_equal(upper.astype(np.float32), a.astype(dtype).astype(np.float32), equal_nan=True)
            assert np.array_equal(lower.astype(np.float32), b.astype(dtype).astype(np.float32), equal_nan=True)
        half = a.astype(np.float16)
    assert np.array_equal(y[3][~nan], half.view(np.uint16)[~nan])
    assert np.array_equal(y[4].view(np.float32), half.astype(np.float32), equal_nan=True)
    assert np.array_equal(y[5], a.view(np.uint32))


def test_halves(kernel):
    rng = np.random.default_rng(8)
    values = rng.normal(0, 3, (3, 2 * N)).astype(np.float16)
    y = np.zeros((9, N), np.uint32)
    kernel("halves")((8,), (32,), (*values.view(np.uint32), y, np.int32(N)))
    a, b, c = values.astype(np.float64)  # exact, the product and the sum too
    fused = (a * b + c).astype(np.float16)
    twice = fused + fused
    for i, wanted in enumerate((fused, twice, fused * twice)):
        assert np.array_equal(y[i].view(np.float16), wanted)
        assert np.array_equal(y[3 + i].astype(np.uint16).view(np.float16), wanted[::2])


def test_pairs_of_bfloats(kernel):
    rng = np.random.default_rng(9)
    values = rng.integers(-64, 65, (3, 2 * N)).astype(ml_dtypes.bfloat16)
    y = np.zeros((9, N), np.uint32)
    kernel("halves")((8,), (32,), (*values.view(np.uint32), y, np.int32(N)))
    a, b, c = values.astype(np.float32)  # exact, the product and the sum too; then it is rounded, ties among them
    assert np.array_equal(y[6].view(ml_dtypes.bfloat16), (a * b + c).astype(ml_dtypes.bfloat16))


def test_where_a_thread_is(kernel):
    grid, block = (2, 3), (4, 3, 5)
    y = np.zeros((6, 60, 12), np.uint32)
    kernel("places")(grid, block, (y,))
    for number in range(6):
        for thread in range(60):
            lane = thread % 32
            x, rest = thread % 4, thread // 4
            wanted = [
                lane,
                x,
                rest % 3,
                rest // 3,
                3,
                number % 2,
                number // 2,
                2,
                (1 << lane) - 1,
                2**32 - (1 << lane),
                7,
            ]
            assert y[number, thread].tolist() == [*wanted, 1 if thread % 2 else 2]


# -- memory --------------------------------------------------------------------------------------------------------


def test_loads_and_stores(kernel):
    x, y = bits(6)[0], np.zeros(N, np.uint32)
    kernel("copies")((1,), (32,), (x, y, np.int32(0)))
    assert np.array_equal(y.reshape(16, 2, 8), x.reshape(16, 2, 8)[:, ::-1, ::-1])


@pytest.mark.parametrize(
    ("x", "y", "kind", "said"),
    [
        (N - 1, N, "out-of-bounds read", "ld.u32"),
        (N, N - 1, "out-of-bounds write", "st.global.u32"),
        (N - 4, N, "out-of-bounds read", "ld.global.cg"),
    ],
)
def test_the_checker_sees_loads_and_stores(kernel, x, y, kind, said):
    with pytest.raises(OutOfBounds) as raised:
        kernel("copies")((1,), (32,), (np.zeros(x, np.uint32), np.zeros(y, np.uint32), np.int32(0)))
    assert raised.value.finding.kind == kind
    assert said in SOURCE.read_text().splitlines()[raised.value.finding.line - 1]


def test_a_misaligned_vector_is_found(module):
    for made in (module, RawModule(path=SOURCE, check=False)):
        with pytest.raises(
            OutOfBounds, match=r"misaligned access.*no multiple of 16: element 1 of 'const unsigned\* x'"
        ):
            made.get_function("copies")((1,), (32,), (np.zeros(N + 1, np.uint32), np.zeros(N, np.uint32), np.int32(1)))


def test_narrow_loads_extend_their_sign(kernel):
    x = np.arange(-16, 16, dtype=np.int8)
    y, z = np.zeros((32, 3), np.int32), np.zeros(32, np.uint8)
    kernel("narrow")((1,), (32,), (x, y, z))
    wide = x.astype(np.int32)
    assert np.array_equal(y[:, 0], wide)
    assert np.array_equal(y[:, 1], wide & 0xFF)
    assert np.array_equal(y[:, 2], wide & 0xFFFF)
    assert np.array_equal(z, (wide + 1).astype(np.uint8))


def test_copies_fill_with_zeros(kernel):
    x, y = bits(7)[0][:32], np.zeros(32, np.uint32)
    kernel("filled")((1,), (32,), (x, y))
    masks = np.array([0, 0xFF, 0xFFFF, 0xFFFFFF, 0xFFFFFFFF], np.uint32)[np.arange(32) % 5]
    assert np.array_equal(y, (x & masks)[np.arange(32) ^ 1])


def test_sums(kernel):
    x, total = np.arange(32, dtype=np.float32), np.zeros(1, np.float32)
    count, before = np.full(1, 5, np.uint32), np.zeros(32, np.uint32)
    kernel("sums")((1,), (32,), (x, total, count, before))
    assert total[0] == 2 * x.sum()
    assert count[0] == 5 + 96
    assert sorted(before) == list(range(5, 5 + 96, 3))
    with pytest.raises(OutOfBounds) as raised:
        kernel("sums")((1,), (32,), (x, total[:0], count, before))
    assert "red.global" in SOURCE.read_text().splitlines()[raised.value.finding.line - 1]


def test_spaces(kernel):
    y = np.zeros(9, np.uint64)
    kernel("spaces")((1,), (1,), (np.zeros(1, np.uint32), y), shared_mem=64)
    assert y.tolist() == [100, 10, 1, 1, 4, 0, 1, 0, 3]
