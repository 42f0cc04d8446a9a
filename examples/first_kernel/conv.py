"""Each kernel of this folder as an implementation: `conv.py:step1`, `step2`, `step3`, and `conv`, the right one."""

from pathlib import Path

import numpy as np

from refconv import Problem, exact
from refconv_cuda import device, geometry


class Conv:
    dtypes = ("float32",)

    def __init__(self, file, where="simulator"):
        self.file, self.device = file, device.find(where).name
        if self.device == "gpu":
            import cupy as xp
        else:
            from refconv_cuda import simulator as xp
        self.xp = xp
        path = Path(__file__).with_name(file)
        self.kernel = xp.RawModule(code=f'#line 1 "{path}"\n{path.read_text()}').get_function("forward")

    def on(self, where):
        """This kernel on another device: what --device asks for."""
        return type(self)(self.file, where)

    def supports(self, problem):
        return problem.groups == 1 or "one group only"

    def forward(self, x, w, problem):
        x, w = (self.xp.asarray(np.ascontiguousarray(array)) for array in (x, w))
        y = self.xp.empty(problem.y_shape, x.dtype)
        rows = problem.batch * problem.out_height * problem.out_width
        if rows:
            grid = -(-rows // 8), -(-problem.c_out // 8)
            self.kernel(grid, (8, 8), (x, w, y, geometry.struct(problem)))
        return self.xp.asnumpy(y)

    def __call__(self, simulator):
        """One launch, for `refconv sanitize`: a 3x3 kernel has nine terms, one more than a slice."""
        problem = Problem.parse("b1h3w3i1o1k3")
        o = exact.operands(problem, 0, "float32")
        return self.forward(o.x, o.w, problem)


class Square(Conv):
    """Only what one has in mind at first."""

    def supports(self, problem):
        if len(set(problem.padding)) > 1:
            return "the same padding on all sides only"
        return super().supports(problem)


step1, step2 = Square("step1.cu"), Square("step2.cu")
step3, conv = Conv("step3.cu"), Conv("conv.cu")
