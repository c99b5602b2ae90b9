"""An engine that answers without a model, for tests and to measure everything around the model."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.engine import Engine
from edgecnn.spec import parse_spec
from edgecnn.tflite.quant import quantize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn.engine import ModelData

# Sleep may end this much late, so the rest is a busy wait.
_AWAKE_S = 0.0002


@dataclass(frozen=True, slots=True)
class FakeOptions:
    """The options of `fake:…`; see `FakeEngine`."""

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    seed: float = 0.0
    hang: float = 0.0
    crash: float = 0.0


class FakeEngine(Engine):
    """Takes `delay_ms`, give or take up to `jitter_ms` (uniform, seeded), and answers by brightness.

    With `hang=N` every N-th call never returns, with `crash=N` it ends the process.

    The class it names is the input's mean, from the lowest possible value (the first class) to the highest
    (the last), with three quarters of the score; the next class has the rest. Its other outputs do the same
    with their values, so that the nearness is always three quarters.
    """

    name = "fake"
    forks = True

    def __init__(self, model: ModelData, spec: str, threads: int) -> None:  # noqa: ARG002 - it uses no threads
        options = parse_spec(spec, FakeOptions())
        self._calls, self._hang, self._crash = 0, int(options.hang), int(options.crash)
        self._delay_s = options.delay_ms / 1e3
        self._jitter_s = options.jitter_ms / 1e3
        self._random = random.Random(options.seed)  # noqa: S311 - nothing secret
        self._outputs = model.outputs
        self._brightness = 0.0
        self._range = model.value_range
        self._image = model.inputs[0]

    def invoke(self, tensor: NDArray[Any]) -> NDArray[Any]:
        """Wait, then answer; see `Engine.invoke`."""
        self._calls += 1
        if self._crash and self._calls % self._crash == 0:
            os.abort()
        while self._hang and self._calls % self._hang == 0:
            time.sleep(1)
        end = time.perf_counter() + self._delay_s + self._random.uniform(-self._jitter_s, self._jitter_s)
        self._brightness = self._share(float(tensor.mean()))
        output = self.read(0)
        while (left := end - time.perf_counter()) > 0:
            if left > _AWAKE_S:
                time.sleep(left - _AWAKE_S)
        return output

    def read(self, place: int) -> NDArray[Any]:
        """Return one of the outputs of the last `invoke`; see `Engine.read`."""
        tensor = self._outputs[place]
        count, dtype = tensor.size, tensor.dtype
        best = min(count - 1, int(self._brightness * count))
        values = np.zeros(count, np.float32)
        values[best], values[(best + 1) % count] = 0.75, 0.25
        if dtype != "float32" and place == 0:
            values = (np.iinfo(dtype).min + values * 256).astype(dtype)
        elif dtype != "float32":
            values = quantize(values, tensor.scale, tensor.zero_point, dtype)
        return values.reshape(tensor.shape)

    def _share(self, mean: float) -> float:
        """Return where a mean lies between the lowest and the highest value, 0 to 1."""
        if self._image.dtype == "float32":
            low, high = self._range
        else:
            limits = np.iinfo(self._image.dtype)
            low, high = limits.min, limits.max
        return (mean - low) / (high - low)
