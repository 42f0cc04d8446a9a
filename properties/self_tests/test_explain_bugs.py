"""`explain` on the real bugs of `bugs`: the terms read off are what the fault computes; the mistake is named."""

import time

import pytest
from bugs import BUGS

from refconv import exact
from refconv.explain import diagnose
from refconv.explain.terms import Prober
from refconv.problem import OPERANDS, Problem

# A problem on which each is wrong, and the operator.
WRONG_ON = {
    "burn_4806": ("b1h4w2i1o1k2x1s2x3p2.1.1.0d3", "grad_input"),
    "torch7_20": ("b1h5w2i1o1k1s2x3p2.1.0.2d1x3", "grad_input"),
    "opacus_245": ("b1h1w1i2o2k1s3p0.1.1.0", "grad_weight"),
    "mlx_2184": ("b1h1w3i3o3k1s3p1.0.1.1g3", "grad_weight"),
    "xla_2333": ("b1h5w2i1o1k1s2x3p2.1.0.2d1x3", "grad_input"),
    "cmu10714_6": ("b1h1w1i2o2k1s3p0.1.1.0", "grad_input"),
    "aidotnet_994": ("b1h1w1i2o2k1s3p0.1.1.0", "grad_input"),
    "rocm_7732": ("b1h3w5i1o2k2x3s3p0.1.2.0d2", "grad_input"),
    "pytorch_55381": ("b1h1w1i2o2k1s3p0.1.1.0", "forward"),
    "miopen_55": ("b1h1w1i2o2k1s3p0.1.1.0", "forward"),
    "onednn_4081": ("b1h5w2i1o1k1s2x3p2.1.0.2d1x3", "grad_weight"),
    "fujitsu_43": ("b1h6w2i6o3k2s3x2p1.0.2.0d3x1g3", "grad_input"),
    "ncnn_1283": ("b1h3w6i3o3k2x3s1x2p1.0.2.1d1x3g3", "forward"),
    "nntrainer_1570": ("b1h1w3i3o3k1s3p1.0.1.1g3", "grad_input"),
    "np_conv2d_2": ("b1h6w1i3o1k1s2d2x1", "grad_input"),
    "brightwire_22": ("b1h5w1i1o1k3x2s2x3p0.0.2.0d2x1", "forward"),
    "mxnet_6986": ("b3h7w1i1o1k3x1s3x2p2.0.0.0d3x2", "forward"),
    "pytorch_187760": ("b1h4w2i1o1k2x1s2x3p2.1.1.0d3", "forward"),
    "mlpack_3146": ("b1h4w2i1o1k2x1s2x3p2.1.1.0d3", "forward"),
    "dcnv2_75": ("b1h2w3i3o3k1x2s3p0.2.2.1d2x3g3", "forward"),
    "numpy_cnn_2": ("b1h5w2i1o1k1s2x3p2.1.0.2d1x3", "forward"),
    "miopen_97": ("b2h5w3i1o1k2s1x3p0x1d3", "grad_weight"),
    "miopen_11": ("b1h1w3i2o3k1x2s1x3p0.0.2.1d3x1", "grad_weight"),
    "cutlass_1323": ("b1h4w4i3o3k1s3x2p0.1.0.2d3g3", "forward"),
    "xla_48713": ("b2h2w6i1o2k2x1s3p2.0.0.1", "grad_input"),
    "xla_48715": ("b1h5w2i1o1k1s2x3p2.1.0.2d1x3", "forward"),
    "tensorflow_57128": ("b1h2w3i3o3k1x2s3p0.2.2.1d2x3g3", "forward"),
    "tensorflow_11092": ("b1h1w1i2o2k1s3p0.1.1.0", "grad_input"),
    "iree_23786": ("b1h7w1i4o2k3x1s3x2p0.2.0.1d2x1g2", "grad_weight"),
    "onnx_same_shape": ("b2h5w2i6o2k2s2x3p0.1.0.0g2", "forward"),
    "onnxruntime_9370": ("b1h3w5i1o2k2x3s3p0.1.2.0d2", "grad_input"),
    "onnxscript_3037": ("b1h3w3i1o1k3p2d2", "forward"),
    "onnx_7721": ("b1h4w2i1o1k2x1s2x3p2.1.1.0d3", "forward"),
    "mlx_2038": ("b1h5w2i1o1k1s2x3p2.1.0.2d1x3", "forward"),
    "tvm_19524": ("b1h4w2i1o1k2x1s2x3p2.1.1.0d3", "grad_input"),
    "burn_4916": ("b1h1w1i2o2k1s3p0.1.1.0", "grad_input"),
    "candle_2337": ("b1h5w1i1o1k3x2s2x3p0.0.2.0d2x1", "grad_weight"),
    "tinygrad_840": ("b1h4w2i1o1k2x1s2x3p2.1.1.0d3", "grad_input"),
    "tinygrad_14294": ("b1h3w3i1o1k3p1x0", "forward"),
    "mxnet_2069": ("b3h7w1i1o1k3x1s3x2p2.0.0.0d3x2", "forward"),
    "mxnet_11203": ("b3h7w1i1o1k3x1s3x2p2.0.0.0d3x2", "grad_input"),
    "root_22474": ("b3h7w1i1o1k3x1s3x2p2.0.0.0d3x2", "forward"),
    "ncnn_75": ("b3h7w1i1o1k3x1s3x2p2.0.0.0d3x2", "forward"),
    "pytorch_23889": ("b1h4w2i1o1k2x1s2x3p2.1.1.0d3", "grad_input"),
    "pytorch_51430": ("b1h5w1i2o4k1x2s3x1p1.2.0.1d3x1g2", "grad_weight"),
    "mlx_3800": ("b1h2w3i3o3k1x2s3p0.2.2.1d2x3g3", "grad_input"),
    "mlx_1449": ("b1h2w3i3o3k1x2s3p0.2.2.1d2x3g3", "grad_input"),
    "burn_1891": ("b1h1w3i3o3k1s3p1.0.1.1g3", "grad_weight"),
    "pytorch_19912": ("b1h5w1i2o4k1x2s3x1p1.2.0.1d3x1g2", "forward"),
    "pytorch_18463": ("b1h2w5i2o6k1x3s2x3p0.2.1.1d1x2g2", "forward"),
    "pytorch_21597": ("b1h1w1i6o4k2s1x2p1.0.1.1g2", "forward"),
    "cudnn_897": ("b3h7w1i1o1k3x1s3x2p2.0.0.0d3x2", "grad_input"),
    "rocm_4611": ("b3h6w4i6o2k1s2p2.1.0.2d3x1g2", "forward"),
    "miopen_3099": ("b3h6w4i6o2k1s2p2.1.0.2d3x1g2", "forward"),
    "mlx_3143": ("b3h6w4i6o2k1s2p2.1.0.2d3x1g2", "forward"),
    "mlx_3893": ("b3h3w4i1o1k1s2p0.2.1.2d1x3", "forward"),
    "tensorflow_112776": ("b3h5w4i1o1k1p0x1d1x3", "grad_weight"),
    "rocm_10627": ("b2h5w3i1o1k2s1x3p0x1d3", "grad_input"),
    "onednn_78604d7": ("b2h3w3i3o6k1s1x3p1x2d1x2g3", "forward"),
    "tensorflow_24196": ("b1h4w2i1o1k2x1s2x3p2.1.1.0d3", "forward"),
    "onednn_6035": ("b1h5w2i1o1k1s2x3p2.1.0.2d1x3", "grad_weight"),
    "acl_395": ("b1h4w2i1o1k2x1s2x3p2.1.1.0d3", "forward"),
    "lbann_1022": ("b3h7w1i1o1k3x1s3x2p2.0.0.0d3x2", "grad_weight"),
    "oneflow_255": ("b1h5w2i1o1k1s2x3p2.1.0.2d1x3", "grad_weight"),
    "ctensor_3": ("b1h5w2i1o1k1s2x3p2.1.0.2d1x3", "grad_weight"),
    "ggml_993": ("b2h1w6i1o1k1x3s1x3p1.2.0.1d2x3", "forward"),
    "ggml_1448": ("b3h7w1i1o1k3x1s3x2p2.0.0.0d3x2", "grad_input"),
    "ggml_737": ("b2h1w2i1o3k2s3x2p2.2.2.0d2x3", "forward"),
    "pytorch_59515": ("b5h1w1i1o1k1", "forward"),
    "tensorflow_9502": ("b3h7w1i1o1k3x1s3x2p2.0.0.0d3x2", "forward"),
    "tensorflow_1299": ("b3h3w1i1o1k2x1s1x2p0.1.0.2d2", "forward"),
    "jax_22855": ("b1h6w5i2o1k2s2p0.0.0.2d2", "forward"),
    "tensorflow_16798": ("b1h4w5i2o2k1s3x2p0.2.0.1d2", "forward"),
    "burn_5626": ("b1h6w1i3o1k1s2d2x1", "forward"),
    "burn_5626_out": ("b1h1w1i1o9k1", "forward"),
    "miopen_1206": ("b1h5w2i1o1k1s2x3p2.1.0.2d1x3", "forward"),
    "rocm_8029": ("b1h5w2i1o1k1s2x3p2.1.0.2d1x3", "grad_weight"),
    "onednn_5041": ("b1h6w1i3o1k1s2d2x1", "forward"),
    "pytorch_153698": ("b1h5w2i1o1k1s2x3p2.1.0.2d1x3", "forward"),
}

# What `bugs` says of the fault, as `explain` must say it.
MISTAKES = {
    "xla_2333": "as many rows and columns as the remainder has are left out at the end of the input, padding or not",
    "aidotnet_994": "the quotients (u + top - m d)/s are rounded down where they should be whole",
    "pytorch_55381": "im2col is skipped: the t-th output pixel reads the t-th input pixel",
    "miopen_55": "the padding is ignored",
    "nntrainer_1570": "the bottom and right padding is used for that of the top and left, for the height only",
    "brightwire_22": "the number of a tap is taken apart by the kernel's height, not its width",
    "mxnet_6986": "the dilation of the width is used for the height, too",
    "dcnv2_75": "the number of an output pixel is taken apart by the input's width, not the output's",
    "miopen_97": "the last row or column of the output is left out, for the width only",
    "xla_48715": "as many rows and columns as the remainder has are left out at the end of the input, padding or not",
    "tensorflow_11092": "the padding is ignored",
    "iree_23786": "the stride is ignored",
    "onnxruntime_9370": "the bottom and right padding is used for that of the top and left, for the height only",
    "tvm_19524": "the windows are aligned with the end of the input: the remainder comes first",
    "tinygrad_14294": "height and width are swapped in the padding",
    "mxnet_2069": "a dilation above 2 is taken for 2",
    "mxnet_11203": "the dilation is ignored",
    "root_22474": "the dilation is applied twice",
    "pytorch_51430": "the output channels of the groups are interleaved in W",
    "mlx_3800": "every group has the weights of the first one",
    "mlx_1449": "the kernel is flipped",
    "pytorch_19912": "nothing is written: every element is 0",
    "cudnn_897": "the dilation is ignored",
    "mlx_3893": "nothing is written: every element is 0",
    "lbann_1022": "all images but the last are left out",
    "oneflow_255": "the result is divided by the number of output pixels",
    "ctensor_3": "the result is divided by the number of images and input pixels",
    "ggml_1448": "all images but the first are left out",
    "tensorflow_1299": "the operands are rounded to 11 bits, as in TF32 and float16",
    "burn_5626": "products past the last multiple of 2 in the sum are left out",
    "pytorch_153698": "the operands are rounded to 11 bits, as in TF32 and float16",
}


def operands(operator, problem, dtype, seed):
    drawn = exact.operands(problem, seed, dtype, operators=(operator,))
    return tuple(getattr(drawn, name) for name in OPERANDS[operator])


def diagnosed(id):
    problem, operator = Problem.parse(WRONG_ON[id][0]), WRONG_ON[id][1]
    target = BUGS[id].make()

    def call(operator, first, second, problem):
        return getattr(target, operator)(first, second, problem)

    return call, diagnose(call, problem, operator, *operands(operator, problem, BUGS[id].dtype, 1), seconds=30)


@pytest.mark.parametrize("id", MISTAKES)
def test_the_mistake_is_named(id):
    assert diagnosed(id)[1].hypothesis.endswith(f": {MISTAKES[id]}")


def test_no_other_mistake_is_claimed():
    claimed = {id: found for id in WRONG_ON if id not in MISTAKES and (found := diagnosed(id)[1].hypothesis)}
    assert claimed == {}
    assert len(MISTAKES) >= 15


def test_the_terms_are_what_the_fault_computes():
    """For other operands than those that were probed with, the terms add up to what the faulty implementation returns.

    A result of another shape has no terms, and gets a sentence on its shape instead.
    """
    right, shapes, unsure = set(), set(), set()
    for id in WRONG_ON:
        call, found = diagnosed(id)
        if found.reading is None:
            (shapes if any("would have this shape" in line for line in found.sentences) else unsure).add(id)
            continue
        first, second = operands(found.operator, found.problem, BUGS[id].dtype, 1)
        shape = (first.shape, second.shape)
        prober = Prober(call, found.problem, found.operator, found.index, shape, first.dtype, time.monotonic() + 30)
        prober.reading = found.reading
        for seed in (1, 3, 5, 7):
            pair = operands(found.operator, found.problem, BUGS[id].dtype, seed)
            result = call(found.operator, *(operand.copy() for operand in pair), found.problem)
            if not found.reading.limit and prober.explained(*pair) == result[found.index].item():
                continue
            unsure.add(id)
            break
        else:
            right.add(id)
    assert len(right) >= 50, unsure
    assert len(right) + len(shapes) >= 60, unsure
