"""ExecuTorch: int8 by PT2E after training, for its XNNPACK delegate.

The way there is that of its guide (https://docs.pytorch.org/executorch/stable/backends-xnnpack.html); its own
samples resize with torchvision, that is PIL bilinear on the whole image, then `ToTensor`
(meta-pytorch/executorch-examples). The network is rebuilt from `float32.onnx`, operator by operator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from benchmarks.peers.network import Opened, best

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmarks.peers.network import Network


def open_network(network: Network) -> Opened:
    """Lower it where that has not been done, and load the program."""
    from executorch.extension.pybindings import portable_lib
    from executorch.runtime import Runtime

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    portable_lib._unsafe_reset_threadpool(1)
    path = network.made("int8.pte", lower)
    method = Runtime.get().load_program(path).load_method("forward")
    preprocess = network.preprocessor("float32", "nchw")
    conversion = cv2.COLOR_BGR2GRAY if network.gray else cv2.COLOR_BGR2RGB

    def labelled(tensor: torch.Tensor) -> tuple[int, float]:
        return best(method.execute([tensor])[0].numpy())

    def theirs(frame: NDArray[np.uint8]) -> tuple[int, float]:
        image = Image.fromarray(cv2.cvtColor(frame, conversion))
        pixels = np.asarray(image.resize(network.size, Image.Resampling.BILINEAR))
        nhwc = torch.from_numpy(pixels.reshape(1, *pixels.shape[:2], -1).copy())
        return labelled(nhwc.permute(0, 3, 1, 2).contiguous().float().div(255))

    return Opened("int8", lambda frame: labelled(torch.from_numpy(preprocess(frame))), theirs)


class Rebuilt(torch.nn.Module):
    """The network of an ONNX file, for the few operators that ours have."""

    def __init__(self, path: str) -> None:
        import onnx
        from onnx import numpy_helper

        super().__init__()
        graph = onnx.load(path).graph
        constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        for node in graph.node:
            if node.op_type == "Gemm":  # outputs first, as PyTorch's quantizer looks for them
                constants[node.input[1]] = np.ascontiguousarray(constants[node.input[1]].T)
        weights = {name: array for name, array in constants.items() if array.dtype == np.float32}
        self._weights = torch.nn.ParameterList(torch.tensor(array) for array in weights.values())
        self._places = {name: i for i, name in enumerate(weights)}
        # Shapes and lists of axes.
        self._numbers = {n: array.tolist() for n, array in constants.items() if n not in weights}
        self._input, self._output = graph.input[0].name, graph.output[0].name
        self._nodes = [
            (
                node.op_type,
                list(node.input),
                node.output[0],
                {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute},
            )
            for node in graph.node
        ]

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Compute the scores, 1×classes, of one image (1×C×H×W)."""
        values: dict[str, Any] = {self._input: image}
        for kind, inputs, output, options in self._nodes:
            given = [values[name] if name in values else self._constant(name) for name in inputs]
            values[output] = getattr(self, f"_{kind.lower()}")(*given, **options)
        result: torch.Tensor = values[self._output]
        return result

    def _constant(self, name: str) -> Any:
        return self._weights[self._places[name]] if name in self._places else self._numbers[name]

    def _conv(
        self, x: Any, weight: Any, bias: Any = None, *, strides: Any = 1, dilations: Any = 1, group: int = 1,
        pads: Any = (0, 0, 0, 0), kernel_shape: Any = None,  # noqa: ARG002 - the weight has it too
    ) -> Any:  # fmt: skip
        top, left, bottom, right = pads
        if (top, left) != (bottom, right):
            x, top, left = functional.pad(x, (left, right, top, bottom)), 0, 0
        return functional.conv2d(x, weight, bias, strides, (top, left), dilations, group)

    def _maxpool(self, x: Any, *, kernel_shape: Any, strides: Any) -> Any:
        return functional.max_pool2d(x, kernel_shape, strides)

    def _gemm(self, x: Any, weight: Any, bias: Any, **_: float) -> Any:
        return functional.linear(x, weight, bias)

    def _relu(self, x: Any) -> Any:
        return functional.relu(x)

    def _add(self, x: Any, y: Any) -> Any:
        return x + y

    def _globalaveragepool(self, x: Any) -> Any:
        return x.mean((2, 3), keepdim=True)

    def _squeeze(self, x: Any, axes: Any) -> Any:
        return x.squeeze(tuple(axes))

    def _reshape(self, x: Any, shape: Any) -> Any:
        return x.reshape(shape)

    def _transpose(self, x: Any, *, perm: Any) -> Any:
        return x.permute(perm)

    def _softmax(self, x: Any, *, axis: int = -1) -> Any:
        return functional.softmax(x, axis)


def lower(network: Network, target: Path) -> None:
    """Quantize (weights per channel) and write the program for XNNPACK."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from executorch.exir import to_edge_transform_and_lower
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    images = torch.from_numpy(network.calibration("nchw")).split(1)
    sample = (images[0],)
    quantizer = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    exported = torch.export.export(Rebuilt(network.file("float32.onnx")).eval(), sample).module()
    prepared = prepare_pt2e(exported, quantizer)
    for image in images:
        prepared(image)
    program = torch.export.export(convert_pt2e(prepared), sample)
    lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
    target.write_bytes(lowered.to_executorch().buffer)
