"""Mathematical functions, rounded operations, conversions, integers, vector types: against Python and NumPy."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from refconv_cuda.simulator import CompileError, KernelTrap, RawKernel, RawModule

MODES = ("rn", "rz", "ru", "rd")
MASK32, MASK64 = 2**32 - 1, 2**64 - 1


def kernel(name, parameters, results, setup=""):
    """A kernel of n threads: thread i writes what each of ``results`` comes to there to y[k n + i]."""
    stores = "".join(f"    y[{k} * n + i] = {result};\n" for k, result in enumerate(results))
    return (
        f"__global__ void {name}({parameters}, int n) {{\n"
        f"    int i = blockIdx.x * blockDim.x + threadIdx.x;\n    if (i >= n) return;\n    {setup};\n{stores}}}\n"
    )


def run(function, *operands, rows, dtype):
    """The results of such a kernel, one row for each."""
    n = operands[0].size
    results = np.zeros((rows, n), dtype)
    function(((n + 127) // 128,), (128,), (*operands, results, np.int32(n)))
    return results


# -- functions of C ----------------------------------------------------------------------------------------

# Each: the reference in double, where to try it, and by how many ulps the GNU C library's float function may be off
# ("Known Maximum Errors in Math Functions" in its manual, x86_64 and aarch64), plus the half of rounding.
ELEMENTARY = {
    "sinf": (math.sin, (-1e4, 1e4), 1),
    "cosf": (math.cos, (-1e4, 1e4), 1),
    "tanf": (math.tan, (-1e3, 1e3), 1),
    "asinf": (math.asin, (-1, 1), 1),
    "acosf": (math.acos, (-1, 1), 1),
    "atanf": (math.atan, (-1e4, 1e4), 1),
    "sinhf": (math.sinh, (-80, 80), 2),
    "coshf": (math.cosh, (-80, 80), 2),
    "tanhf": (math.tanh, (-10, 10), 2),
    "asinhf": (math.asinh, (-1e6, 1e6), 2),
    "acoshf": (math.acosh, (1, 1e6), 2),
    "atanhf": (math.atanh, (-0.99, 0.99), 2),
    "expf": (math.exp, (-80, 80), 1),
    "exp2f": (lambda x: 2.0**x, (-120, 120), 1),
    "expm1f": (math.expm1, (-10, 10), 1),
    "exp10f": (lambda x: 10.0**x, (-37, 38), 1),
    "logf": (math.log, (1e-30, 1e30), 1),
    "log2f": (math.log2, (1e-30, 1e30), 1),
    "log10f": (math.log10, (1e-30, 1e30), 2),
    "log1pf": (math.log1p, (-0.9, 1e6), 1),
    "cbrtf": (math.cbrt, (-1e9, 1e9), 1),
    "erff": (math.erf, (-4, 4), 1),
    "erfcf": (math.erfc, (-4, 9), 3),
    "tgammaf": (math.gamma, (0.1, 30), 8),
    "lgammaf": (math.lgamma, (3, 1e5), 4),
    "rsqrtf": (lambda x: x**-0.5, (1e-30, 1e30), 0),
    "rcbrtf": (lambda x: 1 / math.cbrt(x), (1, 1e9), 0),
    "sinpif": (lambda x: math.sin(math.pi * math.fmod(x, 2)), (-0.9, 0.9), 0),
    "cospif": (lambda x: math.cos(math.pi * x), (-0.4, 0.4), 0),
    "normcdff": (lambda x: math.erfc(-x / math.sqrt(2)) / 2, (-5, 5), 0),
    "__expf": (math.exp, (-80, 80), 1),
    "__exp10f": (lambda x: 10.0**x, (-37, 38), 1),
    "__logf": (math.log, (1e-30, 1e30), 1),
    "__log2f": (math.log2, (1e-30, 1e30), 1),
    "__log10f": (math.log10, (1e-30, 1e30), 2),
    "__sinf": (math.sin, (-4, 4), 1),
    "__cosf": (math.cos, (-4, 4), 1),
    "__tanf": (math.tan, (-1.5, 1.5), 1),
    "__tanhf": (math.tanh, (-5, 5), 2),
}
EXACT_OF_ONE = {
    "sqrtf": np.sqrt,
    "fabsf": np.abs,
    "floorf": np.floor,
    "ceilf": np.ceil,
    "truncf": np.trunc,
    "rintf": np.rint,
    "nearbyintf": np.rint,
    "roundf": lambda x: np.copysign(np.floor(np.abs(x) + 0.5), x),
    "logbf": lambda x: np.floor(np.log2(np.abs(x))),
    "__saturatef": lambda x: np.clip(x, 0, 1),
    "__fsqrt_rn": np.sqrt,
    "__frcp_rn": lambda x: np.float32(1) / x,
}
# The overloads without an f keep float, and make an integer double.
EXACT_OF_TWO = {
    "fmaxf": np.fmax, "fminf": np.fmin, "max": np.fmax, "min": np.fmin, "fmodf": np.fmod, "copysignf": np.copysign,
    "fdimf": lambda x, y: np.maximum(x - y, 0), "nextafterf": np.nextafter, "__fdividef": np.divide,
    "fdividef": np.divide,
    "__fadd_rn": np.add, "__fsub_rn": np.subtract, "__fmul_rn": np.multiply, "__fdiv_rn": np.divide,
}  # fmt: skip

MATHS = "".join(
    [
        kernel(
            "elementary", "const float* x, float* y", [f"{name}(x[{k} * n + i])" for k, name in enumerate(ELEMENTARY)]
        ),
        kernel("of_one", "const float* x, float* y", [f"{name}(x[i])" for name in EXACT_OF_ONE]),
        kernel("of_two", "const float* x, const float* z, float* y", [f"{name}(x[i], z[i])" for name in EXACT_OF_TWO]),
        kernel(
            *("others", "const float* x, const float* z, float* y"),
            [
                "powf(x[i], z[i])",
                "__powf(x[i], z[i])",
                "atan2f(x[i], z[i])",
                "hypotf(x[i], z[i])",
                "remainderf(x[i], z[i])",
                "rhypotf(x[i], z[i])",
                "norm3df(x[i], z[i], 1)",
                "rnorm3df(x[i], z[i], 1)",
                "norm4df(x[i], z[i], 1, 2)",
                "fmaf(x[i], z[i], 0.1f)",
                "fma(x[i], z[i], 0.1f)",
                "__fmaf_rn(x[i], z[i], 0.1f)",
                "s",
                "c",
                "sp",
                "cp",
                "fs",
                "fc",
                "whole",
                "part",
                "mantissa",
                "exponent",
                "ldexpf(x[i], 3)",
                "scalbnf(x[i], -3)",
                "scalblnf(x[i], 2L)",
                "ilogbf(x[i])",
                "lrintf(x[i])",
                "llrintf(x[i])",
                "lroundf(x[i])",
                "llroundf(x[i])",
                "quotient",
            ],
            "float s, c, sp, cp, fs, fc, whole, part = modff(x[i], &whole); sincosf(x[i], &s, &c);"
            "sincospif(x[i], &sp, &cp);"
            "__sincosf(x[i], &fs, &fc); int exponent, quotient; float mantissa = frexpf(x[i], &exponent);"
            "remquof(x[i], z[i], &quotient)",
        ),
        # The types of the results, and that every overload is there.
        """
        template <class T> __device__ int is_float(T) { return sizeof(T) == 4 && T(0.5) != T(0); }
        __global__ void overloads(int* y, float f, double d, int i) {
            y[0] = is_float(sqrt(f)) + is_float(exp(f)) + is_float(pow(f, f)) + is_float(fmax(f, f)) + is_float(abs(f))
                + is_float(floor(f)) + is_float(fma(f, f, f)) + is_float(rsqrt(f)) + is_float(fabs(f))
                + is_float(sin(f)) + is_float(pow(f, i));
            y[1] = is_float(sqrt(i)) + is_float(pow(f, d)) + is_float(pow(d, i)) + is_float(exp(d))
                + is_float(max(f, d))
                + is_float(sin(i)) + is_float(fmod(i, i)) + is_float(abs(d)) + is_float(min(d, f));
            y[2] = isnan(f) + 2 * isinf(f) + 4 * isfinite(f) + 8 * signbit(f) + 16 * isnan(d) + 32 * isfinite(d)
                + 64 * isnormal(f);
            y[3] = isnan(NAN) + 2 * isinf(-INFINITY) + 4 * isfinite(INFINITY) + 8 * signbit(-0.0f)
                + 16 * isinf(1 / 0.0);
            y[4] = sinpi(2.5) == 1 && cospi(1.5) == 0 && sinpif(-3.0f) == 0 && cospif(3.0f) == -1 && cospi(0.5f) == 0;
            y[5] = abs(-3) + abs(-4L) + abs(-5LL) + int(abs(-6.0f)) + int(abs(-7.0)) + int(labs(-8))
                + int(llabs(-9));
            y[6] = min(-1, 2) == -1 && min(-1, 2u) == 2u && max(3u, -1) == 0xffffffffu && max(-1L, 2L) == 2L;
            y[7] = max(-1LL, 2ULL) == ~0ULL && min(1UL, -1L) == 1UL && min(short(3), short(2)) == 2
                && max('a', 'b') == 'b';
            y[8] = umin(3, 4) + umax(3, 4) + llmin(3, 4) + llmax(3, 4) + ullmin(3, 4) + ullmax(3, 4);
            y[9] = __dadd_rn(d, d) == 2 * d && __dsub_rn(d, d) == 0 && __dmul_rn(d, 2) == 2 * d
                && __ddiv_rn(d, 2) == d / 2 && __drcp_rn(4) == 0.25 && __dsqrt_rn(9) == 3
                && __fma_rn(2, 3, 4) == 10 && rint(2.5) == 2 && round(2.5) == 3;
            y[10] = normcdf(0.0) == 0.5 && norm3d(2, 3, 6) == 7 && norm4d(1, 1, 1, 1) == 2
                && rnorm3d(2, 3, 6) == 1 / 7.0 && rhypot(3, 4) == 0.2 && rcbrt(8.0) == 0.5 && rsqrt(4.0) == 0.5
                && exp10(2.0) == 100 && exp10(2.0f) == 100;
            y[11] = j0f(0) == 1 && j1f(0) == 0 && j0(0) == 1 && y0f(1) < 0.1f && y1(1) < 0 && isnan(nanf(""))
                && isnan(nan(""));
            long long before = clock64();
            y[12] = warpSize == 32 && clock64() >= before && clock() >= 0;
            __nanosleep(1);
            double s, c;
            sincos(d, &s, &c);
            y[13] = s == sin(d) && c == cos(d) && M_PI > 3.14;
        }
        """,
    ]
)


@pytest.fixture(scope="module")
def maths(compiler):
    return RawModule(code=MATHS).get_function


def ulps(got, wanted):
    """How many units in the last place of a float32 ``wanted`` (in double) ``got`` is away from it."""
    unit = np.spacing(np.abs(wanted.astype(np.float32))).astype(np.float64)
    return np.abs(got.astype(np.float64) - wanted) / unit


def test_elementary_functions(maths):
    rng = np.random.default_rng(1)
    n = 2000
    x = np.stack([spread(rng, low, high, n) for _, (low, high), _ in ELEMENTARY.values()])
    got = run(maths("elementary"), Row(x), rows=len(ELEMENTARY), dtype=np.float32)
    for row, (name, (reference, _, allowed)) in enumerate(ELEMENTARY.items()):
        wanted = np.array([reference(float(v)) for v in x[row]])
        error = ulps(got[row], wanted)
        worst = error.argmax()
        assert error[worst] <= allowed + 0.5000001, (name, x[row, worst], got[row, worst], wanted[worst], error[worst])


class Row(np.ndarray):
    """An array whose rows are operands of as many functions: its ``size`` is that of a row."""

    def __new__(cls, rows):
        return np.ascontiguousarray(rows).view(cls)

    @property
    def size(self):
        return self.shape[-1]


def spread(rng, low, high, n):
    """Float32 numbers from low to high, those near 0 as often as large ones."""
    if low > 0 and high / low > 1e4:
        return np.exp(rng.uniform(math.log(low), math.log(high), n)).astype(np.float32)
    x = rng.uniform(low, high, n)
    x[: n // 3] *= np.exp(rng.uniform(-10, 0, n // 3)) if low <= 0 else 1
    return np.clip(x.astype(np.float32), np.float32(low), np.float32(high))


def test_exact_functions_of_one(maths):
    x = np.concatenate([np.random.default_rng(2).normal(0, 100, 2000), [0.5, 1.5, 2.5, -0.5, 0.25, 1e10, 0.75]]).astype(
        np.float32
    )
    got = run(maths("of_one"), x, rows=len(EXACT_OF_ONE), dtype=np.float32)
    with np.errstate(invalid="ignore"):
        for row, (name, reference) in enumerate(EXACT_OF_ONE.items()):
            assert np.array_equal(got[row], reference(x).astype(np.float32), equal_nan=True), name


def test_exact_functions_of_two(maths):
    values = np.array([0.0, -0.0, 1.0, -1.5, 3.0, 1e-40, -7e37, np.inf, -np.inf, np.nan, 0.1, 1e10], np.float32)
    x, z = (part.ravel() for part in np.meshgrid(values, values))
    got = run(maths("of_two"), x, z, rows=len(EXACT_OF_TWO), dtype=np.float32)
    with np.errstate(all="ignore"):
        for row, (name, reference) in enumerate(EXACT_OF_TWO.items()):
            wanted = reference(x, z)
            if name == "fdimf":
                wanted = np.where(x > z, x - z, np.where(np.isnan(x) | np.isnan(z), np.nan, 0)).astype(np.float32)
            assert np.array_equal(got[row], wanted, equal_nan=True), name


def test_other_functions(maths):
    rng = np.random.default_rng(3)
    x, z = rng.uniform(0.1, 20, 1000).astype(np.float32), rng.uniform(-9, 9, 1000).astype(np.float32)
    got = run(maths("others"), x, z, rows=31, dtype=np.float32)
    u, v = x.astype(np.float64), z.astype(np.float64)
    in_ulps = {
        0: (u**v, 1), 1: (u**v, 1), 2: (np.arctan2(u, v), 1), 3: (np.hypot(u, v), 1), 5: (1 / np.hypot(u, v), 0),
        6: (np.sqrt(u * u + v * v + 1), 0), 7: (1 / np.sqrt(u * u + v * v + 1), 0), 8: (np.sqrt(u * u + v * v + 5), 0),
        12: (np.sin(u), 1), 13: (np.cos(u), 1), 16: (np.sin(u), 1), 17: (np.cos(u), 1),
    }  # fmt: skip
    for row, (wanted, allowed) in in_ulps.items():
        assert ulps(got[row], wanted).max() <= allowed + 0.5000001, row
    assert np.abs(got[14] - np.sin(np.pi * u)).max() < 1e-6
    assert np.abs(got[15] - np.cos(np.pi * u)).max() < 1e-6
    remainder = [math.remainder(a, b) for a, b in zip(u, v, strict=True)]
    fraction, whole = np.modf(x)
    mantissa, exponent = np.frexp(x)
    tenth = Fraction(float(np.float32(0.1)))
    fused = [
        float(np.float32(float(Fraction(float(a)) * Fraction(float(b)) + tenth))) for a, b in zip(u, v, strict=True)
    ]
    exact = {
        4: remainder, 18: whole, 19: fraction, 20: mantissa, 21: exponent, 22: x * 8, 23: x / 8, 24: x * 4,
        25: exponent - 1, 26: np.rint(x), 27: np.rint(x), 28: np.floor(x + 0.5), 29: np.floor(x + 0.5),
    }  # fmt: skip
    for row, wanted in exact.items():
        assert np.array_equal(got[row], np.asarray(wanted, np.float32)), row
    for row in (9, 10, 11):  # float64 has the exact product; the sum may round twice, one time in 2^29
        assert (got[row] != fused).sum() <= 1, row
    quotient = np.rint((u - np.array(remainder)) / v).astype(int)
    assert ((got[30].astype(int) - quotient) % 8 == 0).all()


def test_overloads(maths):
    y = np.zeros(14, np.int32)
    maths("overloads")((1,), (1,), (y, np.float32(1.5), np.float64(2.5), np.int32(4)))
    assert y.tolist() == [11, 0, 4 + 32 + 64, 1 + 2 + 8 + 16, 1, 42, 1, 1, 21, 1, 1, 1, 1, 1]


# -- rounded operations ------------------------------------------------------------------------------------

ROUNDED = [f"__f{op}_{mode}" for op in ("add", "sub", "mul", "div") for mode in MODES]
ROUNDED_SOURCE = (
    kernel("two", "const float* x, const float* z, float* y", [f"{name}(x[i], z[i])" for name in ROUNDED])
    + kernel(
        "fused",
        "const float* x, const float* z, const float* w, float* y",
        [f"__fmaf_{m}(x[i], z[i], w[i])" for m in MODES],
    )
    + kernel("root", "const float* x, float* y", [f"__fsqrt_{m}(x[i])" for m in MODES] + ["__frsqrt_rn(x[i])"])
    + kernel("reciprocal", "const float* x, float* y", [f"__frcp_{m}(x[i])" for m in MODES])
)


def neighbours(value):
    """The float32 below and the float32 above, as exact numbers; beyond the largest, what would come next."""
    largest = float(np.finfo(np.float32).max)
    beyond = 2.0**128
    value = float(value)
    if abs(value) == math.inf:
        return (Fraction(largest), None) if value > 0 else (None, Fraction(-largest))
    with np.errstate(over="ignore", under="ignore"):
        near = [float(np.nextafter(np.float32(value), np.float32(side))) for side in (-np.inf, np.inf)]
    return tuple(Fraction(v) if math.isfinite(v) else Fraction(math.copysign(beyond, v)) for v in near)


def is_rounded(result, compare, mode, negative):
    """Whether ``result`` is right. compare(v): the sign of exact - v, for an exact number v."""
    if math.isinf(result):
        beyond = Fraction(2) ** 128
        largest = Fraction(float(np.finfo(np.float32).max))
        if mode == "rn":
            return compare((largest + beyond) / 2) >= 0 if result > 0 else compare(-(largest + beyond) / 2) <= 0
        return compare(largest) > 0 and mode == "ru" if result > 0 else compare(-largest) < 0 and mode == "rd"
    value = Fraction(float(result))
    below, above = neighbours(result)
    side = compare(value)
    if side == 0:
        return True
    if mode == "rn":
        low, high = compare((value + below) / 2), compare((value + above) / 2)
        even = int(np.float32(result).view(np.uint32)) % 2 == 0
        return (low > 0 or (low == 0 and even)) and (high < 0 or (high == 0 and even))
    # Nothing comes after the largest number, however far beyond it the exact one is.
    if mode == "rd" or (mode == "rz" and not negative):
        return side > 0 and (compare(above) < 0 or above == Fraction(2) ** 128)
    return side < 0 and (compare(below) > 0 or below == -(Fraction(2) ** 128))


def sign(x):
    return (x > 0) - (x < 0)


def rounding_samples(rng, n):
    bits = rng.integers(0, 2**32, n, dtype=np.uint64).astype(np.uint32).view(np.float32)
    x = np.where(np.isfinite(bits), bits, np.float32(1.25))
    x[: n // 2] = rng.normal(0, 1, n // 2) * 2.0 ** rng.integers(-3, 3, n // 2)
    x[:8] = [0, -0.0, 1, 3.4e38, -3.4e38, 1e-45, -1e-45, 2.0**-126]
    return x.astype(np.float32)


def test_rounded_operations(compiler):
    module = RawModule(code=ROUNDED_SOURCE)
    rng = np.random.default_rng(4)
    x, z = rounding_samples(rng, 400), rng.permutation(rounding_samples(rng, 400))
    z[200:260] = -x[200:260] * np.float32(1 + 2.0**-22)  # so that sums cancel
    w = rng.permutation(x)
    with np.errstate(over="ignore"):
        w[200:300] = -x[200:300] * z[200:300]
    w = np.where(np.isfinite(w), w, np.float32(-1))
    two = run(module.get_function("two"), x, z, rows=16, dtype=np.float32)
    fused = run(module.get_function("fused"), x, z, w, rows=4, dtype=np.float32)
    for i, (a, b, c) in enumerate(zip(*(v.astype(np.float64) for v in (x, z, w)), strict=True)):
        a, b, c = Fraction(a), Fraction(b), Fraction(c)
        results = [(a + b, two[0:4, i]), (a - b, two[4:8, i]), (a * b, two[8:12, i]), (a * b + c, fused[:, i])]
        if b:
            results.append((a / b, two[12:16, i]))
        for exact, row in results:
            for mode, got in zip(MODES, row, strict=True):
                assert is_rounded(got, lambda v: sign(exact - v), mode, exact < 0), (a, b, c, exact, mode, got)  # noqa: B023
    # An exact zero of terms that cancel is -0 downwards.
    y = run(module.get_function("two"), np.float32([1.5]), np.float32([-1.5]), rows=16, dtype=np.float32)
    assert np.signbit(y[:4, 0]).tolist() == [False, False, False, True]

    x = np.abs(x)
    root = run(module.get_function("root"), x, rows=5, dtype=np.float32)
    reciprocal = run(module.get_function("reciprocal"), x, rows=4, dtype=np.float32)
    for i, a in enumerate(x.astype(np.float64)):
        a = Fraction(a)
        for mode, got in zip(MODES, root[:4, i], strict=True):
            assert is_rounded(got, lambda v: 1 if v < 0 else sign(a - v * v), mode, False), (a, mode, got)  # noqa: B023
        if a:
            for mode, got in zip(MODES, reciprocal[:, i], strict=True):
                assert is_rounded(got, lambda v: sign(1 / a - v), mode, False), (a, mode, got)  # noqa: B023
            assert is_rounded(root[4, i], lambda v: 1 if v <= 0 else sign(1 - a * v * v), "rn", False), (a, root[4, i])  # noqa: B023
    assert root[4, 0] == math.inf


# -- conversions -------------------------------------------------------------------------------------------

INTEGERS = {
    "int": ("int", 32, True),
    "uint": ("unsigned", 32, False),
    "ll": ("long long", 64, True),
    "ull": ("unsigned long long", 64, False),
}
DTYPES = {"int": "int32", "uint": "uint32", "ll": "int64", "ull": "uint64"}
CONVERSIONS = "".join(
    kernel(f"{real}2{name}", f"const {real}* x, {c}* y", [f"__{real}2{name}_{m}(x[i])" for m in MODES])
    + kernel(
        f"{name}2{real}",
        f"const {c}* x, {real}* y",
        [f"__{name}2{real}_{m}(x[i])" for m in (MODES if (real, bits) != ("double", 32) else ["rn"])],
    )
    for real in ("float", "double")
    for name, (c, bits, _) in INTEGERS.items()
) + kernel("double2float", "const double* x, float* y", [f"__double2float_{m}(x[i])" for m in MODES])


@pytest.fixture(scope="module")
def conversions(compiler):
    return RawModule(code=CONVERSIONS).get_function


@pytest.mark.parametrize("real", ["float", "double"])
@pytest.mark.parametrize("name", INTEGERS)
def test_to_integers(conversions, real, name):
    _, bits, is_signed = INTEGERS[name]
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if is_signed else (0, 2**bits - 1)
    edges = [
        float(low),
        float(high),
        -0.5,
        0.5,
        1.5,
        2.5,
        -1.5,
        -2.5,
        0.0,
        1e30,
        -1e30,
        math.inf,
        -math.inf,
        math.nan,
        7.999,
        -7.999,
    ]
    dtype = {"float": np.float32, "double": np.float64}[real]
    x = np.array(
        edges + [v for e in (float(low), float(high)) for v in (math.nextafter(e, 0), e * 1.01)] + list(range(-5, 5)),
        dtype,
    )
    got = run(conversions(f"{real}2{name}"), x, rows=4, dtype=DTYPES[name])
    for row, whole in enumerate((round, math.trunc, math.ceil, math.floor)):
        for value, result in zip(x.tolist(), got[row].tolist(), strict=True):
            if math.isnan(value):  # the PTX manual, under cvt
                wanted = 0 if bits == 32 and real == "float" else (low if is_signed else 2 ** (bits - 1))
            elif math.isinf(value):
                wanted = high if value > 0 else low
            else:
                wanted = min(max(whole(value), low), high)
            assert result == wanted, (value, row)


@pytest.mark.parametrize("real", ["float", "double"])
@pytest.mark.parametrize("name", INTEGERS)
def test_from_integers(conversions, real, name):
    _, bits, is_signed = INTEGERS[name]
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if is_signed else (0, 2**bits - 1)
    values = {0, 1, low, high, low + 1, high - 1}
    for power in range(20, bits):
        for offset in (-1, 0, 1):
            values |= {
                2**power + offset,
                2**power + 2 ** (power - 24) + offset,
                2**power + 3 * 2**power // 2**24 + offset,
            }
            values |= {2**power + 2 ** max(power - 53, 0) + offset, -(2**power) + offset}
    x = np.array(sorted(v for v in values if low <= v <= high), DTYPES[name])
    single = (real, bits) == ("double", 32)
    dtype = np.float32 if real == "float" else np.float64
    got = run(conversions(f"{name}2{real}"), x, rows=1 if single else 4, dtype=dtype)
    for row, mode in enumerate(["rn"] if single else MODES):
        for value, result in zip(x.tolist(), got[row], strict=True):
            if real == "float":
                assert is_rounded(result, lambda v: sign(value - v), mode, value < 0), (value, mode)  # noqa: B023
            else:
                error = value - int(result)
                unit = np.spacing(abs(result))
                assert abs(error) <= (unit / 2 if mode == "rn" else unit), (value, mode, result)
                if mode != "rn" and error:
                    assert (error > 0) == (mode == "rd" or (mode == "rz" and value > 0)), (value, mode, result)


def test_double_to_float(conversions):
    rng = np.random.default_rng(7)
    x = np.concatenate(
        [
            rng.normal(0, 1, 300) * 2.0 ** rng.integers(-150, 128, 300),
            [1e300, -1e300, 1e-300, 3.4028235677973366e38, 1.0],
        ]
    )
    got = run(conversions("double2float"), x, rows=4, dtype=np.float32)
    for row, mode in enumerate(MODES):
        for value, result in zip(x.tolist(), got[row], strict=True):
            assert is_rounded(result, lambda v: sign(Fraction(value) - v), mode, value < 0), (value, mode)  # noqa: B023


# -- integers ----------------------------------------------------------------------------------------------


def signed(value, bits=32):
    value &= 2**bits - 1
    return value - 2**bits if value >> (bits - 1) else value


def parts(value, size):
    return [value >> i & (2**size - 1) for i in range(0, 32, size)]


def joined(values, size):
    return sum((v & (2**size - 1)) << (i * size) for i, v in enumerate(values))


def per_part(size, is_signed, operation):
    def of(a, b, c):
        return joined(
            [
                operation(*(signed(p, size) if is_signed else p for p in pair))
                for pair in zip(parts(a, size), parts(b, size), strict=True)
            ],
            size,
        )

    return of


def dot(a, b, c, a_size, b_size, first, is_signed):
    view = signed if is_signed else (lambda value, bits: value)
    left, right = parts(a, a_size), parts(b, b_size)[first : first + 32 // a_size]
    return c + sum(view(p, a_size) * view(q, b_size) for p, q in zip(left, right, strict=True))


INTRINSICS = {
    "__popc(a)": lambda a, b, c: a.bit_count(),
    "__clz(a)": lambda a, b, c: 32 - a.bit_length(),
    "__ffs(a)": lambda a, b, c: (a & -a).bit_length(),
    "__brev(a)": lambda a, b, c: int(f"{a:032b}"[::-1], 2),
    "__mul24(a, b)": lambda a, b, c: signed(a, 24) * signed(b, 24),
    "__umul24(a, b)": lambda a, b, c: (a % 2**24) * (b % 2**24),
    "__mulhi(a, b)": lambda a, b, c: signed(a) * signed(b) >> 32,
    "__umulhi(a, b)": lambda a, b, c: a * b >> 32,
    "__hadd(int(a), int(b))": lambda a, b, c: (signed(a) + signed(b)) >> 1,
    "__rhadd(a, b)": lambda a, b, c: (signed(a) + signed(b) + 1) >> 1,
    "__uhadd(a, b)": lambda a, b, c: (a + b) >> 1,
    "__urhadd(a, b)": lambda a, b, c: (a + b + 1) >> 1,
    "__sad(a, b, c)": lambda a, b, c: abs(signed(a) - signed(b)) + c,
    "__usad(a, b, c)": lambda a, b, c: abs(a - b) + c,
    "__byte_perm(a, b, c)": lambda a, b, c: joined([(b << 32 | a) >> (8 * (c >> 4 * i & 7)) for i in range(4)], 8),
    "__funnelshift_l(a, b, c)": lambda a, b, c: ((b << 32 | a) << c % 32) >> 32,
    "__funnelshift_r(a, b, c)": lambda a, b, c: (b << 32 | a) >> c % 32,
    "__funnelshift_lc(a, b, c)": lambda a, b, c: ((b << 32 | a) << min(c, 32)) >> 32,
    "__funnelshift_rc(a, b, c)": lambda a, b, c: (b << 32 | a) >> min(c, 32),
    "__dp4a(int(a), int(b), int(c))": lambda a, b, c: dot(a, b, c, 8, 8, 0, True),
    "__dp4a(a, b, c)": lambda a, b, c: dot(a, b, c, 8, 8, 0, False),
    "__dp4a(as<char4>(a), as<char4>(b), int(c))": lambda a, b, c: dot(a, b, c, 8, 8, 0, True),
    "__dp4a(as<uchar4>(a), as<uchar4>(b), c)": lambda a, b, c: dot(a, b, c, 8, 8, 0, False),
    "__dp2a_lo(int(a), int(b), int(c))": lambda a, b, c: dot(a, b, c, 16, 8, 0, True),
    "__dp2a_hi(int(a), int(b), int(c))": lambda a, b, c: dot(a, b, c, 16, 8, 2, True),
    "__dp2a_lo(a, b, c)": lambda a, b, c: dot(a, b, c, 16, 8, 0, False),
    "__dp2a_hi(a, b, c)": lambda a, b, c: dot(a, b, c, 16, 8, 2, False),
    "__vadd2(a, b)": per_part(16, False, lambda p, q: p + q),
    "__vadd4(a, b)": per_part(8, False, lambda p, q: p + q),
    "__vsub2(a, b)": per_part(16, False, lambda p, q: p - q),
    "__vsub4(a, b)": per_part(8, False, lambda p, q: p - q),
    "__vmins2(a, b)": per_part(16, True, min),
    "__vmins4(a, b)": per_part(8, True, min),
    "__vminu2(a, b)": per_part(16, False, min),
    "__vminu4(a, b)": per_part(8, False, min),
    "__vmaxs2(a, b)": per_part(16, True, max),
    "__vmaxs4(a, b)": per_part(8, True, max),
    "__vmaxu2(a, b)": per_part(16, False, max),
    "__vmaxu4(a, b)": per_part(8, False, max),
    "__vabsdiffu2(a, b)": per_part(16, False, lambda p, q: abs(p - q)),
    "__vabsdiffu4(a, b)": per_part(8, False, lambda p, q: abs(p - q)),
    "__vcmpeq2(a, b)": per_part(16, False, lambda p, q: -1 if p == q else 0),
    "__vcmpeq4(a, b)": per_part(8, False, lambda p, q: -1 if p == q else 0),
    "__float_as_uint(__uint_as_float(a))": lambda a, b, c: a,
    "__float_as_int(__int_as_float(a))": lambda a, b, c: a,
    "__double2hiint(__hiloint2double(a, b))": lambda a, b, c: a,
    "__double2loint(__hiloint2double(a, b))": lambda a, b, c: b,
}
WIDE_INTRINSICS = {
    "__popcll(a)": lambda a, b: a.bit_count(),
    "__clzll(a)": lambda a, b: 64 - a.bit_length(),
    "__ffsll(a)": lambda a, b: (a & -a).bit_length(),
    "__brevll(a)": lambda a, b: int(f"{a:064b}"[::-1], 2),
    "__mul64hi(a, b)": lambda a, b: signed(a, 64) * signed(b, 64) >> 64,
    "__umul64hi(a, b)": lambda a, b: a * b >> 64,
    "__double_as_longlong(__longlong_as_double(a))": lambda a, b: a,
}
INTEGER_SOURCE = (
    "template <class T> __device__ T as(unsigned x) { return *reinterpret_cast<T*>(&x); }\n"
    + kernel(
        *("words", "const unsigned* x, const unsigned* z, const unsigned* w, unsigned* y", INTRINSICS),
        "unsigned a = x[i], b = z[i], c = w[i]",
    )
    + kernel(
        *("wide", "const unsigned long long* x, const unsigned long long* z, unsigned long long* y", WIDE_INTRINSICS),
        "unsigned long long a = x[i], b = z[i]",
    )
)


def test_integer_intrinsics(compiler):
    module = RawModule(code=INTEGER_SOURCE)
    rng = np.random.default_rng(9)
    edges = [0, 1, 2, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x00FF00FF, 0x80808080]
    triples = list(itertools.product(edges, edges, [0, 1, 31, 32, 33, 0x7654, 0x80000000]))
    triples += rng.integers(0, 2**32, (100, 3)).tolist()
    triples += [(a, a ^ (255 << 8), c) for a, _, c in triples[-50:]]
    x, z, w = (np.array(column, np.uint32) for column in zip(*triples, strict=True))
    got = run(module.get_function("words"), x, z, w, rows=len(INTRINSICS), dtype=np.uint32)
    for row, (name, reference) in enumerate(INTRINSICS.items()):
        for i, triple in enumerate(triples):
            assert got[row, i] == reference(*triple) & MASK32, (name, [hex(v) for v in triple])

    edges = [0, 1, 2**63, 2**64 - 1, 2**63 - 1, 2**32, 0x0123456789ABCDEF]
    pairs = list(itertools.product(edges, edges)) + [(int(a), int(b)) for a, b in rng.integers(0, 2**63, (100, 2))]
    x, z = (np.array(column, np.uint64) for column in zip(*pairs, strict=True))
    got = run(module.get_function("wide"), x, z, rows=len(WIDE_INTRINSICS), dtype=np.uint64)
    for row, (name, reference) in enumerate(WIDE_INTRINSICS.items()):
        for i, pair in enumerate(pairs):
            # A NaN's bits may change on the way through a double; nothing else may.
            assert got[row, i] == reference(*pair) & MASK64, (name, pair)


# -- vector types, memory, stopping ------------------------------------------------------------------------

ELEMENTS = {
    "char": 1, "uchar": 1, "short": 2, "ushort": 2, "int": 4, "uint": 4, "long": 8, "ulong": 8, "longlong": 8,
    "ulonglong": 8, "float": 4, "double": 8,
}  # fmt: skip
VECTORS = (
    "__global__ void sizes(int* y) {\n"
    + "".join(
        f"    y[{8 * k + 2 * (n - 1)}] = sizeof({name}{n}), y[{8 * k + 2 * (n - 1) + 1}] = alignof({name}{n});\n"
        for k, name in enumerate(ELEMENTS)
        for n in (1, 2, 3, 4)
    )
    + "}\n"
    + "__global__ void made(double* y) {\n"
    + "".join(
        f"    {{ {name}1 a = make_{name}1(1); {name}2 b = make_{name}2(1, 2); {name}3 c = make_{name}3(1, 2, 3);\n"
        f"      {name}4 d = make_{name}4(1, 2, 3, 4), e = {{5, 6, 7, 8}};\n"
        f"      y[{k}] = a.x + b.x + 10 * b.y + c.x + 10 * c.y + 100 * c.z + d.x + 10 * d.y + 100 * d.z;\n"
        f"      y[{k}] += 1000 * d.w + e.w; }}\n"
        for k, name in enumerate(ELEMENTS)
    )
    + "}\n"
    + r"""
    __global__ void loads(const float* x, float* y) {
        int i = threadIdx.x;
        float4 a = reinterpret_cast<const float4*>(x)[i], b = __ldg(reinterpret_cast<const float4*>(x) + i);
        float2 c = __ldcg(reinterpret_cast<const float2*>(x) + 2 * i);
        a.x += b.w + c.y + __ldca(x) + __ldcs(x + 1) + __ldlu(x + 2) + __ldcv(x + 3);
        reinterpret_cast<float4*>(y)[i] = a;
        __stwb(y + 1 + 4 * i, 1), __stcg(y + 2 + 4 * i, 2.0), __stcs(y + 3 + 4 * i, a.w), __stwt(y + 3 + 4 * i, 7);
    }
    struct alignas(16) Sixteen { char c; };
    template <class T, int n> struct alignas(sizeof(T) * n) Pack { T v[n]; };
    __constant__ float table[4] = {1, 2, 3, 4};
    __device__ int counter = 3;
    __device__ __forceinline__ int twice(int x) { return 2 * x; }
    __device__ __noinline__ int thrice(int x) { return 3 * x; }
    __global__ void __launch_bounds__(32, 2) qualifiers(int* __restrict__ y, const __grid_constant__ dim3 given) {
        __shared__ alignas(64) char first[3];
        __shared__ __align__(32) float second[3];
        alignas(float4) char local[16];
        first[0] = 1, second[0] = 2, local[0] = 3;
        y[0] = reinterpret_cast<size_t>(first) % 64 + reinterpret_cast<size_t>(second) % 32;
        y[0] += reinterpret_cast<size_t>(local) % 16;
        y[1] = sizeof(Sixteen) + sizeof(Pack<float, 4>) + alignof(Pack<double, 2>);
        y[2] = table[3] + counter++ + twice(4) + thrice(5);
        dim3 d(3), e(make_uint3(1, 2, 3));
        uint3 u = e;
        y[3] = d.x + d.y + d.z + u.z + given.y + dim3().x;
#pragma unroll 4
        for (int i = 0; i < 4; ++i) __builtin_assume(y[3] > 0);
        auto square = [=](int x) { return x * x; };
        y[4] = square(6) + first[0] + int(second[0]) + local[0];
        char text[6] = "hello";
        char copy[6];
        memcpy(copy, text, 6), memset(text, 'x', 5);
        y[5] = copy[4] == 'o' && text[4] == 'x';
        y[6] = __CUDA_ARCH__ == 900;
    }
    __global__ void stops(int how) {
        if (how == 1) __trap();
        if (how == 2) __brkpt();
        assert(how != 3);
        assert((twice(how) != 8));
        if (how == 5) printf("five %d\n", how);
    }
    """
)


@pytest.fixture(scope="module")
def vectors(compiler):
    return RawModule(code=VECTORS).get_function


def test_vector_types(vectors):
    y = np.zeros((len(ELEMENTS), 4, 2), np.int32)
    vectors("sizes")((1,), (1,), (y,))
    for sizes, (name, size) in zip(y, ELEMENTS.items(), strict=True):
        wanted = [[size, size], [2 * size, 2 * size], [3 * size, size], [4 * size, min(4 * size, 16)]]
        assert sizes.tolist() == wanted, name
    y = np.zeros(len(ELEMENTS))
    vectors("made")((1,), (1,), (y,))
    assert y.tolist() == [1 + 21 + 321 + 4321 + 8] * len(ELEMENTS)


def test_vector_loads(vectors):
    x, y = np.arange(64, dtype=np.float32), np.zeros(64, np.float32)
    vectors("loads")((1,), (16,), (x, y))
    i = np.arange(16)
    wanted = np.stack([4 * i + (4 * i + 3) + (4 * i + 1) + 6, 0 * i + 1, 0 * i + 2, 0 * i + 7], 1)
    assert np.array_equal(y.reshape(16, 4), wanted)


def test_qualifiers(vectors):
    y = np.zeros(7, np.int32)
    dim3 = np.array((5, 6, 7), np.dtype([("x", "u4"), ("y", "u4"), ("z", "u4")]))
    vectors("qualifiers")((1,), (1,), (y, dim3))
    assert y.tolist() == [0, 48, 4 + 3 + 8 + 15, 3 + 1 + 1 + 3 + 6 + 1, 42, 1, 1]


@pytest.mark.parametrize(
    ("how", "said"),
    [(1, "__trap"), (2, "__brkpt"), (3, r"assert\(how != 3\)"), (4, r"assert\(\(twice\(how\) != 8\)\)")],
)
def test_stopping(vectors, how, said):
    with pytest.raises(KernelTrap, match=said):
        vectors("stops")((1,), (1,), (np.int32(how),))


def test_not_stopping(vectors, capfd):
    vectors("stops")((1,), (1,), (np.int32(5),))


@pytest.mark.parametrize(
    "header",
    [
        *("cuda_runtime.h", "device_launch_parameters.h", "cuda.h", "math.h", "assert.h", "math_constants.h"),
        *("cmath", "cstdint", "cstddef", "cfloat", "climits", "cassert", "cstdio", "cstring"),
        *("type_traits", "utility", "limits", "algorithm"),
    ],
)
def test_every_header_stands_alone(compiler, header):
    if compiler == "g++" and header not in ("cmath", "cstdio", "limits"):
        pytest.skip("one compiler is enough for the others")
    RawKernel(f"#include <{header}>\n__global__ void nothing() {{}}", "nothing")((1,), (1,), ())


HEADERS = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
#include <limits.h>
#include <float.h>
#include <math.h>
#include <assert.h>
#include <time.h>
#include <cmath>
#include <cstdint>
#include <cfloat>
#include <climits>
#include <cstring>
#include <cstdio>
#include <cassert>
#include <type_traits>
#include <utility>
#include <limits>
#include <algorithm>
#include <math_constants.h>
#include <cuda_runtime.h>
template <class T, std::enable_if_t<std::is_floating_point<T>::value, int> = 0>
__device__ T logistic(T x) { return T(1) / (T(1) + std::exp(-x)); }
template <class T> __device__ std::conditional_t<std::is_integral_v<T>, long, double> widened(T x) { return x; }
enum class Colour : unsigned char { red = 2 };
static_assert(std::is_same_v<std::underlying_type_t<Colour>, unsigned char> && std::is_enum_v<Colour>);
static_assert(std::is_same_v<std::decay_t<const int&>, int>);
static_assert(std::is_same_v<std::make_unsigned_t<long>, unsigned long>);
static_assert(std::is_pointer_v<int*> && !std::is_pointer_v<int> && std::is_array_v<int[3]> && std::is_class_v<float4>);
static_assert(std::is_signed_v<int> && std::is_unsigned_v<uint32_t> && std::is_trivially_copyable_v<float4>);
static_assert(std::numeric_limits<int>::max() == INT_MAX && std::numeric_limits<int64_t>::lowest() == INT64_MIN);
static_assert(std::numeric_limits<uint8_t>::max() == 255 && std::numeric_limits<float>::max() == FLT_MAX);
static_assert(std::is_same_v<decltype(std::declval<float>() * 2.0), double>);
__global__ void everything(float* y, int* z) {
    assert(y != nullptr);
    y[0] = logistic(0.0f) + std::sqrt(16.0f) + std::numeric_limits<float>::epsilon() * 0 + CUDART_PI_F * 0;
    y[1] = std::numeric_limits<float>::infinity();
    z[0] = 1, z[1] = 2;
    std::swap(z[0], z[1]);
    z[2] = std::min(3, 4) + std::max(5, 6) + std::clamp(9, 1, 7) + sizeof(widened(1)) + int(std::abs(-2.0f));
    z[3] = std::isnan(CUDART_NAN_F) + std::isinf(CUDART_INF) + (CUDART_MAX_NORMAL_F == FLT_MAX);
    z[3] += (CUDART_MIN_DENORM > 0) + INT32_MAX * 0;
}
"""


def test_headers_together(compiler):
    y, z = np.zeros(2, np.float32), np.zeros(4, np.int32)
    RawKernel(HEADERS, "everything")((1,), (1,), (y, z))
    assert y.tolist() == [4.5, np.inf]
    assert z.tolist() == [2, 1, 3 + 6 + 7 + 8 + 2, 4]


def test_what_cuda_does_not_have_is_no_word(compiler):
    with pytest.raises(CompileError, match="ambiguous"):
        RawKernel("__global__ void f(int* y, size_t n) { *y = min(3, n); }", "f")(
            (1,), (1,), (np.zeros(1, np.int32), np.uint64(3))
        )
    with pytest.raises(CompileError, match="CUDA has no atomicAdd for this type"):
        RawKernel("__global__ void f(size_t* y) { atomicAdd(y, 1); }", "f")((1,), (1,), (np.zeros(1, np.uint64),))
