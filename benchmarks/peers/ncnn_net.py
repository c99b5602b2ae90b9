"""ncnn: converted by its own pnnx, in whichever storage it is fastest on this machine.

int8 needs ncnn2table and ncnn2int8, which no package of PyPI or Debian has. The resize is that of
Tencent/ncnn, python/ncnn/model_zoo/squeezenet.py: `Mat.from_pixels_resize`, then `substract_mean_normalize`.
"""

from __future__ import annotations

import shutil
import subprocess
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import ncnn
import numpy as np

from benchmarks.peers.choice import fastest
from benchmarks.peers.network import Opened, best

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.peers.network import Network

NO_INT8 = "no int8: ncnn2table and ncnn2int8 are in no package of PyPI or Debian"


def open_network(network: Network) -> Opened:
    """Open it with its values stored in float32 and in bfloat16, and take the fastest."""
    cv2.setNumThreads(1)
    param = network.made("float32.ncnn.param", convert)
    nets = {"float32": _net(param, bf16=False), "bfloat16": _net(param, bf16=True)}
    tensor = network.calibration("nchw")[0]
    name, others = fastest({name: partial(_forward, net, ncnn.Mat(tensor)) for name, net in nets.items()})
    net = nets[name]
    preprocess = network.preprocessor("float32", "nchw")
    kinds = ncnn.Mat.PixelType
    kind = kinds.PIXEL_BGR2GRAY if network.gray else kinds.PIXEL_BGR2RGB

    def ours(frame: NDArray[np.uint8]) -> tuple[int, float]:
        return best(_forward(net, ncnn.Mat(preprocess(frame)[0])))

    def theirs(frame: NDArray[np.uint8]) -> tuple[int, float]:
        rows, columns = frame.shape[:2]
        image = ncnn.Mat.from_pixels_resize(frame, kind, columns, rows, *network.size)
        image.substract_mean_normalize([], [1 / 255] * (1 if network.gray else 3))
        return best(_forward(net, image))

    return Opened(name, ours, theirs, notes=(NO_INT8, *others))


def _net(param: Path, *, bf16: bool) -> Any:
    net = ncnn.Net()
    net.opt.num_threads = 1
    net.opt.use_vulkan_compute = False
    net.opt.use_bf16_storage = bf16
    if net.load_param(str(param)) or net.load_model(str(param.with_suffix(".bin"))):
        raise RuntimeError(f"ncnn does not load {param.name}")
    return net


def _forward(net: Any, image: Any) -> NDArray[np.float32]:
    extractor = net.create_extractor()
    extractor.input("in0", image)
    failed, scores = extractor.extract("out0")
    if failed:
        raise RuntimeError(f"ncnn's extract returned {failed}")
    return np.array(scores)


def convert(network: Network, target: Path) -> None:
    """Convert ONNX with pnnx, which writes its files next to the one that it reads; weights stay float32.

    The program is called where its package lies: the package's own command imports PyTorch, which a
    conversion from ONNX does not need.
    """
    spec = find_spec("pnnx")
    if spec is None or spec.origin is None:
        raise RuntimeError("pnnx is not installed")
    source = target.with_name("float32.onnx")
    shutil.copy(network.file("float32.onnx"), source)
    command = [str(Path(spec.origin).parent / "pnnx"), str(source), "fp16=0"]
    ran = subprocess.run(command, cwd=target.parent, capture_output=True, text=True, check=False)
    if ran.returncode or not target.exists():
        raise RuntimeError(f"pnnx failed: {(ran.stderr or ran.stdout).strip().splitlines()[-1:]}")
