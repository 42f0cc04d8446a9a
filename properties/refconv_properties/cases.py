"""Named problems that ride along with every search: plain, with a tail, and strided, for each kind of kernel.

The idea of a fixed basic set beside the random ones is oneDNN benchdnn's; the shapes are ours.
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
    }.items()
}
