"""The peers through PyTorch compute the same, on the CPU here: layouts, stand-ins, im2col and col2im."""

import numpy as np
import pytest

from refconv import exact, windows
from refconv.problem import OPERANDS, OPERATORS, Problem
from refconv_reports.bench import buffers, torch_arrays
from refconv_reports.bench.peers import PEERS

torch = pytest.importorskip("torch")

PROBLEMS = [
    "b2h5w6i4o6k3x2s2x1p1x2d1x2g2",
    "b2h8w8i3o5k3p1",
    "b3h7w7i4o4k1",
    "b2h9w8i6o6k3s2g6",
    "b1h5w5i2o3k5p2",
    "b1h6w7i2o2k3s3p0d2",
]


@pytest.fixture(scope="module")
def home():
    return torch_arrays.OnTorch(torch, "cpu")


@pytest.mark.parametrize("dtype", ["float64", "float32", "tf32", "float16", "bfloat16"])
@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("text", PROBLEMS)
def test_a_peer_is_right(home, text, name, operator, dtype):
    problem, peer = Problem.parse(text), PEERS[name](home)
    o = exact.operands(problem, 3, dtype, operators=(operator,), stored=True)
    first, second = (getattr(o, operand) for operand in OPERANDS[operator])
    given = [home.operand(a, n, dtype) for a, n in zip((first, second), OPERANDS[operator], strict=True)]
    with peer.precisely(dtype) as settings:
        result = home.result(peer.call(operator, *given, problem), operator)
    expected = getattr(windows, operator)(first.astype(np.float64), second.astype(np.float64), problem)
    assert np.array_equal(result, expected)
    assert settings == {"allow_tf32": dtype == "tf32", "cudnn_benchmark": True, "memory_format": "channels_last"}


@pytest.mark.parametrize("name", PEERS)
def test_operands_for_timing_are_laid_out_alike(home, name):
    problem, peer = Problem.parse(PROBLEMS[0]), PEERS[name](home)
    for operator in OPERATORS:
        first, second = buffers.rotation(home, operator, problem, "bfloat16")[1]
        assert first.dtype == second.dtype == torch.bfloat16
        for tensor in (first, second):
            assert tensor.is_contiguous(memory_format=torch.channels_last)
        shape = home.result(peer.call(operator, first, second, problem), operator).shape
        assert tuple(shape) == problem.result_shape(operator)


def test_settings_are_as_they_were_afterwards(home):
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32, torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark
    with PEERS["torch-cudnn"](home).precisely("tf32"):
        assert matmul.allow_tf32
        assert torch.backends.cudnn.allow_tf32
        assert torch.backends.cudnn.benchmark
    with PEERS["torch-cudnn"](home).precisely("float32"):
        assert not matmul.allow_tf32
        assert not torch.backends.cudnn.allow_tf32
    assert before == (matmul.allow_tf32, torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark)


def test_sides_that_differ_are_refused(home):
    for peer in PEERS.values():
        assert "pads both sides alike" in peer(home).unsupported(Problem.parse("b1h3w4i1o1k2p1.0.0.1"))
        assert peer(home).unsupported(Problem.parse("b1h3w4i1o1k2p1")) is None
