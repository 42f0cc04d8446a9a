"""__half and __nv_bfloat16: every one of their values, and every way to round to them, bit for bit.

The oracle for rounding is a table of all 65,536 values in order: the result is the neighbour that the direction
asks for. Arithmetic is compared with NumPy's float16 and ml_dtypes' bfloat16; fused operations with exact sums.
"""

import bisect
import itertools
import math
import shutil
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

from refconv_cuda.simulator import RawModule

ALL = np.arange(65536, dtype=np.uint16)
NAN = 0x7FFF  # the NaN of every operation


class Format:
    """A narrow type: its C names, its NumPy dtype, and its values in order."""

    def __init__(self, header, name, function, dtype):
        self.header, self.name, self.function, self.dtype = header, name, function, dtype
        with np.errstate(invalid="ignore"):  # signalling NaNs are among them
            values = ALL.view(dtype).astype(np.float64)
        finite = np.flatnonzero(np.isfinite(values))
        finite = finite[finite != 0x8000]  # +0 stands for both zeros
        self.bits = finite[np.argsort(values[finite], kind="stable")]
        self.values = values[self.bits]
        # Where the next value would be, if there were one: halfway to it, rounding to nearest overflows.
        self.beyond = 2 * self.values[-1] - self.values[-2]

    def rounded(self, exact, mode):
        """The bits of an exact number (a Fraction, an int or a finite float) rounded to this type."""
        exact = Fraction(exact)
        above = bisect.bisect_left(self.values, exact)
        if above < len(self.values) and self.values[above] == exact:
            return int(self.bits[above])
        low = self.bits[above - 1] if above > 0 else 0x8000 | self.infinity
        high = self.bits[above] if above < len(self.values) else self.infinity
        low_value = Fraction(self.values[above - 1]) if above > 0 else Fraction(-self.beyond)
        high_value = Fraction(self.values[above]) if above < len(self.values) else Fraction(self.beyond)
        nearer = high if high_value - exact < exact - low_value else low
        if high_value - exact == exact - low_value:
            nearer = low if low % 2 == 0 else high
        chosen = {"rn": nearer, "rz": low if exact > 0 else high, "ru": high, "rd": low}[mode]
        return int(chosen) | (0x8000 if exact < 0 and chosen == 0 else 0)

    @property
    def infinity(self):
        return int(np.array(np.inf, self.dtype).view(np.uint16))


HALF = Format("cuda_fp16.h", "__half", "half", np.dtype(np.float16))
BFLOAT = Format("cuda_bf16.h", "__nv_bfloat16", "bfloat16", np.dtype(ml_dtypes.bfloat16))

UNARY = [
    "__hneg({a})",
    "__habs({a})",
    "hsqrt({a})",
    "hrcp({a})",
    "hceil({a})",
    "hfloor({a})",
    "htrunc({a})",
    "hrint({a})",
]
FUNCTIONS = ["hrsqrt", "hexp", "hexp2", "hexp10", "hlog", "hlog2", "hlog10", "hsin", "hcos", "htanh", "htanh_approx"]
BINARY = [
    *("{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} / {b}"),
    *("__hadd({a}, {b})", "__hsub({a}, {b})", "__hmul({a}, {b})", "__hdiv({a}, {b})"),
    *("__hadd_rn({a}, {b})", "__hsub_rn({a}, {b})", "__hmul_rn({a}, {b})"),
]
SATURATED = ["__hadd_sat({a}, {b})", "__hsub_sat({a}, {b})", "__hmul_sat({a}, {b})"]
EXTREMES = ["__hmax({a}, {b})", "__hmin({a}, {b})", "__hmax_nan({a}, {b})", "__hmin_nan({a}, {b})"]
COMPARISONS = ["eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu", "gtu", "geu"]
INTEGERS = {"short": "int16", "ushort": "uint16", "int": "int32", "uint": "uint32", "ll": "int64", "ull": "uint64"}
C_TYPES = {
    "int16": "short", "uint16": "unsigned short", "int32": "int", "uint32": "unsigned",
    "int64": "long long", "uint64": "unsigned long long",
}  # fmt: skip
MODES = ("rn", "rz", "ru", "rd")


def kernel(name, parameters, setup, results):
    """A kernel of n threads: thread i writes what each of ``results`` comes to there to y[k n + i]."""
    stores = "".join(f"    y[{k} * n + i] = {result};\n" for k, result in enumerate(results))
    return (
        f"__global__ void {name}({parameters}, int n) {{\n"
        f"    int i = blockIdx.x * blockDim.x + threadIdx.x;\n    if (i >= n) return;\n    {setup};\n{stores}}}\n"
    )


def on_pairs(expression):
    """``__hadd(a, b)`` as ``__hadd2(pa, pb)``."""
    name, arguments = expression.split("(", 1)
    stem, underscore, suffix = name.removeprefix("__").partition("_")
    if stem == "hdiv":
        name = "__h2div"
    elif name.startswith("__"):
        name = f"__{stem}2{underscore}{suffix}"
    else:
        name = f"h2{stem[1:]}{underscore}{suffix}"
    return f"{name}({arguments.format(a='pa', b='pb', c='pc')}"


def comparison(name):
    """One bit for each form: of numbers, of pairs, of pairs as a mask, of pairs as numbers."""
    both = f"(__h{name}(a, b) ? 0xffffu : 0) | (__h{name}(b, a) ? 0xffff0000u : 0)"
    return (
        f"__h{name}(a, b) | __hb{name}2(pa, pb) << 1 | (__h{name}2_mask(pa, pb) == ({both})) << 2"
        f" | (__low2float(__h{name}2(pa, pb)) == __h{name}(a, b)) << 3"
    )


def source(f):
    """Kernels that evaluate everything above. They take and give the bits of the values."""
    n, pair = f.function, {"half": "__half2", "bfloat16": "__nv_bfloat162"}[f.function]

    def of(*names):
        return ", ".join(f"{variable} = __ushort_as_{n}({array}[i])" for variable, array in names)

    def bits(*expressions):
        return [f"__{n}_as_ushort({e.format(a='a', b='b', c='c')})" for e in expressions]

    def high(*expressions):
        return [f"__{n}_as_ushort(__high2{n}({on_pairs(e)}))" for e in expressions]

    x, y, z = (f"const unsigned short* {array}" for array in ("x", "z", "w"))
    out = "unsigned short* y"
    one, two = f"{f.name} {of(('a', 'x'))}, zero = 0.0f", f"{f.name} {of(('a', 'x'), ('b', 'z'))}, zero = 0.0f"
    functions = [*UNARY, *(f"{name}({{a}})" for name in FUNCTIONS)]
    binary = [*BINARY, *SATURATED, *EXTREMES]
    fused = [f"__hfma{suffix}({{a}}, {{b}}, {{c}})" for suffix in ("", "_sat", "_relu")]
    flags = (
        "(a == b) | (a != b) << 1 | (a < b) << 2 | (a <= b) << 3 | (a > b) << 4 | (a >= b) << 5 | __hisnan(a) << 6"
        " | (__hisinf(a) + 1) << 7 | bool(a) << 9 | (pa == pb) << 10 | (pa != pb) << 11"
    )
    texts = [
        f"#include <{f.header}>\n",
        kernel("unary", f"{x}, {out}", f"{one}; {pair} pa(zero, a)", bits(*functions) + high(*functions)),
        kernel(
            *("binary", f"{x}, {y}, {out}", f"{two}; {pair} pa(zero, a), pb(zero, b)"),
            bits(*binary) + high(*(e for e in binary if e.startswith("__"))),
        ),
        kernel(
            *("fused", f"{x}, {y}, {z}, {out}"),
            f"{f.name} {of(('a', 'x'), ('b', 'z'), ('c', 'w'))}; {pair} pa(b, a), pb(a, b), pc(c, c)",
            bits(*fused) + high(*fused) + bits("__hcmadd(pa, pb, pc).x", "__hcmadd(pa, pb, pc).y"),
        ),
        kernel(
            *("compare", f"{x}, {y}, unsigned* y", f"{two}; {pair} pa(a, b), pb(b, a)"),
            [*(comparison(name) for name in COMPARISONS), flags],
        ),
        kernel("widen", f"{x}, float* y", one, [f"__{n}2float(a)", "a"]),
        kernel(
            *("narrow", f"const float* x, const double* d, {out}", f"{f.name} a; a = x[i]"),
            bits(*(f"__float2{n}_{mode}(x[i])" for mode in MODES), f"__float2{n}(x[i])", f"__double2{n}(d[i])", "a")
            + bits(f"{f.name}(d[i])"),
        ),
        kernel(
            *("steps", f"{x}, {y}, {out}", f"{two}, c; {pair} p(a, b), q = {{b, a}}, r"),
            bits(
                *("(c = a) += b", "(c = a) -= b", "(c = a) *= b", "(c = a) /= b"),
                *("(c = a)++", "++(c = a)", "--(c = a)", "-a", "+a"),
                *("(r = p + q, r *= q).x", "r.y", "(r = p - q, r = -r / q).x", "r.y"),
            ),
        ),
    ]
    for name, dtype in INTEGERS.items():
        integer = C_TYPES[dtype]
        from_integer = [*(f"__{name}2{n}_{mode}(x[i])" for mode in MODES), f"{f.name}(x[i])"]
        to_integer = [*(f"__{n}2{name}_{mode}(a)" for mode in MODES), f"static_cast<{integer}>(a)"]
        texts.append(kernel(f"from_{name}", f"const {integer}* x, {out}", "", bits(*from_integer)))
        texts.append(kernel(f"to_{name}", f"{x}, {integer}* y", one, to_integer))
    return "".join(texts)


@pytest.fixture(scope="module", params=[HALF, BFLOAT], ids=lambda f: f.name)
def f(request):
    return request.param


@pytest.fixture(scope="module")
def call(compiler, f):
    """Calls a kernel on some operands; returns its results, one row for each."""
    module = RawModule(code=source(f))

    def called(name, *operands, rows, dtype=np.uint16):
        n = operands[0].size
        results = np.zeros((rows, n), dtype)
        module.get_function(name)(((n + 255) // 256,), (256,), (*operands, results, np.int32(n)))
        return results

    return called


def samples(f, count=40_000):
    """Pairs of values: all pairs of special ones, and random ones, many of them near one another."""
    rng = np.random.default_rng(5)
    infinity = f.infinity
    special = np.array(
        [
            0,
            1,
            2,
            3,
            0x3FF,
            0x400,
            0x3C00,
            0x3C01,
            0x3F80,
            0x3F81,
            0x80,
            0x7F,
            infinity - 1,
            infinity,
            infinity + 1,
            NAN,
        ]
    )
    special = np.concatenate([special, special | 0x8000]).astype(np.uint16)
    x, y = np.meshgrid(special, special)
    a = rng.integers(0, 65536, count)
    near = (a ^ 0x8000) + rng.integers(-2000, 2000, count)  # so that sums cancel
    b = np.where(rng.random(count) < 0.5, near, rng.integers(0, 65536, count)) & 0xFFFF
    return np.concatenate([x.ravel(), a]).astype(np.uint16), np.concatenate([y.ravel(), b]).astype(np.uint16)


def assert_same(f, got, wanted, what=""):
    """Bit for bit, where every NaN is the one that a GPU gives."""
    wanted = np.asarray(wanted, f.dtype)
    wanted = np.where(np.isnan(wanted), np.uint16(NAN), wanted.view(np.uint16))
    wrong = np.flatnonzero(got != wanted)
    first = f"first at {wrong[0]}: {got[wrong[0]]:#06x} is not {wanted[wrong[0]]:#06x}" if wrong.size else ""
    assert wrong.size == 0, f"{what}: {wrong.size} wrong, {first}"


# -- conversions -----------------------------------------------------------------------------------------


def test_every_value_to_float(call, f):
    got = call("widen", ALL, rows=2, dtype=np.float32)
    with np.errstate(invalid="ignore"):
        wanted = ALL.view(f.dtype).astype(np.float32).view(np.uint32)
    if f is HALF:  # its NaNs become the usual one; a bfloat16 keeps its bits
        wanted = np.where(np.isnan(ALL.view(f.dtype)), np.uint32(0x7FFFFFFF), wanted)
    assert np.array_equal(got[0].view(np.uint32), wanted)
    assert np.array_equal(got[1].view(np.uint32), wanted)


def test_float_to_narrow(call, f):
    # Each value, each midpoint of two, and the floats beside both; and any bits.
    values = f.values
    middles = (values[1:] + values[:-1]) / 2
    edge = (values[-1] + f.beyond) / 2
    with np.errstate(over="ignore"):
        near = np.concatenate([values, middles, [edge, -edge, f.beyond, np.inf, -np.inf, -0.0]]).astype(np.float32)
    random = np.random.default_rng(3).integers(0, 2**32, 50_000, dtype=np.uint64).astype(np.uint32).view(np.float32)
    x = np.concatenate([near, np.nextafter(near, np.float32(np.inf)), np.nextafter(near, np.float32(-np.inf)), random])
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        d = x.astype(np.float64) * (1 + np.random.default_rng(4).choice([0, 2.0**-52, -(2.0**-52)], x.size))
        got = call("narrow", x, d, rows=8)
        # float64 to bfloat16 goes through float32 in ml_dtypes, and rounds twice: its oracle is the table.
        wanted = x.astype(f.dtype)
    for row in (0, 4, 6):
        assert_same(f, got[row], wanted, f"row {row}")
    assert np.array_equal(got[5], got[7])
    finite = np.flatnonzero(np.isfinite(x) & (np.abs(x) > 0))
    chosen = np.random.default_rng(6).choice(finite, 1500, replace=False)
    for i in chosen:
        assert got[5][i] == f.rounded(float(d[i]), "rn"), d[i]
        for row, mode in enumerate(MODES):
            assert got[row][i] == f.rounded(float(x[i]), mode), (x[i], mode)
    nans = np.isnan(x)
    assert (got[:, nans] == NAN).all()
    assert (got[:4, x == np.inf] == f.infinity).all()


@pytest.mark.parametrize("name", INTEGERS)
def test_integers(call, f, name):
    info = np.iinfo(INTEGERS[name])
    rng = np.random.default_rng(8)
    near = [int(v) for v in f.values if v == int(v) and info.min <= v <= info.max]
    chosen = [near[i] for i in rng.integers(0, len(near), 200)]
    integers = {info.min, info.max, 0, 1, info.max - 1, info.max // 2, 65519, 65520, 65521, 65504}
    for a, b in itertools.pairwise(chosen):
        integers |= {a, a - 1, a + 1, (a + b) // 2}
    for a, b in itertools.pairwise(near):
        if len(integers) < 1200:
            integers |= {(a + b) // 2, (a + b) // 2 + 1, (a + b) // 2 - 1}
    x = np.array(sorted(v for v in integers if info.min <= v <= info.max), INTEGERS[name])
    got = call(f"from_{name}", x, rows=5)
    for i, value in enumerate(x.tolist()):
        for row, mode in enumerate((*MODES, "rn")):
            assert got[row][i] == f.rounded(value, mode), (value, mode)

    got = call(f"to_{name}", ALL, rows=5, dtype=INTEGERS[name])
    with np.errstate(invalid="ignore"):
        values = ALL.view(f.dtype).astype(np.float64)
    nan = np.isnan(values)
    beyond = float(info.max + 1)  # a power of two, where info.max itself may be no float64
    for row, whole in enumerate((np.rint, np.trunc, np.ceil, np.floor, np.trunc)):
        exact = whole(np.where(nan, 0, values))
        inside = (exact > info.min) & (exact < beyond)
        wanted = np.where(inside, exact, 0).astype(INTEGERS[name])
        wanted[exact >= beyond], wanted[exact <= info.min] = info.max, info.min
        # A NaN gives 0, in 64 bits the highest bit.
        wanted[nan] = 0 if info.bits < 64 else np.array(1 << 63, np.uint64).astype(INTEGERS[name])
        assert np.array_equal(got[row], wanted), (name, row)


# -- arithmetic ------------------------------------------------------------------------------------------


def test_functions_of_one(call, f):
    got = call("unary", ALL, rows=2 * len(UNARY + FUNCTIONS))
    x = ALL.view(f.dtype)
    with np.errstate(all="ignore"):
        wide = x.astype(np.float32)
        exact = [None, None, np.sqrt(wide), np.float32(1) / wide]
        exact += [np.ceil(wide), np.floor(wide), np.trunc(wide), np.rint(wide)]
        assert np.array_equal(got[0], ALL ^ 0x8000)
        assert np.array_equal(got[1], ALL & 0x7FFF)
        for row in range(2, len(UNARY)):
            assert_same(f, got[row], exact[row].astype(f.dtype), UNARY[row])
        # Within one unit in the last place of the rounded result: the C library's own error, rounded.
        d = x.astype(np.float64)
        functions = {
            "hrsqrt": 1 / np.sqrt(d), "hexp": np.exp(d), "hexp2": np.exp2(d), "hexp10": 10.0**d, "hlog": np.log(d),
            "hlog2": np.log2(d), "hlog10": np.log10(d), "hsin": np.sin(d), "hcos": np.cos(d), "htanh": np.tanh(d),
            "htanh_approx": np.tanh(d),
        }  # fmt: skip
        for row, name in enumerate(FUNCTIONS, start=len(UNARY)):
            wanted = functions[name].astype(f.dtype)
            result = got[row].view(f.dtype)
            nan = np.isnan(wanted)
            assert (got[row][nan] == NAN).all()
            steps = np.abs(key(got[row]) - key(wanted.view(np.uint16)))[~nan]
            assert steps.max() <= 1, (name, result[~nan][steps.argmax()], wanted[~nan][steps.argmax()])
            assert (steps > 0).mean() < 0.001, name
    alone = len(UNARY + FUNCTIONS)
    assert np.array_equal(got[:alone], got[alone:])


def key(bits):
    """Integers in the order of the values."""
    signed = bits.astype(np.int64)
    return np.where(signed & 0x8000, -(signed & 0x7FFF), signed)


def test_functions_of_two(call, f):
    a, b = samples(f)
    names = BINARY + SATURATED + EXTREMES
    calls = [k for k, e in enumerate(names) if e.startswith("__")]
    got = call("binary", a, b, rows=len(names) + len(calls))
    x, y = a.view(f.dtype), b.view(f.dtype)
    with np.errstate(all="ignore"):
        four = [x + y, x - y, x * y, x / y]
        for row, wanted in enumerate([*four, *four, *four[:3]]):
            assert_same(f, got[row], wanted, names[row])
        for row, wanted in enumerate(four[:3], start=len(BINARY)):
            wide = np.asarray(wanted, np.float32)
            assert_same(f, got[row], np.where(wide > 0, np.minimum(wide, 1), 0).astype(f.dtype), names[row])
        # The greater and the lesser: a NaN loses, or wins; +0 is greater than -0.
        u, v = x.astype(np.float32), y.astype(np.float32)
        either, both = np.isnan(u) | np.isnan(v), np.isnan(u) & np.isnan(v)
        zeros = (u == 0) & (v == 0)
        greatest, least = np.fmax(u, v), np.fmin(u, v)
        greatest[zeros] = np.where(np.signbit(u) & np.signbit(v), -0.0, 0.0)[zeros]
        least[zeros] = np.where(np.signbit(u) | np.signbit(v), -0.0, 0.0)[zeros]
        assert np.isnan(greatest[both]).all()
        wanted = [greatest, least, np.where(either, np.nan, greatest), np.where(either, np.nan, least)]
        for row, extreme in enumerate(wanted, start=len(BINARY + SATURATED)):
            assert_same(f, got[row], extreme.astype(f.dtype), names[row])
    assert np.array_equal(got[calls], got[len(names) :])


def test_comparisons(call, f):
    a, b = samples(f)
    got = call("compare", a, b, rows=len(COMPARISONS) + 1, dtype=np.uint32)
    with np.errstate(invalid="ignore"):
        x, y = a.view(f.dtype).astype(np.float32), b.view(f.dtype).astype(np.float32)
    nan = np.isnan(x) | np.isnan(y)
    ordered = {"eq": x == y, "ne": (x < y) | (x > y), "lt": x < y, "le": x <= y, "gt": x > y, "ge": x >= y}
    swapped = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}
    for row, name in enumerate(COMPARISONS):
        base = name[:2]
        holds = ordered[base] | (nan if len(name) == 3 else False)
        other = ordered[swapped.get(base, base)] | (nan if len(name) == 3 else False)
        assert np.array_equal(got[row], holds | (holds & other) << 1 | 12), name
    flags = got[-1]
    for bit, wanted in enumerate((x == y, x != y, x < y, x <= y, x > y, x >= y, np.isnan(x))):
        assert np.array_equal(flags >> bit & 1, wanted), bit
    assert np.array_equal(flags >> 7 & 3, np.where(np.isinf(x), np.sign(np.nan_to_num(x)), 0) + 1)
    assert np.array_equal(flags >> 9 & 1, x != 0)
    assert np.array_equal(flags >> 10 & 1, x == y)
    assert np.array_equal(flags >> 11 & 1, x != y)


def test_assignments_and_steps(call, f):
    a, b = samples(f, 3000)
    got = call("steps", a, b, rows=13)
    x, y = a.view(f.dtype), b.view(f.dtype)
    one = np.array(1, f.dtype)
    with np.errstate(all="ignore"):
        wanted = [x + y, x - y, x * y, x / y, None, x + one, x - one, None, None, (x + y) * y, (y + x) * x]
        last = [-(x - y) / y, -(y - x) / x]
    assert np.array_equal(got[4], a)  # a copy keeps a NaN's bits
    assert np.array_equal(got[7], a ^ 0x8000)
    assert np.array_equal(got[8], a)
    for row, value in enumerate(wanted):
        if value is not None:
            assert_same(f, got[row], value, f"row {row}")
    for row, value in zip((11, 12), last, strict=True):
        assert_same(f, got[row], value, f"row {row}")


# -- fused multiply-add: one rounding of an exact sum ----------------------------------------------------


def fused_samples(f):
    """Random operands, and such that a second rounding would go the wrong way: a b + c just beside a midpoint.

    Either c is a value and a b almost half a unit in its last place, or a b is a midpoint and c is tiny.
    """
    rng = np.random.default_rng(11)
    fraction_bits = {"half": 10, "bfloat16": 7}[f.function]
    n = 1000
    a, b = (part[-n:] for part in samples(f))
    parts = [(a, b, rng.integers(0, 65536, n).astype(np.uint16))]

    unit = 2.0 ** -(fraction_bits + 1)
    near_one = 1 + rng.integers(-3, 4, (2, n)) * 2 * unit
    c = 1 + rng.integers(0, 2**fraction_bits, n) * 2 * unit
    parts.append((unit * near_one[0], near_one[1], c))

    first, second = (rng.integers(1, 2**6, 40 * n) | 1 for _ in range(2))
    odd = (first * second) >> (fraction_bits + 1) == 1
    first, second = first[odd][:n], second[odd][:n]
    parts.append(
        (first * 2.0 ** rng.integers(-2, 2, first.size), second * 1.0, 2.0 ** rng.integers(-24, -18, first.size))
    )

    for k in (1, 2):
        signs = [rng.choice([-1, 1], part.size) for part in parts[k]]
        signed = (part * sign for part, sign in zip(parts[k], signs, strict=True))
        parts[k] = tuple(part.astype(f.dtype).view(np.uint16) for part in signed)
    return (np.concatenate(column) for column in zip(*parts, strict=True))


def test_fused_multiply_add(call, f):
    a, b, c = fused_samples(f)
    got = call("fused", a, b, c, rows=8)
    with np.errstate(invalid="ignore"):
        x, y, z = (bits.view(f.dtype).astype(np.float64) for bits in (a, b, c))
    finite = np.flatnonzero(np.isfinite(x) & np.isfinite(y) & np.isfinite(z))
    double_rounding = 0
    with np.errstate(all="ignore"):
        in_float = (x.astype(np.float32) * y.astype(np.float32) + z.astype(np.float32)).astype(f.dtype).view(np.uint16)
    for i in finite:
        exact = Fraction(x[i]) * Fraction(y[i]) + Fraction(z[i])
        if exact == 0:
            assert got[0][i] & 0x7FFF == 0
            continue
        wanted = f.rounded(exact, "rn")
        assert got[0][i] == wanted, (x[i], y[i], z[i])
        double_rounding += in_float[i] != wanted
        assert got[1][i] == f.rounded(min(max(exact, Fraction(0)), Fraction(1)), "rn")
        assert got[2][i] == (wanted if exact > 0 else 0)
    assert double_rounding > 100  # the samples tell one rounding from two
    others = np.setdiff1d(np.arange(a.size), finite)
    with np.errstate(all="ignore"):
        wanted = x[others] * y[others] + z[others]
    assert_same(f, got[0][others], wanted.astype(np.float32).astype(f.dtype))
    assert np.array_equal(got[:3], got[3:6])
    # (b + ia)(a + ib) + (c + ic): the real part is -a b + (b a + c), the imaginary part a a + (b b + c).
    chosen = np.random.default_rng(12).choice(finite, 500, replace=False)
    for i in chosen:
        real = f.rounded(Fraction(x[i]) * Fraction(y[i]) + Fraction(z[i]), "rn")
        value = float(np.uint16(real).view(f.dtype))
        if math.isfinite(value) and value:
            exact = Fraction(value) - Fraction(x[i]) * Fraction(y[i])
            assert exact == 0 or got[6][i] == f.rounded(exact, "rn")


# -- what the types are ----------------------------------------------------------------------------------

LAYOUT = r"""
#include <cuda_fp16.h>
#include <cuda_bf16.h>
template <class T, class Pair>
__device__ bool describes() {
    return sizeof(T) == 2 && alignof(T) == 2 && sizeof(Pair) == 4 && alignof(Pair) == 4;
}
struct Mixed { half h; half2 p; __nv_bfloat16 b; __nv_bfloat162 q; };
__global__ void layout(int* ok, const unsigned* words, float* f, const Mixed m, const half scalar) {
    __shared__ half tile[4][3];
    __shared__ __nv_bfloat162 pairs[2];
    tile[1][2] = scalar, pairs[1] = m.q;
    ok[0] = describes<half, half2>(), ok[1] = describes<nv_bfloat16, nv_bfloat162>(), ok[2] = sizeof(Mixed);
    half2 p = *reinterpret_cast<const half2*>(words);
    f[0] = __low2float(p), f[1] = __high2float(p), f[2] = tile[1][2], f[3] = pairs[1].y, f[4] = m.b;
    float2 both = __half22float2(__lowhigh2highlow(__floats2half2_rn(3.0f, 4.0f)));
    f[5] = both.x, f[6] = both.y;
    f[7] = __low2half(__halves2half2(__float2half(5.0f), CUDART_ONE_FP16)), f[8] = __half2half2(scalar).y;
    f[9] = __low2float(__lows2half2(p, __float2half2_rn(7.0f))), f[10] = __high2float(__highs2half2(p, m.p));
    f[11] = __high2float(__low2half2(p)), f[12] = __low2float(__high2half2(p)), f[13] = make_half2(scalar, p.y).y;
    f[14] = __half2float(__float22half2_rn(make_float2(8.0f, 9.0f)).y);
    float2 bs = __bfloat1622float2(__floats2bfloat162_rn(10.0f, 11.0f));
    f[15] = bs.x + bs.y, f[16] = __low2bfloat16(__halves2bfloat162(12, 13)), f[17] = __bfloat162bfloat162(m.b).y;
    f[18] = __high2bfloat16(__float2bfloat162_rn(14.0f)), f[19] = make_bfloat162(m.b, 15.0f).y;
    f[20] = CUDART_MAX_NORMAL_FP16, f[21] = CUDART_INF_BF16, f[22] = CUDART_MIN_DENORM_FP16;
    f[23] = -CUDART_NEG_ZERO_BF16;
    __half_raw raw;
    raw.x = 0x4000;
    half from_raw = raw;
    f[24] = from_raw, f[25] = __half_raw(from_raw).x, f[26] = __ldg(&scalar), f[27] = int(half(-2.75f));
    f[28] = half(true);
    double d = scalar;
    f[29] = d, f[30] = __half2char_rz(half(300.0f)), f[31] = __half2uchar_rz(half(-3.0f));
}
"""


def test_layout_and_pairs(compiler):
    offsets = {"offsets": [0, 4, 8, 12], "itemsize": 16}
    mixed = {"names": list("hpbq"), "formats": ["f2", ("f2", 2), "u2", ("u2", 2)], **offsets}
    struct = np.zeros((), np.dtype(mixed))
    struct["p"] = (1.5, 2.5)
    struct["b"] = np.array(6.5, ml_dtypes.bfloat16).view(np.uint16)
    struct["q"] = np.array([1, 0.25], ml_dtypes.bfloat16).view(np.uint16)
    ok, f = np.zeros(3, np.int32), np.zeros(32, np.float32)
    words = np.array([20, 21], np.float16).view(np.uint32)
    RawModule(code=LAYOUT).get_function("layout")((1,), (1,), (ok, words, f, struct, np.float16(0.5)))
    assert ok.tolist() == [1, 1, 16]
    wanted = [
        *(20, 21, 0.5, 0.25, 6.5, 4, 3, 5, 0.5, 20, 2.5, 20, 21, 21, 9),
        *(21, 12, 6.5, 14, 15, 65504, np.inf, 2.0**-24, 0, 2, 16384, 0.5, -2, 1, 0.5, 127, 0),
    ]
    assert f.tolist() == wanted


# -- as parameters ---------------------------------------------------------------------------------------------

PARAMETERS = """
#include <cuda_fp16.h>
#include <cuda_bf16.h>
extern "C" __global__ void widened(float* y, __half h, __nv_bfloat16 b) { y[0] = h, y[1] = b; }
"""


def test_scalars_of_both_formats_are_passed_by_value():
    y = np.zeros(2, np.float32)
    kernel = RawModule(code=PARAMETERS).get_function("widened")
    kernel((1,), (1,), (y, np.float16(1.5), ml_dtypes.bfloat16(-3)))
    assert y.tolist() == [1.5, -3]


@pytest.mark.parametrize(
    ("h", "b", "said"),
    [
        (1.5, ml_dtypes.bfloat16(1), "needs float16, and the float 1.5 has no size: pass a numpy.float16 scalar"),
        (np.float16(1), 1.5, "needs bfloat16, and the float 1.5 has no size: pass a ml_dtypes.bfloat16 scalar"),
        (ml_dtypes.bfloat16(1), ml_dtypes.bfloat16(1), r"needs float16, but got bfloat16 \(2 bytes\)"),
        (np.float16(1), np.float16(1), r"needs bfloat16, but got float16 \(2 bytes\)"),
        (np.uint16(1), ml_dtypes.bfloat16(1), r"needs float16, but got uint16 \(2 bytes\)"),
        (np.float32(1), ml_dtypes.bfloat16(1), r"needs float16, but got float32 \(4 bytes\)"),
    ],
)
def test_a_scalar_of_another_format_is_refused(h, b, said):
    kernel = RawModule(code=PARAMETERS).get_function("widened")
    with pytest.raises(TypeError, match=said):
        kernel((1,), (1,), (np.zeros(2, np.float32), h, b))


# -- in shared memory, checked -----------------------------------------------------------------------------------

SHARED = """
#include <cuda_fp16.h>
#include <cuda_bf16.h>
template <class T, class Pair> __global__ void reverse(float* y) {
    __shared__ T tile[64];
    __shared__ Pair pairs[2][64];
    tile[threadIdx.x] = T(float(threadIdx.x));
    pairs[1][threadIdx.x] = Pair(T(1.0f), T(2.0f));
    __syncthreads();
    y[threadIdx.x] = float(tile[63 - threadIdx.x]) + float(pairs[1][63 - threadIdx.x].y);
}
"""


@pytest.mark.parametrize("kernel", ["reverse<__half, __half2>", "reverse<__nv_bfloat16, __nv_bfloat162>"])
@pytest.mark.parametrize("choice", ["ziglang", "g++"])
def test_a_shared_array_has_no_hidden_variable_that_nobody_wrote(monkeypatch, choice, kernel):
    if choice == "g++":
        if not shutil.which("g++"):
            pytest.skip("g++ is not installed")
        monkeypatch.setenv("REFCONV_CXX", "g++")
    y = np.zeros(64, np.float32)
    RawModule(code=SHARED, name_expressions=(kernel,), check=True).get_function(kernel)((1,), (64,), (y,))
    assert y.tolist() == [65 - i for i in range(64)]
