"""The GPU that launchers size their grids for, and the chooser its waves: an H200.

It is an H100 (SXM) with more memory: 132 multiprocessors, by NVIDIA's white paper on that architecture.
"""

MULTIPROCESSORS = 132
FILLING_BLOCKS = 2 * MULTIPROCESSORS  # two for each, so that one computes while the other waits
