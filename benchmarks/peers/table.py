"""The peers as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Peer:
    """A runtime to measure.

    `module` in this folder opens a network with it, and `requirements/<module>.txt` makes its environment;
    without that file it runs in this one, the trainer's. `packages` are those whose versions are reported.
    `resize` is what its own samples do with an image. `python` is the version that its wheels need.
    `only_listed` leaves out what its packages require in addition; `needs_onnx` says what it converts from.
    `native` are its libraries, as patterns below site-packages, that ask what the processor can.
    """

    title: str
    module: str
    packages: tuple[str, ...]
    resize: str
    python: str | None = None
    only_listed: bool = False
    needs_onnx: bool = False
    native: tuple[str, ...] = ()


_LITERT = "ai_edge_litert/libpywrap_litert_common.so"
_OPENCV = "cv2/*.so"
_OPENVINO = (
    "openvino/libs/libopenvino.so.*",
    "openvino/libs/libopenvino_intel_cpu_plugin.so",
    "openvino/libs/libtbb.so.12",
    _OPENCV,
)

OURS = "edgecnn"
PEERS = {
    OURS: Peer(
        "edgecnn",
        "shipped",
        ("ai-edge-litert", "opencv-python-headless", "numpy", "openvino"),
        "",
        native=(_LITERT, *_OPENVINO),
    ),
    "label_image": Peer(
        "LiteRT, the loop of its `label_image.py`",
        "label_image",
        ("ai-edge-litert", "pillow"),
        "Pillow, bicubic",
        native=(_LITERT, _OPENCV),
    ),
    "picamera2": Peer(
        "LiteRT, the loop of picamera2's `real_time.py`",
        "picamera2_loop",
        ("ai-edge-litert", "opencv-python-headless"),
        "`cv2.resize`, linear",
        native=(_LITERT, _OPENCV),
    ),
    "openvino-tflite": Peer(
        "OpenVINO, the same `.tflite`", "open_vino_tflite", ("openvino",), "", native=_OPENVINO
    ),
    "onnxruntime": Peer(
        "ONNX Runtime",
        "onnx_runtime",
        ("onnxruntime",),
        "Pillow, bicubic",
        needs_onnx=True,
        native=("onnxruntime/capi/*.so*", _OPENCV),
    ),
    "openvino": Peer(
        "OpenVINO",
        "open_vino",
        ("openvino", "nncf"),
        "its `PrePostProcessor`, linear",
        only_listed=True,
        needs_onnx=True,
        native=_OPENVINO,
    ),
    "opencv": Peer(
        "OpenCV DNN",
        "opencv_dnn",
        ("opencv-python-headless",),
        "`blobFromImage`, linear",
        needs_onnx=True,
        native=(_OPENCV,),
    ),
    "ncnn": Peer(
        "ncnn",
        "ncnn_net",
        ("ncnn", "pnnx"),
        "`Mat.from_pixels_resize`, linear",
        only_listed=True,
        needs_onnx=True,
        native=("ncnn/*.so", _OPENCV),
    ),
    "executorch": Peer(
        "ExecuTorch, XNNPACK",
        "executorch_xnnpack",
        ("executorch", "torch", "torchao"),
        "Pillow, bilinear",
        needs_onnx=True,
        native=("torch/lib/libtorch_cpu.so", "torch/lib/libc10.so", _OPENCV),
    ),
    "mediapipe": Peer(
        "MediaPipe ImageClassifier",
        "media_pipe",
        ("mediapipe",),
        "its own, linear",
        native=("mediapipe/**/*.so", _OPENCV),
    ),
    "tflite-runtime": Peer(
        "tflite-runtime",
        "tflite_legacy",
        ("tflite-runtime",),
        "Pillow, bicubic",
        python="3.11",
        native=("tflite_runtime/*.so", _OPENCV),
    ),
    "keras": Peer("`keras.Model.predict`", "keras_predict", ("keras", "tensorflow-cpu"), "Pillow, nearest"),
}
