"""refconv: a reference and torture test for 2-D convolution.

This package is the formulas, and needs NumPy only: `Problem` says what a convolution is; `index_sum` is the
three operators as literal sums; `windows`, `lowering` and `transposed` are the same by other roads; `exact` and
`rounding` make operands on which a comparison needs no tolerance. The CUDA kernels and the simulator are
`refconv_cuda`, the property suite is `refconv_properties`.
"""

from refconv.problem import OPERATORS, Operator, Padding, Pair, Problem

__version__ = "0.1.0"
__all__ = ["OPERATORS", "Operator", "Padding", "Pair", "Problem", "__version__"]
