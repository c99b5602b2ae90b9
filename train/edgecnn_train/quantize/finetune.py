"""Quantization-aware training of a network that is trained: some epochs more, with int8's rounding in it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import keras

from edgecnn_train.batches import Batches, scaled
from edgecnn_train.checkpoint import Checkpoint
from edgecnn_train.fit import compile_network, fingerprint, validation_batch
from edgecnn_train.optimize import Schedule, restore
from edgecnn_train.progress import progress
from edgecnn_train.quantize.parity import assert_parity
from edgecnn_train.quantize.qat import FreezeRanges, quantization_aware, twin_to_int8
from edgecnn_train.transfer import load_teacher

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgecnn_train.progress import Show
    from edgecnn_train.recipe import Recipe
    from edgecnn_train.splits import Dataset

# Of the epochs, the last third trains with its ranges held, so that the weights settle in them.
_FROZEN = 1 / 3
_PARITY_PICTURES = 500


def to_int8_by_training(
    model: Any, data: Dataset, recipe: Recipe, work: Path, say: Callable[[str], None], show: Show
) -> bytes:
    """Train the network on with the rounding of int8 (Jacob et al. 2018) and return its full-int8 file.

    The weights are those of the epoch that was best on the validation split, of those with held ranges.
    Checkpoints are in `work`; the same call continues from them. Raises GateError where the file does not
    answer as the network that was trained.
    """
    spec, train = recipe.quantize, recipe.train
    twin = quantization_aware(model, data.calibration.images, data.input.value_range, spec.weight_bits)
    teacher = load_teacher(train.teachers, data.input, len(data.labels))
    batches = Batches(data.train, recipe.augment, train, teacher, data.input.value_range)
    held = spec.qat_epochs - max(1, round(spec.qat_epochs * _FROZEN))
    schedule = Schedule("cosine", spec.qat_learning_rate, spec.qat_epochs * batches.steps)
    chosen = keras.optimizers.Adam(schedule)
    key = json.dumps([fingerprint(data, recipe), asdict(spec)])
    images = len(data.validation)
    validation = (
        scaled(data.validation.images, data.input.value_range),
        batches.targets(data.validation.labels),
    )
    checkpoint = Checkpoint(work, key, train.seed, batches.clock, images, first=held, falls=True)
    if resumed := checkpoint.load(twin):
        twin.set_weights(resumed.weights)
        if not restore(chosen, twin.trainable_variables, resumed.optimizer):
            say("the optimizer's state does not fit: it starts from the beginning")
        say(f"continuing after epoch {len(checkpoint.history)} of {spec.qat_epochs}, from {work}")
    done = len(checkpoint.history)
    compile_network(twin, chosen, train, batches)
    with progress(show, spec.qat_epochs, checkpoint, say) as shown:
        twin.fit(
            # The epochs that follow those of the float network, so that no batch comes twice.
            batches.epochs(train.epochs + done),
            steps_per_epoch=batches.steps,
            initial_epoch=done,
            epochs=spec.qat_epochs,
            shuffle=False,
            validation_data=validation if images else None,
            validation_batch_size=validation_batch(recipe),
            callbacks=[FreezeRanges(held), checkpoint, *shown],
            verbose=0,
        )
    twin.set_weights(checkpoint.best())
    content = twin_to_int8(twin)
    compared = data.apart.sample(_PARITY_PICTURES, train.seed).images
    assert_parity(twin, content, compared, data.input.value_range)
    return content
