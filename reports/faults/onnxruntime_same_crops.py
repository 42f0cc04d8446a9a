"""With auto_pad=SAME_UPPER ONNX Runtime crops the input where the stride skips its end: negative padding."""

import numpy as np
import onnx
import onnxruntime
from onnx import helper
from onnx.reference import ReferenceEvaluator

node = helper.make_node("Conv", ["x", "w"], ["y"], auto_pad="SAME_UPPER", strides=[1, 4])
kinds = [helper.make_tensor_value_info(name, 1, [None] * 4) for name in "xwy"]
graph = helper.make_graph([node], "g", kinds[:2], kinds[2:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8)
feed = {"x": np.arange(8, dtype=np.float32).reshape(1, 1, 1, 8), "w": np.ones((1, 1, 1, 1), np.float32)}
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
y = session.run(None, feed)[0].ravel()
right = ReferenceEvaluator(model).run(None, feed)[0].ravel()
print(f"onnxruntime {onnxruntime.__version__}: y = {y}, but onnx {onnx.__version__}'s reference has {right}")
raise SystemExit(int(not np.array_equal(y, right)))
