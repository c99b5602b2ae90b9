"""Optimizers and learning-rate schedules by their names in a recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgecnn_train.recipe import TrainSpec

# What weight decay leaves alone: pulling these towards zero does not make a network simpler.
_NOT_DECAYED = ["bias", "gamma", "beta"]


def optimizer(spec: TrainSpec, steps_per_epoch: int) -> Any:
    """Return the recipe's optimizer, Keras' own.

    `gradient_descent` follows the gradient of all training pictures at once: SGD that accumulates an epoch's
    gradients before each update. `momentum` and `nesterov` are SGD with a momentum of 0.9 (Polyak 1964,
    Nesterov 1983). Weight decay is decoupled (Loshchilov & Hutter 2019) and leaves biases and batch
    normalization alone.
    """
    # How many batches there are to an update: Keras' schedules and moving averages count batches.
    every = steps_per_epoch if spec.optimizer == "gradient_descent" else 1
    updates = steps_per_epoch // every
    rate: Any = spec.learning_rate
    if spec.schedule != "constant" or spec.warmup:
        total, warmup = round(spec.epochs * updates), round(spec.warmup * updates)
        rate = Schedule(spec.schedule, spec.learning_rate, total, warmup, every)
    shared: dict[str, Any] = {"use_ema": spec.ema > 0, "ema_momentum": (spec.ema or 0.99) ** (1 / every)}
    if spec.weight_decay:
        shared["weight_decay"] = spec.weight_decay
    if every > 1:
        shared["gradient_accumulation_steps"] = every
    table = {
        "gradient_descent": lambda: keras.optimizers.SGD(rate, **shared),
        "sgd": lambda: keras.optimizers.SGD(rate, **shared),
        "momentum": lambda: keras.optimizers.SGD(rate, momentum=0.9, **shared),
        "nesterov": lambda: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, **shared),
        "adagrad": lambda: keras.optimizers.Adagrad(rate, **shared),
        "rmsprop": lambda: keras.optimizers.RMSprop(rate, **shared),
        "adam": lambda: keras.optimizers.Adam(rate, **shared),
        "adamw": lambda: keras.optimizers.AdamW(rate, **({"weight_decay": 0.004} | shared)),
    }
    chosen = table[spec.optimizer]()
    # Keras does not save this with a model: whoever loads one makes the optimizer anew.
    chosen.exclude_from_weight_decay(var_names=_NOT_DECAYED)
    return chosen


def restore(chosen: Any, weights: Sequence[Any], state: Sequence[NDArray[Any]]) -> bool:
    """Build an optimizer for these trainable weights and let it go on from another's variables.

    Where they are of other layers only the first goes over, which counts the batches. Returns whether all
    did.
    """
    chosen.build(weights)
    fits = [tuple(v.shape) for v in chosen.variables] == [v.shape for v in state]
    for variable, value in list(zip(chosen.variables, state, strict=False))[: None if fits else 1]:
        variable.assign(value)
    return fits


@keras.saving.register_keras_serializable("edgecnn")
class Schedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """The learning rate over a run of `total` updates, of which the first `warmup` rise to it linearly.

    With t from 0 to 1 over what follows the warm-up: `constant` stays; `step` is a tenth from 1/2 on and a
    hundredth from 3/4 on (He et al. 2016); `cosine` is (1 + cos πt) / 2 (Loshchilov & Hutter 2017);
    `one_cycle` rises from a 25th over the first 30 % and falls to a millionth, both along a cosine (Smith &
    Topin 2018, without the momentum's cycle). An update takes `every` batches.
    """

    def __init__(self, kind: str, peak: float, total: int, warmup: int = 0, every: int = 1) -> None:
        super().__init__()
        self._kind, self._peak, self._total, self._warmup = kind, peak, total, warmup
        self._every = every

    def __call__(self, step: Any) -> Any:
        """Return the rate for the batch number `step`, from 0."""
        ops = keras.ops
        step = ops.floor(ops.cast(step, "float32") / self._every)
        t = ops.clip((step - self._warmup) / max(1, self._total - self._warmup), 0.0, 1.0)
        if self._kind == "cosine":
            factor = (1 + ops.cos(np.pi * t)) / 2
        elif self._kind == "step":
            factor = ops.where(t < 0.5, 1.0, ops.where(t < 0.75, 0.1, 0.01))
        elif self._kind == "one_cycle":
            rise = 1 - (1 - 1 / 25) * (1 + ops.cos(np.pi * t / 0.3)) / 2
            fall = 1e-6 + (1 - 1e-6) * (1 + ops.cos(np.pi * (t - 0.3) / 0.7)) / 2
            factor = ops.where(t < 0.3, rise, fall)
        else:
            factor = ops.ones_like(t)
        ramp = ops.minimum(1.0, (step + 1) / self._warmup) if self._warmup else 1.0
        return self._peak * factor * ramp

    def get_config(self) -> dict[str, Any]:
        """Return what makes the schedule again."""
        return {
            "kind": self._kind,
            "peak": self._peak,
            "total": self._total,
            "warmup": self._warmup,
            "every": self._every,
        }
