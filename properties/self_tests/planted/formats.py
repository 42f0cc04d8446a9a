"""Right in every format, and wrong in those that it is told to be wrong in."""

import numpy as np

from refconv import windows


class Conv:
    """tf32 as a tensor core takes its operands: rounded to 11 bits. float32 and tf32 are told apart by `in_format`."""

    dtypes = ("float64", "float32", "tf32", "float16", "bfloat16")
    rounds = False

    def in_format(self, name):
        chosen = type(self)()
        chosen.rounds = name == "tf32"
        return chosen

    def forward(self, x, w, problem):
        if self.rounds:
            x, w = to_tf32(x), to_tf32(w)
        return windows.forward(x, w, problem)


class Narrow(Conv):
    """Takes none of the usual formats."""

    dtypes = ("bfloat16", "tf32")


class WrongInFloat16(Conv):
    """Its tf32 is what it declares, its float16 not."""

    def in_format(self, name):
        chosen = super().in_format(name)
        chosen.wrong = name == "float16"
        return chosen

    def forward(self, x, w, problem):
        return super().forward(x, w, problem) * x.dtype.type(2 if self.wrong else 1)


class Deceiver(Conv):
    """Rounds the operands of float32, too."""

    def in_format(self, name):
        return super().in_format("tf32")


def to_tf32(values):
    """Ties away from zero, as PTX's cvt.rna.tf32.f32."""
    return ((values.view(np.uint32) + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view(np.float32)
