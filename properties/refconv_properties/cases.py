"""Named problems that ride along with every search, so that each run reaches every geometry cell.

Plain, with a tail, and strided, for each kind of kernel; then one for each corner. The idea of a fixed basic set beside
the random ones is oneDNN benchdnn's; the shapes are ours.
"""

from __future__ import annotations

from refconv.problem import Problem

CASES: dict[str, Problem] = {
    name: Problem.parse(text)
    for name, text in {
        "plain 1x1": "b2h3w3i4o4k1",
        "tail 1x1": "b1h4w5i3o5k1s3",
        "strided 1x1": "b2h5w3i3o2k1s2p1",
        "plain 3x3": "b1h4w4i2o3k3p1",
        "tail 3x3": "b2h6w5i1o2k3s2x3",
        "strided 3x3": "b1h7w7i2o2k3s2p1",
        "plain grouped": "b1h4w3i4o6k3p1g2",
        "tail grouped": "b1h6w6i4o2k2x3s3x2g2",
        "strided grouped": "b2h5w5i2o4k3s2p1d2g2",
        "plain depthwise": "b1h4w4i3o3k3p1g3",
        "tail depthwise": "b1h6w7i3o6k2s3p0.1.1.0g3",
        "strided depthwise": "b2h5w6i2o2k3s2x1p1d1x2g2",
        "kernel of the input's size": "b1h3w4i2o2k3x4",
        "one row": "b1h1w6i2o1k1x3p0x1",
        "one column": "b1h6w1i1o2k3x1s2x1p1x0",
        "one output row, however strided": "b2h4w4i1o1k3s2x1",
        "one output column, however strided": "b2h4w4i1o1k3s1x2",
        "padding beyond the kernel": "b1h2w3i1o1k2p2x3",
        "empty batch": "b0h3w3i2o2k2",
        "many images": "b9h2w2i2o2k2",
        "whole vectors": "b1h3w4i8o8k2",
        "below a tile": "b1h2w15i7o9k1",
        "a whole tile": "b1h2w16i8o3k1x2",
        "above a tile": "b1h2w33i5o2k2",
        "64 pixels": "b1h8w8i1o2k1",
        "255 pixels": "b1h15w17i1o1k1",
        "1025 pixels": "b1h25w41i1o1k1",
    }.items()
}
