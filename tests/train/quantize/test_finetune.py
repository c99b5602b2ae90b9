from dataclasses import replace

import keras
import pytest

from edgecnn_train.checkpoint import Checkpoint
from edgecnn_train.models import build
from edgecnn_train.quantize.finetune import to_int8_by_training
from tests.train.conftest import small


@pytest.mark.slow
def test_a_stopped_run_resumes_exactly(data, recipe, said, tmp_path, monkeypatch):
    """It is stopped while the ranges move, and gives the same file as a run that was not."""
    wanted = small(recipe, epochs=1)
    wanted = replace(wanted, quantize=replace(wanted.quantize, method="qat", qat_epochs=3))
    keras.utils.set_random_seed(0)
    model = build(wanted.model, data.input, len(data.labels))
    whole = to_int8_by_training(model, data, wanted, tmp_path / "whole", said.append, "none")

    save = Checkpoint.on_epoch_end

    def stop(self, number, logs=None):
        save(self, number, logs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Checkpoint, "on_epoch_end", stop)
        to_int8_by_training(model, data, wanted, tmp_path / "stopped", said.append, "none")
    resumed = to_int8_by_training(model, data, wanted, tmp_path / "stopped", said.append, "none")
    assert f"continuing after epoch 1 of 3, from {tmp_path / 'stopped'}" in said
    assert resumed == whole
