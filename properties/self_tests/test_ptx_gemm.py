"""A whole kernel in inline PTX, copies beside products: right under every schedule, and each slip in it is found."""

import re
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from conftest import COMPILERS, use_compiler

from refconv_cuda import simulator
from refconv_cuda.simulator import BarrierDivergence, KernelError, OutOfBounds, Race, RawModule, Schedule

SOURCE = Path(__file__).parent / "ptx" / "gemm.cu"
TEXT = SOURCE.read_text()
M, N, K = 64, 32, 64


@contextmanager
def compiled_by(name):
    with pytest.MonkeyPatch.context() as patch:
        use_compiler(name, patch)
        yield


def launch(module, m=M, n=N, k=K, seed=0):
    """The result, and what it should be."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(-4, 5, (m, k)).astype(np.float16), rng.integers(-4, 5, (k, n)).astype(np.float16)
    d = np.zeros((m, n), np.float32)
    with simulator.scheduled(Schedule.from_seed(seed)):
        module.get_function("gemm")((n // 32, m // 32), (128,), (a, b, d, np.int32(n), np.int32(k)))
    return d, a.astype(np.float32) @ b.astype(np.float32)


@pytest.mark.parametrize("check", [False, True], ids=["plain", "checked"])
def test_it_is_right_under_every_schedule(compiler, check):
    module = RawModule(path=SOURCE, check=check)
    for seed in range(12):
        d, wanted = launch(module, seed=seed)
        assert np.array_equal(d, wanted)


def test_it_is_right_on_several_threads(compiler):
    module = RawModule(path=SOURCE, threads=2)
    d, wanted = launch(module, m=256, n=256, k=32)
    assert module.workers(64, 128) == 2
    assert np.array_equal(d, wanted)


def changed(old, new):
    """The kernel with a slip in it."""
    assert TEXT.count(old) == 1, old
    return RawModule(code=TEXT.replace(old, new), check=True)


def line(text, code=TEXT):
    """The number of the one line that has that text."""
    (number,) = (i for i, each in enumerate(code.splitlines(), 1) if text in each)
    return number


def first_finding(module, seeds=8):
    for seed in range(seeds):
        try:
            launch(module, seed=seed)
        except KernelError as error:
            return error
    pytest.fail(f"nothing found under {seeds} schedules")


LDMATRIX_A = 'asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared'
LDMATRIX_B = 'asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans'
SLIPS = {
    "no barrier before ldmatrix": ("__syncthreads();  // all copies of this buffer are there", "", Race, None),
    "a barrier of the warp before ldmatrix": (
        "__syncthreads();  // all copies of this",
        "__syncwarp();  // all",
        Race,
        None,
    ),
    "no barrier after ldmatrix": ("__syncthreads();  // nobody reads it any more", "", Race, None),
    "a wait too short": ("wait<1>();", "wait<2>();", KernelError, None),
    "an unaligned row of A": ("kPitchA = kDepth + 8", "kPitchA = kDepth + 4", OutOfBounds, None),
    "an unaligned row of B": (
        "&buffers[now].b[lane % 16][column + lane / 16 * 8]",
        "&buffers[now].b[lane % 16][column + lane / 16 * 8] + 1",
        OutOfBounds,
        LDMATRIX_B,
    ),
    "a row of another array": (
        "&buffers[now].a[row + lane % 16][lane / 16 * 8]",
        "reinterpret_cast<const half*>(&sums)",
        OutOfBounds,
        LDMATRIX_A,
    ),
    "rows far behind the end": (
        "&buffers[now].a[row + lane % 16][lane / 16 * 8]",
        "&buffers[now].a[0][0] + 4096 * (lane + 1)",
        OutOfBounds,
        LDMATRIX_A,
    ),
    "lanes that take no part in mma": (
        "multiply(sums[1], left, right[2], right[3]);",
        "if (lane < 16) multiply(sums[1], left, right[2], right[3]);",
        BarrierDivergence,
        None,
    ),
    "lanes that leave before ldmatrix": (
        "unsigned left[4], right[4];",
        "unsigned left[4], right[4]; if (lane == 7 && depth > 0) return;",
        BarrierDivergence,
        None,
    ),
    "a store beyond D": (
        '[%0], {%1, %2};" ::"l"(there + 8 * n)',
        '[%0], {%1, %2};" ::"l"(there + 64 * n)',
        OutOfBounds,
        None,
    ),
    "an unaligned store": ('[%0], {%1, %2};" ::"l"(there)', '[%0], {%1, %2};" ::"l"(there + 1)', OutOfBounds, None),
}


# Accesses are the compiler's to tell of, so those that decide are tried with both; each compilation takes its time.
BOTH = ("no barrier before ldmatrix", "an unaligned row of B", "rows far behind the end", "a store beyond D")


@pytest.mark.parametrize(
    ("slip", "name"), [(slip, name) for slip in SLIPS for name in COMPILERS if name != "g++" or slip in BOTH]
)
def test_a_slip_is_found(slip, name):
    old, new, exception, where = SLIPS[slip]
    with compiled_by(name):
        error = first_finding(changed(old, new))
    assert isinstance(error, exception), error
    assert error.finding.file.endswith("<code>"), error
    if where:
        assert error.finding.line == line(where), error
    if "another array" in slip:
        assert re.search(r"byte -\d+ of shared memory, in no variable", str(error)), error


WRONG = {
    "a fragment's registers in the wrong order": ('"r"(a[0]), "r"(a[1]), "r"(a[2])', '"r"(a[0]), "r"(a[2]), "r"(a[1])'),
    "no transposition": (".x4.trans.shared", ".x4.shared"),
    "a result's columns in the wrong place": ("pair = lane % 4 * 2", "pair = (lane + 1) % 4 * 2"),
    "the halves of B confused": (
        "multiply(sums[1], left, right[2], right[3])",
        "multiply(sums[1], left, right[1], right[2])",
    ),
}


@pytest.mark.parametrize("slip", WRONG)
def test_a_wrong_layout_gives_a_wrong_result(slip):
    """Nothing that a checker of accesses could find; a law that compares results does."""
    old, new = WRONG[slip]
    assert TEXT.count(old) == 1
    d, wanted = launch(RawModule(code=TEXT.replace(old, new)))
    assert not np.array_equal(d, wanted)
