"""The launchers: checks, grid and launch around each kernel, one file a family of kernels.

A launcher follows refconv's contract, ``forward(x, w, problem)``, ``grad_input(gy, w, problem)`` and
``grad_weight(gy, x, problem)``. `refconv_cuda.convolution` holds those that have a registered name.
"""
