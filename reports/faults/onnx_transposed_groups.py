"""ConvTranspose of the reference evaluator takes a group's rows of W as if W had C x M / group of them."""

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

wrong = 0
for inputs, outputs in ((4, 2), (4, 4), (2, 4)):
    x, w = np.ones((1, inputs, 1, 1), np.float32), np.ones((inputs, outputs // 2, 1, 1), np.float32)
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], group=2)
    kinds = [helper.make_tensor_value_info(name, 1, None) for name in "xwy"]
    model = helper.make_model(helper.make_graph([node], "g", kinds[:2], kinds[2:]))
    try:
        y = ReferenceEvaluator(model).run(None, {"x": x, "w": w})[0].ravel().tolist()
    except ValueError as error:
        y = error
    right = [inputs / 2] * outputs
    wrong += y != right
    print(f"onnx {onnx.__version__}: {inputs} -> {outputs} channels, 2 groups: {y}, must be {right}")
raise SystemExit(int(wrong > 0))
