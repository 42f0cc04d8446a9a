"""Conv of the reference evaluator multiplies what lies between a dilated kernel's taps by zero: inf * 0 is NaN."""

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

node = helper.make_node("Conv", ["x", "w"], ["y"], dilations=[1, 2])
kinds = [helper.make_tensor_value_info(name, 1, None) for name in "xwy"]
model = helper.make_model(helper.make_graph([node], "g", kinds[:2], kinds[2:]))
x = np.array([1, np.inf, 1], np.float32).reshape(1, 1, 1, 3)  # the taps read the first and the last
with np.errstate(invalid="ignore"):
    y = ReferenceEvaluator(model).run(None, {"x": x, "w": np.ones((1, 1, 1, 2), np.float32)})[0].item()
print(f"onnx {onnx.__version__}: y = {y}, and must be 2.0")
raise SystemExit(int(y != 2))
