"""``refconv kernels``: what each NVRTC makes of each kernel, kept as JSON and compared, without a GPU.

`survey` compiles and measures, `figures` keeps what it found, `verdict` judges it, `tables` prints it.
"""
