"""refconv_cuda: CUDA im2col and implicit-GEMM kernels, and two devices to run them on.

Importing this package needs no GPU and no CuPy; `refconv_cuda.gpu` imports CuPy when a kernel is first asked for.
`refconv_cuda.nvrtc` compiles the kernels, or anyone's, for any GPU, without one.
"""
