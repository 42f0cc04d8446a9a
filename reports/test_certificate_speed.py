"""How much faster a certificate is than the vectorised oracle, on layers above 50 GFLOP.

    python -m pytest reports/test_certificate_speed.py -s
    REFCONV_ALL_LAYERS=1 python -m pytest reports/test_certificate_speed.py -s       # every such layer of layers.csv

One process. A layer's batch is halved while the layer stays above 50 GFLOP, so that the oracle takes seconds. The
certificate's time is that of contracting the operands and of verifying the result; the oracle's, of computing it. Both
see the same operands, and the certificate must hold before its time counts.
"""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

import pytest

from refconv import certificate, layers, windows
from refconv.certificate import Expected
from refconv.problem import OPERATORS, Problem

pytest.importorskip("pytest_benchmark")

LEAST = 50e9
TABLE = Path(__file__).parent / "layers.csv"
CHOSEN = ("vgg_conv5_1", "sd_unet_320@64")  # small images with many channels; large images with fewer
RATIOS: dict[str, float] = {}


def flop(problem: Problem) -> int:
    """Of any of the operators: a multiplication and an addition for each product."""
    return 2 * problem.multiplications


def just_above(problem: Problem) -> Problem:
    """The problem on as few images as keep it above 50 GFLOP."""
    while problem.batch > 1 and flop(half := problem.replace(batch=problem.batch // 2)) >= LEAST:
        problem = half
    return problem


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize(
    "layer", [layer for layer in layers.read(TABLE) if flop(layer.problem) >= LEAST], ids=lambda layer: layer.name
)
def test_a_certificate_beside_the_oracle(benchmark, layer, operator):
    """Median of five certificates, one run of the oracle."""
    if layer.name not in CHOSEN and "REFCONV_ALL_LAYERS" not in os.environ:
        pytest.skip("with REFCONV_ALL_LAYERS only")
    problem = just_above(layer.problem)
    pair = certificate.operands(operator, problem, 1, "float32")
    started = time.perf_counter()
    result = getattr(windows, operator)(pair.first, pair.second, problem)
    oracle = time.perf_counter() - started
    found = benchmark.pedantic(lambda: Expected(operator, pair, problem, 2).certify(result), rounds=5, warmup_rounds=1)
    assert found.holds
    ratio = oracle / benchmark.stats.stats.median
    name = f"{layer.name} {problem} {operator}"
    RATIOS[name] = ratio
    benchmark.extra_info |= {"kind": "certificate", "layer": layer.name, "operator": operator, "oracle_ratio": ratio}
    benchmark.extra_info |= {"oracle_seconds": round(oracle, 3), "times_faster": round(ratio, 1)}


def test_it_is_twenty_times_faster():
    """The geometric mean over what was measured in this run."""
    if not RATIOS:
        pytest.skip("nothing was measured")
    mean = statistics.geometric_mean(RATIOS.values())
    print("\n\na certificate, as many times faster than the vectorised oracle, float32")
    for name, ratio in RATIOS.items():
        print(f"  {name:60} {ratio:8,.1f}")
    print(f"  geometric mean of {len(RATIOS)}{'':40} {mean:8,.1f}")
    assert mean >= 20
