"""A quick recipe, its data, how to train with them, and what training said."""

from __future__ import annotations

from dataclasses import replace

import keras
import pytest

from edgecnn.dataset import open_source
from edgecnn_train.batches import Batches
from edgecnn_train.checkpoint import Checkpoint
from edgecnn_train.data import load_data
from edgecnn_train.fit import fit
from edgecnn_train.losses import loss
from edgecnn_train.models import build
from edgecnn_train.optimize import optimizer
from edgecnn_train.recipe import AugmentSpec
from edgecnn_train.recipe_file import read_recipe
from edgecnn_train.registry import TRUNKS
from tests.train.trunk import SMALL

QUICK = ["train.epochs=3", "quantize.calibration=50", "data.validation=0.1"]


@pytest.fixture
def recipe():
    """The classic recipe, made quick."""
    return replace(read_recipe("mnist-classic", QUICK), name="tiny")


@pytest.fixture
def said():
    """What was said, as a list; its `append` is the `say` that functions take."""
    return []


@pytest.fixture
def small_trunk(monkeypatch):
    """A trunk called `small` for `model.trunk`."""
    monkeypatch.setitem(TRUNKS, "small", SMALL)


@pytest.fixture(scope="session")
def data(idx_folder):
    """The drawn digits, in splits."""
    return load_data(open_source(idx_folder), read_recipe("mnist-classic", QUICK), lambda _: None)


def small(recipe, **train):
    """A smaller network with dropout and augmentation, so that every source of chance is in it."""
    return replace(
        recipe,
        model=replace(recipe.model, filters=(4, 8), dense=(16,), dropout=0.2),
        augment=AugmentSpec(shift=0.1, noise=5.0),
        train=replace(recipe.train, **train),
    )


def trained(data, recipe, folder, said):
    """Train with checkpoints, as a user does."""
    keras.utils.set_random_seed(recipe.train.seed)
    model = build(recipe.model, data.input, len(data.labels))
    return fit(model, data, recipe, folder, said.append, show="none")


def losses_of(data, recipe, change=AugmentSpec(), teacher=None):  # noqa: B008 - it is frozen
    """Train a small network without checkpoints and return each epoch's loss."""
    spec = small(recipe).model
    keras.utils.set_random_seed(0)
    model = build(spec, data.input, len(data.labels))
    batches = Batches(data.train, change, recipe.train, teacher)
    model.compile(
        optimizer(recipe.train, batches.steps), loss(recipe.train, batches.sparse), jit_compile=False
    )
    fitted = model.fit(
        batches.epochs(),
        steps_per_epoch=batches.steps,
        epochs=recipe.train.epochs,
        shuffle=False,
        verbose=0,
    )
    return fitted.history["loss"]


@pytest.fixture
def stopped(monkeypatch):
    """Train as `trained` does, and press Ctrl-C at the end of an epoch."""

    def run(epoch, *arguments):
        save = Checkpoint.on_epoch_end

        def stop(self, number, logs=None):
            save(self, number, logs)
            if number == epoch - 1:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Checkpoint, "on_epoch_end", stop)
            with pytest.raises(KeyboardInterrupt):
                trained(*arguments)

    return run
