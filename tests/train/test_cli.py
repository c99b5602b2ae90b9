import importlib.util
from pathlib import Path

import pytest

from edgecnn.bundle import bundle

QUICK = ["--epochs", "1", "--set", "calibration=20"]


def test_a_folder_of_photos_becomes_a_bundle(run_cli, photo_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (photo_folder / "pears" / "broken.jpg").write_bytes(b"\xff\xd8")
    ran = run_cli(
        "train", photo_folder, "--trunk", "none", "--epochs", 3, "--set", "batch_size=4",
        "--set", "folds=0", "--allow-drop", 100,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.out.startswith(f"`edgecnn learn {photo_folder}` makes a model of these photos in seconds; ")
    for expected in ("input size 48×48", "input color rgb", "broken.jpg", "skipped 1 of 41", "published"):
        assert expected in ran.out
    made = bundle.read_bundle(tmp_path / "photos-model")
    assert made.labels == ("pears", "äpfel")
    assert made.input.width == 48
    assert made.manifest.document["title"] == "photos"
    assert "# photos\n" in (made.folder / "CARD.md").read_text("utf-8")
    image = next((photo_folder / "äpfel").iterdir())
    assert run_cli("classify", image, "--model", "./photos-model").code == 0


@pytest.mark.slow
def test_photos_on_a_trunk_become_a_bundle(run_cli, photo_folder, small_trunk, tmp_path, monkeypatch):
    """With the budget it ends after a block; the bundle is the teacher of a network of another size."""
    monkeypatch.chdir(tmp_path)
    ran = run_cli(
        "train", photo_folder, "--trunk", "small", "--budget-kb", "4.3", "--epochs", 3, "--set", "freeze=1",
        "--set", "folds=0", "--allow-drop", 100, "--set", "agreement=0",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "small at 48×48 pixels, cut after block 2, is the largest within 4.3 KB" in ran.out
    made = bundle.read_bundle(tmp_path / "photos-model")
    assert (made.input.width, made.input.value_range) == (48, (-127 / 128, 1.0))
    assert made.manifest.document["recipe"]["model"]["cut"] == 2
    image = next((photo_folder / "äpfel").iterdir())
    assert run_cli("classify", image, "--model", "./photos-model").code == 0
    ran = run_cli(
        "train", photo_folder, "--trunk", "none", "--teacher", "./photos-model", "--epochs", 1,
        "--set", "input.width=24", "--set", "input.height=24", "--set", "input.color=gray",
        "--set", "folds=0", "--allow-drop", 100, "--set", "agreement=0", "--out", "pupil",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert bundle.read_bundle(tmp_path / "pupil").input.color == "gray"


@pytest.mark.slow
def test_data_are_found_by_the_environment(run_cli, idx_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("EDGECNN_DATA", str(idx_folder.parent))
    monkeypatch.chdir(tmp_path)
    ran = run_cli("train", "mnist-classic", *QUICK)
    assert ran.code == 0, ran.err
    assert "published" in ran.out
    assert "val_accuracy" in ran.out
    assert (tmp_path / "mnist-classic" / "bundle.json").is_file()


def test_without_data_it_says_where_to_get_them(run_cli, tmp_path, monkeypatch):
    monkeypatch.delenv("EDGECNN_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    run_cli("train", "mnist-classic").fails("$EDGECNN_DATA, which is not set", "https://", "--data PATH")
    monkeypatch.setenv("EDGECNN_DATA", str(tmp_path))
    run_cli("train", "mnist-classic").fails(str(tmp_path / "mnist"), "--data PATH")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["nowhere"], ["no recipe 'nowhere'", "digits, fashion, mnist, mnist-classic, photos"]),
        (["./nowhere"], ["no folder or recipe './nowhere'"]),
        (["mnist-classic", "--set", "train.epoch=3"], ["'train.epoch'", "'train.epochs'"]),
        (["mnist-classic", "--data", "/nowhere"], ["no data at /nowhere"]),
        (["mnist-classic", "--set", "train.teachers=['none']"], ["no model 'none'"]),
        (["mnist-classic", "--set", "model.pool=sum"], ["model.pool is 'sum', expected one of max, average"]),
        (["mnist-classic", "--out", "/proc/nothing/x"], ["nothing can be written to /proc/nothing"]),
    ],
)
def test_what_can_be_known_before_training_is_one_line(run_cli, tmp_path, monkeypatch, arguments, parts):
    monkeypatch.chdir(tmp_path)
    run_cli("train", *arguments).fails(*parts)


def test_contradicting_options_are_usage_errors(run_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_cli("train", ".", "--data", "/nowhere").fails(
        ". is a folder of photos itself: leave --data out", code=2
    )
    run_cli("train", "mnist-classic", "--budget-kb", "0").fails("--budget-kb must be above 0, got 0", code=2)


def test_one_class_and_an_empty_class_are_one_line(run_cli, photo_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (photo_folder / "plums").mkdir()
    run_cli("train", photo_folder).fails("'plums' has no image")
    (photo_folder / "plums").rmdir()
    for path in (photo_folder / "pears").iterdir():
        path.unlink()
    (photo_folder / "pears").rmdir()
    run_cli("train", photo_folder).fails("found only 'äpfel'")


def test_without_the_extra_it_says_how_to_get_it(run_cli, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "keras" else find(name, *a)
    )
    run_cli("train", "mnist-classic").fails("needs keras", "edgecnn[train]")


def test_another_backend_is_refused_before_training(run_cli, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    run_cli("train", "mnist-classic").fails("KERAS_BACKEND is 'jax'", "unset", code=2)


def test_tensorboard_is_asked_for_before_training(run_cli, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    there = {"tensorboard": None}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: there.get(name, find(name, *a)))
    logs = ("train", "mnist-classic", "--tensorboard")
    run_cli(*logs, tmp_path / "logs").fails("needs tensorboard", "edgecnn[tensorboard]")
    there["tensorboard"] = find("keras")
    (tmp_path / "file").touch()
    run_cli(*logs, tmp_path / "file" / "logs").fails("no logs can be written to", "Not a directory")


def test_a_folder_called_photos_is_data(tmp_path, monkeypatch):
    """`photos` is a recipe too, but one without data of its own."""
    from edgecnn_train.training import choose

    monkeypatch.chdir(tmp_path)
    for name in ("photos", "digits"):
        (tmp_path / name).mkdir()
    assert choose("photos", None, [])[1:] == (Path("photos"), "photos-model")
    assert choose("photos", Path("other"), [])[1:] == (Path("other"), "photos")
    assert choose("digits", None, [])[1:] == (None, "digits"), "which names its data"


@pytest.fixture
def photo_manifest(photo_folder, tmp_path, monkeypatch):
    """A manifest of the photos in the current folder; five of each class are for the test."""
    monkeypatch.chdir(tmp_path)
    rows = ["path,label,split"]
    for path in sorted(photo_folder.glob("*/*.jpg")):
        number = int(path.stem.rpartition("-")[2])
        rows.append(f"photos/{path.parent.name}/{path.name},{path.parent.name},{'test' * (number < 5)}")
    Path("two kinds.CSV").write_text("\n".join(rows), "utf-8")
    return "two kinds.CSV"


def test_a_manifest_is_data_without_a_recipe(run_cli, photo_manifest):
    from edgecnn_train.training import choose

    assert choose(photo_manifest, None, [])[1:] == (Path(photo_manifest), "two-kinds-model")
    assert choose("photos", Path(photo_manifest), [])[1:] == (Path(photo_manifest), "photos")
    ran = run_cli("data", "preview", photo_manifest)
    assert (ran.code, Path("two-kinds-preview.png").is_file()) == (0, True), ran.err


@pytest.mark.slow
def test_a_manifest_of_photos_becomes_a_bundle(run_cli, photo_manifest, tmp_path):
    ran = run_cli(
        "train", photo_manifest, "--trunk", "none", *QUICK, "--set", "folds=0", "--allow-drop", 100,
        "--set", "agreement=0",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.out.startswith("`edgecnn learn two kinds.CSV` makes a model of these photos in seconds; ")
    made = bundle.read_bundle(tmp_path / "two-kinds-model")
    assert made.labels == ("pears", "äpfel")
    assert made.manifest.document["title"] == "two kinds"
    assert made.manifest.document["accuracy"]["test_pictures"] == 10


def test_what_names_the_photos_itself_takes_no_other_data(run_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, kind in (("photos.csv", "CSV"), ("photos.zip", "ZIP")):
        Path(name).touch()
        ran = run_cli("train", name, "--data", "/nowhere")
        ran.fails(f"{name} is a {kind} of photos itself: leave --data out", code=2)
    run_cli("train", "nowhere.csv").fails("no data at nowhere.csv: give a folder, a zip archive, a CSV")
    Path("photos.csv").write_text("a,b\n1,2\n")
    run_cli("train", "photos.csv").fails("photos.csv", "path")


@pytest.mark.parametrize(
    ("folder", "name"),
    [("photos.v1", "photos-v1-model"), ("photos.v2", "photos-v2-model"), ("Äpfel & Co.", "äpfel-co-model")],
)
def test_what_a_bundle_is_called(tmp_path, folder, name):
    from edgecnn_train.training import choose

    (tmp_path / folder).mkdir()
    assert choose(str(tmp_path / folder), None, [])[2] == name


@pytest.mark.slow
def test_a_bundle_and_logs_inside_the_data_change_nothing(run_cli, photo_folder, monkeypatch):
    """The second run is the same as the first, and no folder that edgecnn wrote is a class of it."""
    monkeypatch.chdir(photo_folder)
    options = [
        ".",
        "--trunk",
        "none",
        *QUICK,
        "--set",
        "folds=0",
        "--allow-drop",
        "100",
        "--tensorboard",
        "logs",
    ]
    options += ["--set", "verify.agreement=0"]
    digests = []
    for _ in range(2):
        ran = run_cli("train", *options)
        assert ran.code == 0, ran.err
        made = bundle.read_bundle(photo_folder / "photos-model")
        assert made.labels == ("pears", "äpfel")
        digests.append(made.manifest.document["data"]["sha256"])
    assert digests[0] == digests[1]
    assert "left out edgecnn's own output: " in ran.out
    assert run_cli("data", "check", ".").code == 0


@pytest.mark.slow
def test_a_run_that_was_stopped_inside_the_data_resumes(run_cli, photo_folder, monkeypatch):
    from edgecnn_train.checkpoint import Checkpoint

    monkeypatch.chdir(photo_folder)
    options = [
        ".",
        "--trunk",
        "none",
        "--epochs",
        "3",
        "--set",
        "calibration=20",
        "--set",
        "folds=0",
        "--allow-drop",
        "100",
    ]
    options += ["--set", "verify.agreement=0"]
    save = Checkpoint.on_epoch_end

    def stop(self, number, logs=None):
        save(self, number, logs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "on_epoch_end", stop)
        assert run_cli("train", *options, "--tensorboard", "logs").code == 130
    assert (photo_folder / "photos-model.training" / "state.json").is_file()
    ran = run_cli("train", *options)
    assert ran.code == 0, ran.err
    assert "continuing after epoch 1 of 3, from " in ran.out
    assert bundle.read_bundle(photo_folder / "photos-model").labels == ("pears", "äpfel")


def test_logs_are_not_written_among_a_persons_files(run_cli, photo_folder, monkeypatch):
    """The folder of logs is left out of the data, and a class may not be."""
    monkeypatch.chdir(photo_folder)
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: True)
    ran = run_cli("train", ".", "--tensorboard", "pears")
    ran.fails("--tensorboard pears holds pears-", ", which is not a log: name an empty or a new folder")


def test_logs_that_are_not_written_leave_no_folder(run_cli, photo_folder, monkeypatch):
    from edgecnn_train.training import check_logs

    monkeypatch.chdir(photo_folder)
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: True)
    check_logs(Path("logs/run"))
    assert sorted(p.name for p in photo_folder.iterdir()) == ["pears", "äpfel"]
