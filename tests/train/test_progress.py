import io
from dataclasses import replace
from types import SimpleNamespace

import keras
import pytest
from rich.console import Console
from rich.live import Live

from edgecnn.dataset import open_source
from edgecnn.io.printable import open_console
from edgecnn_train import progress
from edgecnn_train.data import load_data
from edgecnn_train.fit import fit
from edgecnn_train.models import build
from edgecnn_train.plan import Plan, Step


def figures(val_accuracy, **more):
    epoch = {"loss": 0.5, "accuracy": 0.9, "val_loss": 0.25, "val_accuracy": val_accuracy}
    return epoch | {"seconds": 12.34, "data_share": 0.21} | more


@pytest.fixture
def checkpoint():
    return SimpleNamespace(history=[figures(0.8), figures(0.9375), figures(0.85)], best_epoch=2)


def test_a_line_an_epoch_has_every_figure(checkpoint, said):
    lines = progress.Lines(5, checkpoint, said.append)
    lines.taken = [10.0, 10.0, 3600.0, 12.0]
    lines.began = progress.time.monotonic()
    lines.on_epoch_end(2)
    assert said == [
        "epoch 3/5: seconds 12.3, data 21%, loss 0.5000, accuracy 0.9000, val_loss 0.2500, "
        "val_accuracy 0.8500; best 0.9375 (epoch 2); ETA 0:00:20"
    ]


def test_a_private_run_keeps_no_metrics_of_the_training_images(checkpoint, said):
    checkpoint.history = [{k: v for k, v in figures(0.75).items() if k not in ("loss", "accuracy")}]
    checkpoint.best_epoch = 1
    lines = progress.Lines(5, checkpoint, said.append)
    lines.on_epoch_end(0)
    assert said[0].startswith("epoch 1/5: seconds 12.3, data 21%, val_loss 0.2500, val_accuracy 0.7500; best")
    plain = io.StringIO()
    shown = progress.Display(5, checkpoint, None)
    Console(file=plain, width=80).print(shown.display(30, 40, {"learning_rate": 0.1}))
    assert "val_accuracy 0.7500, epoch 1" in plain.getvalue()


def test_what_remains_is_the_rest_of_this_epoch_and_all_later_ones(checkpoint):
    shown = progress.Progress(5, checkpoint)
    assert shown.remaining() is None
    shown.taken = [100.0]
    assert shown.remaining() == pytest.approx(200)
    assert shown.remaining(0.25) == pytest.approx(175)
    shown.epochs = 3
    assert shown.remaining() == 0


def test_the_display_shows_bars_figures_curves_and_the_best(checkpoint):
    checkpoint.history = [figures(0.1 * i) for i in range(1, 10)]
    checkpoint.best_epoch = 9
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80, color_system=None)
    with Live(console=console, auto_refresh=False) as live:
        shown = progress.Display(20, checkpoint, live)
        shown.params, shown.taken = {"steps": 40}, [60.0]
        shown.on_train_batch_end(29, {"loss": 0.111, "accuracy": 0.765})
        shown.on_train_batch_end(30, {"loss": 0.222, "accuracy": 0.765})
    text = out.getvalue()
    for part in (
        "9/20, ETA 0:10:15",
        "30/40",
        "loss 0.1110, accuracy 0.7650",
        "val_accuracy 0.9000, epoch 9",
        "▁▂▃▄▅▅▆▇█",
    ):
        assert part in text, part
    assert "0.2220" not in text, "drawn again immediately"
    rows = [line.split()[0] for line in text.splitlines() if "21%" in line]
    assert rows[:6] == ["4", "5", "6", "7", "8", "9"]  # and again when the display is closed
    plain = io.StringIO()
    Console(file=plain, width=80).print(shown.display(30, 40, {"loss": 0.111, "accuracy": 0.765}))
    assert "…" not in plain.getvalue(), "it fits 80 columns"
    assert len(plain.getvalue().splitlines()) == 13


@pytest.mark.parametrize(
    ("values", "width", "expected"),
    [([1.0], 5, "▁"), ([2, 2, 2], 5, "▁▁▁"), ([0, 7], 5, "▁█"), ([0, 0, 7, 7, 14, 14], 3, "▁▅█")],
)
def test_sparkline(values, width, expected):
    assert progress.sparkline(values, width) == expected


@pytest.mark.parametrize(("show", "count"), [("none", 0), ("lines", 2), ("bar", 2)])
def test_training_is_shown_as_it_was_asked_for(
    idx_folder, recipe, tmp_path, said, capsys, monkeypatch, show, count
):
    """A bar where there is no terminal becomes lines."""
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.delenv("TTY_COMPATIBLE", raising=False)
    tiny = replace(
        recipe,
        model=replace(recipe.model, filters=(2, 4), dense=(8,)),
        train=replace(recipe.train, epochs=2),
    )
    data = load_data(open_source(idx_folder), tiny, lambda _: None)
    keras.utils.set_random_seed(0)
    model = build(tiny.model, data.input, len(data.labels))
    fitted = fit(model, data, tiny, tmp_path / "work", said.append, show)
    lines = [s for s in said if s.startswith("epoch ")]
    assert len(lines) == count
    assert capsys.readouterr().out == ""
    if lines:
        assert lines[-1].startswith("epoch 2/2: ")
        assert f"val_accuracy {fitted.history[-1]['val_accuracy']:.4f}" in lines[-1]
        assert lines[-1].endswith("ETA 0:00:00")


def test_the_display_runs_in_a_real_training(idx_folder, recipe, tmp_path, said, monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(
        progress, "open_console", lambda **k: open_console(file=out, force_terminal=True, width=100, **k)
    )
    monkeypatch.setenv("TERM", "xterm")
    tiny = replace(
        recipe,
        model=replace(recipe.model, filters=(2, 4), dense=(8,)),
        train=replace(recipe.train, epochs=3, freeze=0),
    )
    data = load_data(open_source(idx_folder), tiny, lambda _: None)
    model = build(tiny.model, data.input, len(data.labels))
    fitted = fit(model, data, tiny, tmp_path / "work", said.append, "bar")
    assert not [s for s in said if s.startswith("epoch ")]
    assert "3/3, ETA 0:00:00" in out.getvalue()
    assert f"{fitted.history[2]['val_accuracy']:.4f}" in out.getvalue()


def test_logs_for_tensorboard_have_every_epoch(idx_folder, recipe, tmp_path, said):
    loader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_file_loader", reason="needs the extra tensorboard"
    )
    import tensorflow as tf

    tiny = replace(
        recipe,
        model=replace(recipe.model, filters=(2, 4), dense=(8,)),
        train=replace(recipe.train, epochs=2, freeze=1),
    )
    data = load_data(open_source(idx_folder), tiny, lambda _: None)
    model = build(tiny.model, data.input, len(data.labels))
    fitted = fit(model, data, tiny, tmp_path / "work", said.append, "none", tmp_path / "logs")
    found = {}
    for path in sorted((tmp_path / "logs" / "validation").iterdir()):
        for event in loader.EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.tag in ("epoch_accuracy", "epoch_loss"):
                    found[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    for epoch, figures in enumerate(fitted.history):
        assert found["epoch_accuracy", epoch] == pytest.approx(figures["val_accuracy"])
        assert found["epoch_loss", epoch] == pytest.approx(figures["val_loss"])


def test_the_time_that_is_left_is_that_of_the_whole_plan(checkpoint, said):
    plan = Plan(
        [Step("training", "batches", 50), Step("quantizing", "quantize"), Step("fold 2", "batches", 20)]
    )
    with plan.step("training"):
        lines = progress.Lines(5, checkpoint, said.append, plan)
        lines.params = {"steps": 10}
        lines.began = progress.time.monotonic() - 10
        lines.on_epoch_end(2)
        # Two epochs of 10 s, a guess of 4 s, and 20 batches of 1 s after a start of 2 s.
        assert said[0].endswith("ETA 0:00:46")
        out = io.StringIO()
        shown = progress.Display(5, checkpoint, None, plan)
        shown.taken = [10.0]
        Console(file=out, width=80).print(shown.display(5, 10, {}))
        assert "ETA 0:00:41" in out.getvalue().splitlines()[0], "the whole run first"
        assert "3/5, ETA 0:00:15" in out.getvalue()
    with progress.doing(plan, "quantizing", "lines", said.append):
        assert said[-1] == "quantizing; ETA 0:00:26"


def test_without_validation_images_there_is_no_best_epoch(checkpoint, said):
    checkpoint.history = [{"loss": 0.5, "accuracy": 0.9, "seconds": 1.0, "data_share": 0.1}]
    checkpoint.best_epoch = 1
    progress.Lines(5, checkpoint, said.append).on_epoch_end(0)
    assert said[0].startswith("epoch 1/5: seconds 1.0, data 10%, loss 0.5000, accuracy 0.9000; ETA ")
    plain = io.StringIO()
    Console(file=plain, width=80).print(progress.Display(5, checkpoint, None).display(30, 40, {}))
    assert "best" not in plain.getvalue()


def test_a_quick_first_epoch_tells_little(checkpoint):
    shown = progress.Progress(5, checkpoint)
    shown.taken = [1.9]
    assert shown.remaining() is None
    shown.taken = [1.9, 0.25]
    assert shown.remaining() == pytest.approx(0.5)
