"""ConvTranspose of the reference evaluator fails on a batch of 0 images, which its Conv takes."""

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

wrong = 0
for operator in ("Conv", "ConvTranspose"):
    node = helper.make_node(operator, ["x", "w"], ["y"])
    kinds = [helper.make_tensor_value_info(name, 1, None) for name in "xwy"]
    model = helper.make_model(helper.make_graph([node], "g", kinds[:2], kinds[2:]))
    x, w = np.ones((0, 1, 1, 1), np.float32), np.ones((1, 1, 1, 1), np.float32)
    try:
        result = ReferenceEvaluator(model).run(None, {"x": x, "w": w})[0].shape
    except Exception as error:
        wrong += 1
        result = f"{type(error).__name__}"
    print(f"onnx {onnx.__version__}: {operator} of an empty batch: {result}")
raise SystemExit(int(wrong > 0))
