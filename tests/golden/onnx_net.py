"""Makes tests/golden/net.onnx, a small network whose weights test_onnx.py knows.

    pip install onnx && python tests/golden/onnx_net.py

float32 [n, 3, 16, 16] -> convolution (4 channels, 3x3, stride 2) -> ReLU -> mean [n, 4]
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def weights() -> np.ndarray:
    """float32 [4, 3, 3, 3]: 0, 1, ... 107, scaled to [-1, 1)."""
    return (np.arange(108, dtype=np.float32).reshape(4, 3, 3, 3) - 54) / 54


def main() -> None:
    nodes = [
        helper.make_node("Conv", ["images", "weights"], ["maps"], strides=[2, 2]),
        helper.make_node("Relu", ["maps"], ["positive"]),
        helper.make_node("GlobalAveragePool", ["positive"], ["means"]),
        helper.make_node("Flatten", ["means"], ["features"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, 16, 16])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 4])],
        [numpy_helper.from_array(weights(), "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(Path(__file__).with_name("net.onnx")))


if __name__ == "__main__":
    main()
