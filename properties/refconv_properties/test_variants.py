"""The law of variants: an implementation's kernels, tiles and splits agree."""

from __future__ import annotations

from dataclasses import replace

from refconv import exact
from refconv.problem import OPERANDS, RESULTS, Problem
from refconv_properties.broken import equal, only_if
from refconv_properties.laws import law
from refconv_properties.subject import Subject


def _has_variants(conv: Subject) -> str | None:
    return None if getattr(conv.implementation.target, "variants", None) else "no variants offered"


@law(
    "variants",
    "every variant that an implementation offers gives the same, also where it would not be chosen",
    kills="kernels, tiles, splits and tails that the chooser picks only for large problems",
    trust="they compute the same sums of integers, which are exact in any order",
    seen=("ROCm/rocm-libraries#10627", "jax-ml/jax#22855", "tracel-ai/burn#5626", "ROCm/MIOpen#1206"),
    condition=_has_variants,
)
def test_variants(conv: Subject, problem: Problem, seed: int) -> None:
    """One operator and one of the variants that take the problem an example, by the seed."""
    operator = conv.one_of(seed)
    variants = {
        name: replace(conv.implementation, target=target)
        for name, target in conv.implementation.target.variants.items()
    }
    able = [name for name, implementation in variants.items() if implementation.unsupported(problem) is None]
    only_if(able)
    chosen = able[seed // 100 % len(able)]
    variant = replace(conv, implementation=variants[chosen])
    o = exact.operands(problem, seed, conv.format, operators=(operator,))
    first, second = (getattr(o, name) for name in OPERANDS[operator])
    expected = conv.call(operator, first, second, problem)
    equal(variant.call(operator, first, second, problem), expected, f"{RESULTS[operator]} of {chosen}", "the default")
