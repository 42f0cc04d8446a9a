"""Four right implementations, each written from the formula by another road; no law may have a word against them.

Y [i,j,k,l] = sum over m,n,p of X[i, j s_h + m d_h - top, k s_w + n d_w - left, p] W[m,n,p,l], within l's group
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view


class Loops:
    """Loops over outputs, taps and groups, one line of channels and images at a time; a pixel outside is skipped."""

    device = "host"

    def terms(self, p):
        """(j, k, m, n, row, column) wherever the pixel is inside."""
        for j, m in np.ndindex(p.out_height, p.kernel.height):
            row = j * p.stride.height + m * p.dilation.height - p.padding.top
            if not 0 <= row < p.height:
                continue
            for k, n in np.ndindex(p.out_width, p.kernel.width):
                column = k * p.stride.width + n * p.dilation.width - p.padding.left
                if 0 <= column < p.width:
                    yield j, k, m, n, row, column

    def groups(self, p):
        c, o = p.c_in // p.groups, p.c_out // p.groups
        return [(slice(g * c, g * c + c), slice(g * o, g * o + o)) for g in range(p.groups)]

    def forward(self, x, w, p):
        y = np.zeros(p.y_shape, x.dtype)
        for j, k, m, n, row, column in self.terms(p):
            for inputs, outputs in self.groups(p):
                y[:, j, k, outputs] += x[:, row, column, inputs] @ w[m, n, :, outputs]
        return y

    def grad_input(self, gy, w, p):
        gx = np.zeros(p.x_shape, gy.dtype)
        for j, k, m, n, row, column in self.terms(p):
            for inputs, outputs in self.groups(p):
                gx[:, row, column, inputs] += gy[:, j, k, outputs] @ w[m, n, :, outputs].T
        return gx

    def grad_weight(self, gy, x, p):
        gw = np.zeros(p.w_shape, gy.dtype)
        for j, k, m, n, row, column in self.terms(p):
            for inputs, outputs in self.groups(p):
                gw[m, n, :, outputs] += x[:, row, column, inputs].T @ gy[:, j, k, outputs]
        return gw


class Strided:
    """im2col as a view that strides make of the padded input; dX adds into the same view, one tap at a time."""

    device = "host"

    def view(self, whole, p):
        """[b, out_h, out_w, a_h, a_w, g, c_in/g] of a padded input, which it shares memory with."""
        image, row, column, channel = whole.strides
        return as_strided(
            whole,
            (p.batch, p.out_height, p.out_width, *p.kernel, p.groups, p.c_in // p.groups),
            (
                *(image, row * p.stride.height, column * p.stride.width),
                *(row * p.dilation.height, column * p.dilation.width),
                *(channel * (p.c_in // p.groups), channel),
            ),
        )

    def bordered(self, p, dtype):
        """Zeros for the padded input, and the part of them that is the input."""
        top, bottom, left, right = p.padding
        whole = np.zeros((p.batch, top + p.height + bottom, left + p.width + right, p.c_in), dtype)
        return whole, whole[:, top : top + p.height, left : left + p.width]

    def columns(self, x, p):
        whole, inner = self.bordered(p, x.dtype)
        inner[...] = x
        taken = self.view(whole, p).transpose(5, 0, 1, 2, 3, 4, 6)
        pixels = p.batch * p.out_height * p.out_width
        return np.ascontiguousarray(taken).reshape(p.groups, pixels, p.terms("forward"))

    def split(self, values, p):
        """The last axis by group: [g, everything else, channels of the group]."""
        return np.stack(np.split(values.reshape(-1, p.c_out), p.groups, axis=1))

    def forward(self, x, w, p):
        return np.concatenate(self.columns(x, p) @ self.split(w, p), axis=1).reshape(p.y_shape)

    def grad_weight(self, gy, x, p):
        products = np.swapaxes(self.columns(x, p), 1, 2) @ self.split(gy, p)
        return np.concatenate(products, axis=1).reshape(p.w_shape)

    def grad_input(self, gy, w, p):
        whole, inner = self.bordered(p, gy.dtype)
        target = self.view(whole, p)
        products = self.split(gy, p) @ np.swapaxes(self.split(w, p), 1, 2)
        products = products.reshape(p.groups, p.batch, p.out_height, p.out_width, *p.kernel, p.c_in // p.groups)
        for m, n in np.ndindex(*p.kernel):
            target[:, :, :, m, n] += np.moveaxis(products[:, :, :, :, m, n], 0, 3)
        return inner.copy()


class Taps:
    """A sum over taps, each on the outputs that it reads a pixel for, cut out by plain slices: nothing is padded."""

    device = "host"

    def along(self, tap, size, stride, before, dilation, out):
        """The outputs for which a tap is inside, and the pixels that it reads there."""
        shift = tap * dilation - before
        first = max(0, -(shift // stride))
        last = min(out, -((shift - size) // stride))
        start = first * stride + shift
        return slice(first, max(first, last)), slice(start, start + stride * max(0, last - first), stride)

    def cuts(self, p):
        """Of each tap: its number, and both cuts on both axes."""
        for m in range(p.kernel.height):
            j, rows = self.along(m, p.height, p.stride.height, p.padding.top, p.dilation.height, p.out_height)
            for n in range(p.kernel.width):
                k, columns = self.along(n, p.width, p.stride.width, p.padding.left, p.dilation.width, p.out_width)
                yield (m, n), (slice(None), j, k), (slice(None), rows, columns)

    def each_group(self, values, p):
        """The last axis as [g, channels of the group]."""
        return values.reshape(*values.shape[:-1], p.groups, values.shape[-1] // p.groups)

    def forward(self, x, w, p):
        y = np.zeros((*p.y_shape[:3], p.groups, p.c_out // p.groups), x.dtype)
        x, w = self.each_group(x, p), w.reshape(*p.kernel, -1, p.groups, p.c_out // p.groups)
        for tap, outputs, pixels in self.cuts(p):
            y[outputs] += (x[pixels][..., None, :] @ w[tap].swapaxes(0, 1))[..., 0, :]
        return y.reshape(p.y_shape)

    def grad_input(self, gy, w, p):
        gx = np.zeros((*p.x_shape[:3], p.groups, p.c_in // p.groups), gy.dtype)
        gy, w = self.each_group(gy, p), w.reshape(*p.kernel, -1, p.groups, p.c_out // p.groups)
        for tap, outputs, pixels in self.cuts(p):
            gx[pixels] += (gy[outputs][..., None, :] @ w[tap].transpose(1, 2, 0))[..., 0, :]
        return gx.reshape(p.x_shape)

    def grad_weight(self, gy, x, p):
        gw = np.zeros(p.w_shape, gy.dtype)
        gy, x = self.each_group(gy, p), self.each_group(x, p)
        for tap, outputs, pixels in self.cuts(p):
            product = np.einsum("ijkgp,ijkgl->pgl", x[pixels], gy[outputs])
            gw[tap] = product.reshape(gw.shape[2:])
        return gw


class Einsum:
    """One einsum over all windows; dX is one too, over the windows of G with zeros between and around."""

    device = "host"

    def windows(self, padded, extents, steps, dilations):
        """[b, out_h, out_w, c, a_h, a_w]."""
        found = sliding_window_view(padded, extents, axis=(1, 2))
        return found[:, :: steps[0], :: steps[1], :, :: dilations[0], :: dilations[1]]

    def read(self, x, p):
        """The windows of the padded input, channels by group: [b, out_h, out_w, g, c_in/g, a_h, a_w]."""
        top, bottom, left, right = p.padding
        padded = np.pad(x, [(0, 0), (top, bottom), (left, right), (0, 0)])
        found = self.windows(padded, p.kernel_extent, p.stride, p.dilation)
        return found.reshape(*found.shape[:3], p.groups, p.c_in // p.groups, *p.kernel)

    def by_group(self, w, p):
        """W as [a_h, a_w, c_in/g, g, c_out/g]."""
        return w.reshape(*p.kernel, p.c_in // p.groups, p.groups, -1)

    def forward(self, x, w, p):
        return np.einsum("ijkgpmn,mnpgl->ijkgl", self.read(x, p), self.by_group(w, p)).reshape(p.y_shape)

    def grad_weight(self, gy, x, p):
        gy = gy.reshape(*gy.shape[:3], p.groups, p.c_out // p.groups)
        return np.einsum("ijkgpmn,ijkgl->mnpgl", self.read(x, p), gy).reshape(p.w_shape)

    def grad_input(self, gy, w, p):
        # G[j] at j s + d (a-1) in a line as long as the padded input and one extent more: then the window that starts
        # at padded row u sees, through tap a-1-m, the output that reads row u through tap m.
        (s_h, s_w), (e_h, e_w) = p.stride, p.kernel_extent
        lines = np.zeros((p.batch, p.padded.height + e_h - 1, p.padded.width + e_w - 1, p.c_out), gy.dtype)
        lines[:, e_h - 1 :: s_h, e_w - 1 :: s_w][:, : p.out_height, : p.out_width] = gy
        found = self.windows(lines, (e_h, e_w), (1, 1), p.dilation)
        top, _, left, _ = p.padding
        found = found[:, top : top + p.height, left : left + p.width]
        found = found.reshape(*p.x_shape[:3], p.groups, p.c_out // p.groups, *p.kernel)
        taps = self.by_group(w[::-1, ::-1], p)
        return np.einsum("iuvglmn,mnpgl->iuvgp", found, taps).reshape(p.x_shape)


RIGHT = {made.__name__: made for made in (Loops, Strided, Taps, Einsum)}
