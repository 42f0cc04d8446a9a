"""Real bugs that no implementation of the contract can show, or that another one stands for, with the reason."""

NOT_PLANTED = {
    "https://github.com/pytorch/pytorch/issues/5057": "conv_transpose without an output size: as torch7_20",
    "https://github.com/uxlfoundation/oneDNN/issues/4124": "the same fault as onednn_4081",
    "https://github.com/tensorflow/tensorflow/issues/14601": "what SAME means: the problem's padding is explicit",
    "https://github.com/pytorch/pytorch/issues/9592": (
        "accepts a kernel larger than the input: a `Problem` that does not fit cannot be made"
    ),
    "https://github.com/microsoft/onnxruntime/issues/10086": "negative SAME padding: the contract has none",
    "https://github.com/AlexeyAB/darknet/issues/4836": "dilated and wrong; in what way is not told",
    "https://github.com/pytorch/pytorch/issues/62594": "NHWC and NCHW differ within what half precision explains",
    "https://github.com/ggml-org/llama.cpp/pull/15956": "a compact layout is assumed: as pytorch_192212",
    "https://github.com/apache/tvm/issues/9087": "a grid beyond 65,535, in a compiler's schedule: as mlx_3893",
    "https://github.com/tensorflow/tensorflow/issues/9949": "junk for an empty input: as nnlib_763",
    "https://github.com/tensorflow/tensorflow/issues/22095": "depends on the batch's size: as tensorflow_1299",
    "https://github.com/pytorch/pytorch/issues/163539": "3-D, bfloat16, and in some versions of cuDNN only",
}
