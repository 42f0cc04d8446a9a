"""Conv of the reference evaluator took batch and channels for height and width when it made SAME_UPPER's padding."""

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

node = helper.make_node("Conv", ["x", "w"], ["y"], auto_pad="SAME_UPPER", strides=[2, 2])
kinds = [helper.make_tensor_value_info(name, 1, None) for name in "xwy"]
model = helper.make_model(helper.make_graph([node], "g", kinds[:2], kinds[2:]))
x, w = np.ones((2, 3, 7, 8), np.float32), np.ones((1, 3, 3, 3), np.float32)
shape = ReferenceEvaluator(model).run(None, {"x": x, "w": w})[0].shape
print(f"onnx {onnx.__version__}: y has shape {shape}, and must have (2, 1, 4, 4)")
raise SystemExit(int(shape != (2, 1, 4, 4)))
