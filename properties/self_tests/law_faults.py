"""Right implementations but for one fault each, and the law that each is aimed at."""

import numpy as np

from refconv import windows
from refconv_cuda.simulator import schedule


class Right:
    forward = staticmethod(windows.forward)
    grad_input = staticmethod(windows.grad_input)
    grad_weight = staticmethod(windows.grad_weight)


class DropsAChannel(Right):
    def forward(self, x, w, problem):
        w = w.copy()
        if problem.c_in_per_group > 1:
            w[:, :, -1] = 0
        return windows.forward(x, w, problem)


class AddsInHalfPrecision(Right):
    def forward(self, x, w, problem):
        return windows.forward(x.astype(np.float16), w.astype(np.float16), problem).astype(x.dtype)

    def grad_input(self, gy, w, problem):
        return windows.grad_input(gy.astype(np.float16), w.astype(np.float16), problem).astype(gy.dtype)

    def grad_weight(self, gy, x, problem):
        return windows.grad_weight(gy.astype(np.float16), x.astype(np.float16), problem).astype(gy.dtype)


class RoundsOnceMore(Right):
    """As TF32 does: products of operands with 11 significand bits."""

    def forward(self, x, w, problem):
        short = (x.astype(np.float32).view(np.uint32) & 0xFFFFE000).view(np.float32)
        return windows.forward(short, w, problem).astype(x.dtype)

    grad_input = grad_weight = None


class ReversesTaps(Right):
    def forward(self, x, w, problem):
        return windows.forward(x, w[::-1, ::-1], problem)


class ForgetsToFlip(Right):
    def grad_input(self, gy, w, problem):
        return windows.grad_input(gy, w[::-1, ::-1], problem)


class ForgetsTheLastRowOfG(Right):
    def grad_weight(self, gy, x, problem):
        gy = gy.copy()
        gy[:, problem.out_height - 1 :] = 0
        return windows.grad_weight(gy, x, problem)


class Clamps(Right):
    def forward(self, x, w, problem):
        return np.maximum(windows.forward(x, w, problem), 0)


class AddsABias(Right):
    def forward(self, x, w, problem):
        return windows.forward(x, w, problem) + x.dtype.type(1)

    def grad_weight(self, gy, x, problem):
        return windows.grad_weight(gy, x, problem) + gy.dtype.type(1)

    def grad_input(self, gy, w, problem):
        return windows.grad_input(gy, w, problem) + gy.dtype.type(1)


class RoundsTheSizeUp(Right):
    def forward(self, x, w, problem):
        r_h, r_w = problem.remainder
        return np.pad(windows.forward(x, w, problem), ((0, 0), (0, r_h > 0), (0, r_w > 0), (0, 0)))


class CropsTheGradient(Right):
    def grad_input(self, gy, w, problem):
        return windows.grad_input(gy, w, problem)[:, : problem.height - problem.remainder.height]


class LeavesGarbageBehindTheLastWindow(Right):
    def grad_input(self, gy, w, problem):
        gx = windows.grad_input(gy, w, problem)
        reached = windows.grad_input(np.ones_like(gy), np.ones_like(w), problem) != 0
        return np.where(reached, gx, gy.dtype.type(7))


class ReadsBehindTheLastWindow(Right):
    def forward(self, x, w, problem):
        return windows.forward(x, w, problem) + x[:, -1:, -1:, :1]


class TakesTheOtherStride(Right):
    def forward(self, x, w, problem):
        s_h, s_w = problem.stride
        dense = windows.forward(x, w, problem.replace(stride=1))
        rows, columns = (np.arange(problem.out_height) * s_w, np.arange(problem.out_width) * s_h)
        return dense[:, rows.clip(max=dense.shape[1] - 1)][:, :, columns.clip(max=dense.shape[2] - 1)]


class PadsWithTheEdge(Right):
    def forward(self, x, w, problem):
        top, bottom, left, right = problem.padding
        padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), mode="edge")
        return windows.forward(padded, w, bare(problem))


class TransposesSquareKernels(Right):
    def forward(self, x, w, problem):
        square = problem.kernel.height == problem.kernel.width
        return windows.forward(x, w.swapaxes(0, 1) if square and problem.height > problem.width else w, problem)


class ReversesImages(Right):
    def forward(self, x, w, problem):
        return windows.forward(x, w, problem)[::-1].copy()


class ForgetsTheEmptyBatch(Right):
    def grad_weight(self, gy, x, problem):
        return windows.grad_weight(gy, x, problem) + gy.dtype.type(problem.batch == 0)


class LeavesMemoryAsItWas(Right):
    def forward(self, x, w, problem):
        y = np.empty(problem.y_shape, x.dtype)
        y[:, :, :, 1:] = windows.forward(x, w, problem)[:, :, :, 1:]
        return y


class WritesBeside(Right):
    def forward(self, x, w, problem):
        beside = np.lib.stride_tricks.as_strided(x, (x.size + 1,), (x.itemsize,))
        beside[-1] = 0
        return windows.forward(x, w, problem)


class WritesToItsOperand(Right):
    def forward(self, x, w, problem):
        y = windows.forward(x, w, problem)
        w += 1
        return y


class Counts(Right):
    calls = 0

    def grad_input(self, gy, w, problem):
        self.calls += 1
        return windows.grad_input(gy, w, problem) + gy.dtype.type(self.calls % 2)


class RemembersTheKernel(Right):
    """A cache whose key forgets the values."""

    def __init__(self):
        self.kernels = {}

    def forward(self, x, w, problem):
        return windows.forward(x, self.kernels.setdefault((problem.x_shape, w.shape), w.copy()), problem)


class RemembersTheLastProblem(Right):
    def __init__(self):
        self.last = None

    def forward(self, x, w, problem):
        stale = self.last not in (None, problem)
        self.last = problem
        return windows.forward(x, w, problem) + x.dtype.type(stale)


class DependsOnTheOrder(Right):
    def forward(self, x, w, problem):
        return windows.forward(x, w, problem) + x.dtype.type(schedule.current().order == "random")


class LeaksThroughZeros(Right):
    """Multiplies what lies outside of the window by zero."""

    def forward(self, x, w, problem):
        return windows.forward(x, w, problem) + x.dtype.type(0) * x.sum(dtype=x.dtype)


class SwallowsNaNs(Right):
    def forward(self, x, w, problem):
        return np.nan_to_num(windows.forward(x, w, problem))


class ReachesTheNextImage(Right):
    def grad_input(self, gy, w, problem):
        gx = windows.grad_input(gy, w, problem)
        gx[1:, :1, :1] += gx[:-1, -1:, -1:]
        return gx


class MissesTheSecondColumn(Right):
    def forward(self, x, w, problem):
        y = windows.forward(x, w, problem)
        y[:, :, 1:2] = 0
        return y


class AddsTwoChannelsOnly(Right):
    def forward(self, x, w, problem):
        w = w.copy()
        w[:, :, 2:] = 0
        return windows.forward(x, w, problem)


class TakesChannelsInTurn(Right):
    """Deals the channels out to the groups like cards."""

    def grad_weight(self, gy, x, problem):
        dealt = x.reshape(*x.shape[:3], -1, problem.groups).swapaxes(3, 4).reshape(x.shape)
        return windows.grad_weight(gy, dealt, problem)


class ReadsMemoryAsItLies(Right):
    def forward(self, x, w, problem):
        return windows.forward(x.ravel(order="K").reshape(x.shape), w, problem)


class ReturnsItsWorkspace(Right):
    def __init__(self):
        self.workspaces = {}

    def grad_input(self, gy, w, problem):
        workspace = self.workspaces.setdefault((problem, gy.dtype), np.empty(problem.x_shape, gy.dtype))
        workspace[...] = windows.grad_input(gy, w, problem)
        return workspace


class HasAWrongVariant(Right):
    def __init__(self):
        self.variants = {"right": Right(), "reversed": ReversesTaps()}


class CountsInSixteenBits(Right):
    def forward(self, x, w, problem):
        y = windows.forward(x, w, problem)
        y.reshape(-1)[2**16 :] = 0
        return y


class RefusesWithoutAReason(Right):
    def forward(self, x, w, problem):
        if problem.batch > 65535:
            raise ValueError
        return windows.forward(x, w, problem)


class SavesTheInput(Right):
    """The gradient by W takes the input of the last forward pass, whatever it is given."""

    def __init__(self):
        self.saved = {}

    def forward(self, x, w, problem):
        self.saved[problem] = x.copy()
        return windows.forward(x, w, problem)

    def grad_weight(self, gy, x, problem):
        return windows.grad_weight(gy, self.saved.get(problem, x), problem)


def bare(problem):
    return problem.replace(height=problem.padded.height, width=problem.padded.width, padding=0)


# Law, fault, and what the counterexample says.
AIMED = [
    ("index-sum", DropsAChannel, "but the index sum gives"),
    ("index-sum", ReversesTaps, "but the index sum gives"),
    ("index-sum", ForgetsTheLastRowOfG, "dW["),
    ("rounding", AddsInHalfPrecision, "but rounding in float32 explains at most"),
    ("lowering", DropsAChannel, "but im2col(X) W gives"),
    ("lowering", ForgetsToFlip, "but col2im(G W^T) gives"),
    ("lowering", ForgetsTheLastRowOfG, "but im2col(X)^T G gives"),
    ("transposed-forms", ForgetsToFlip, "but conv(dilate(G), flip(W)) gives"),
    ("transposed-forms", ForgetsTheLastRowOfG, "but conv(X, dilate(G)) gives"),
    ("adjoint", ForgetsToFlip, "but <X, dX> = "),
    ("adjoint", ForgetsTheLastRowOfG, "but <W, dW> = "),
    ("adjoint", ReversesTaps, "<Y, G> = "),
    ("unit-step", Clamps, "f(X+V,W) - f(X,W)["),
    ("unit-step", AddsABias, "but f(V,W) gives"),
    ("bilinear", AddsABias, "(2A+B,C)["),
    ("bilinear", Clamps, "Y(2A+B,C)["),
    ("output-size", RoundsTheSizeUp, "and one more would end at"),
    ("output-size", CropsTheGradient, "dX has shape"),
    ("crop", LeavesGarbageBehindTheLastWindow, "= 7, but no window reaches that pixel"),
    ("crop", ReadsBehindTheLastWindow, "but for pixels that no window reaches"),
    ("subsample", TakesTheOtherStride, "but stride 1 and then [::s] gives"),
    ("explicit-pad", PadsWithTheEdge, "but the explicitly padded input gives"),
    ("transpose", TransposesSquareKernels, "but the problem with height and width exchanged gives"),
    ("batch", ReversesImages, "but each image alone gives"),
    ("batch", ForgetsTheEmptyBatch, "for batch 0, but an empty sum is 0"),
    ("fresh-memory", LeavesMemoryAsItWas, "when fresh memory holds"),
    ("fresh-memory", WritesBeside, "forward wrote beside its operand"),
    ("fresh-memory", WritesToItsOperand, "forward wrote to its operand: w["),
    ("repeat", Counts, "at the second call"),
    ("repeat", RemembersTheLastProblem, "after a call with"),
    ("unit-step", RemembersTheKernel, "f(X,W+V) - f(X,W)["),
    ("schedule", DependsOnTheOrder, "with threads and blocks random"),
    ("locality", LeaksThroughZeros, "of its sum holds"),
    ("locality", SwallowsNaNs, "but a term of its sum holds"),
    ("locality", ReachesTheNextImage, "of its sum holds"),
    ("locality", DropsAChannel, "alone is not 0, but a term of its sum holds it"),
    ("translation", MissesTheSecondColumn, "but Y of X as it was gives"),
    ("channels", AddsTwoChannelsOnly, "channels cut at"),
    ("channels", TakesChannelsInTurn, "each group as a problem of its own gives"),
    ("taps", ReversesTaps, "but the sum over its taps gives"),
    ("taps", ForgetsToFlip, "but the sum over its taps gives"),
    ("views", ReadsMemoryAsItLies, "but contiguous operands instead of x"),
    ("views", ReturnsItsWorkspace, "dX shares memory with the result of the call before"),
    ("variants", HasAWrongVariant, "Y of reversed["),
    ("second-order", SavesTheInput, "but dW(G,V) gives"),
    ("second-order", AddsABias, "but dX(G,V) gives"),
]
