"""What a GPU could do at most, by its maker's datasheet: the roof of the roofline.

Tensor-core rates are dense; datasheets print them with sparsity, which is twice as much. float64 and float32 are the
higher of what the vector units and the tensor cores do without rounding the operands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TERA, GIGA = 1e12, 1e9


@dataclass(frozen=True)
class Peaks:
    """FLOP/s by dtype, and bytes/s of the device memory. source: the datasheet."""

    flops: dict[str, float]
    bandwidth: float
    source: str


@dataclass(frozen=True)
class _Row:
    """name: what the driver's name for the GPU must match. capability: what it must have besides."""

    name: str
    capability: str
    peaks: Peaks


def _peaks(
    source: str,
    gigabytes: float,
    *,
    float64: float,
    float32: float,
    tf32: float | None = None,
    float16: float | None = None,
    bfloat16: bool = True,
) -> Peaks:
    given = {"float64": float64, "float32": float32, "tf32": tf32, "float16": float16}
    given["bfloat16"] = float16 if bfloat16 else None
    return Peaks({name: TERA * rate for name, rate in given.items() if rate is not None}, GIGA * gigabytes, source)


_H200 = "https://www.nvidia.com/en-us/data-center/h200/"
_H100 = "https://www.nvidia.com/en-us/data-center/h100/"
_H100_PCIE = "https://resources.nvidia.com/en-us-tensor-core/nvidia-tensor-core-gpu-datasheet"
_A100 = "https://www.nvidia.com/en-us/data-center/a100/"
_V100 = "https://www.nvidia.com/en-us/data-center/v100/"
_L40S = "https://www.nvidia.com/en-us/data-center/l40s/"
_L4 = "https://www.nvidia.com/en-us/data-center/l4/"

# The first that matches counts, so the special comes before the general.
_TABLE = (
    _Row("H200 NVL", "9.0", _peaks(_H200, 4800, float64=60, float32=60, tf32=417.5, float16=835.5)),
    _Row("H200", "9.0", _peaks(_H200, 4800, float64=67, float32=67, tf32=494.5, float16=989.5)),
    _Row("H100 NVL", "9.0", _peaks(_H100, 3900, float64=60, float32=60, tf32=417.5, float16=835.5)),
    _Row("H100 PCIe", "9.0", _peaks(_H100_PCIE, 2000, float64=51, float32=51, tf32=378, float16=756.5)),
    _Row("H100", "9.0", _peaks(_H100, 3350, float64=67, float32=67, tf32=494.5, float16=989.5)),
    _Row("A100 80GB PCIe", "8.0", _peaks(_A100, 1935, float64=19.5, float32=19.5, tf32=156, float16=312)),
    _Row("A100.*80GB", "8.0", _peaks(_A100, 2039, float64=19.5, float32=19.5, tf32=156, float16=312)),
    _Row("A100", "8.0", _peaks(_A100, 1555, float64=19.5, float32=19.5, tf32=156, float16=312)),
    _Row("V100-PCIE", "7.0", _peaks(_V100, 900, float64=7, float32=14, float16=112, bfloat16=False)),
    _Row("V100-", "7.0", _peaks(_V100, 900, float64=7.8, float32=15.7, float16=125, bfloat16=False)),
    _Row("L40S", "8.9", _peaks(_L40S, 864, float64=91.6 / 64, float32=91.6, tf32=183, float16=362)),
    _Row("L4$", "8.9", _peaks(_L4, 300, float64=30.3 / 64, float32=30.3, tf32=60, float16=121)),
)


def of(gpu: str | None, capability: str | None) -> Peaks | None:
    """The peaks of a GPU by its driver's name and its compute capability, as 9.0; None where no datasheet is known."""
    for row in _TABLE:
        if gpu is not None and capability == row.capability and re.search(row.name, gpu, re.IGNORECASE):
            return row.peaks
    return None
