"""A bundle is compared with its golden vectors when it first runs on a machine."""

import json
import shutil

import pytest

import edgecnn
from edgecnn.bundle import bundle
from edgecnn.classify import golden
from edgecnn.errors import BundleError
from edgecnn.io.cache import cache_folder
from tests.models import nan_bundle


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def changed(tmp_path):
    """digits, published with other answers than its kernels give here."""
    folder = tmp_path / "changed"
    shutil.copytree(bundle.find("digits"), folder)
    manifest = json.loads((folder / "bundle.json").read_text())
    outputs = manifest["golden"]["outputs"]["int8"]
    manifest["golden"]["outputs"]["int8"] = outputs[1:] + outputs[:1]
    (folder / "bundle.json").write_text(json.dumps(manifest))
    return folder


def test_a_healthy_bundle_is_checked_once_and_says_nothing(monkeypatch):
    with edgecnn.load("digits") as classifier:
        assert classifier.notices == ()
    assert json.loads((cache_folder() / "golden.json").read_text())

    def never(_):
        raise AssertionError("it was checked again")

    monkeypatch.setattr(golden, "check", never)
    edgecnn.load("digits").close()


def test_changed_answers_are_reported_every_time(changed, run_cli, seven):
    for _ in range(2):
        ran = run_cli("classify", seven, "--model", changed)
        assert ran.code == 0
        assert "digits int8 does not answer here as where it was published: scores differ by up to" in ran.err
        assert "edgecnn models verify digits" in ran.err
    assert "does not answer" not in run_cli("classify", seven, "--model", changed, "--engine", "fake").err
    assert "does not answer" not in run_cli("classify", seven, "--model", changed, "--variant", "float32").err


def test_a_cache_that_can_not_be_written_costs_time_only(monkeypatch, tmp_path, changed):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with edgecnn.load("digits") as healthy, edgecnn.load(changed) as other:
        assert healthy.notices == ()
        assert len(other.notices) == 1


@pytest.mark.parametrize(
    "poison",
    [
        {"agrees": "yes"},
        {"agrees": 1},
        {"largest_difference": "\x1b[2J"},
        {"largest_difference": float("nan")},
        {"largest_difference": float("inf")},
        {"agrees": True, "largest_difference": None},
    ],
)
def test_a_result_that_was_never_found_is_found_again(changed, poison):
    for _ in range(2):
        with edgecnn.load(changed) as classifier:
            notice = classifier.notices
        assert "scores differ by up to 0." in notice[0]
        path = cache_folder() / "golden.json"
        entries = json.loads(path.read_text())
        path.write_text(json.dumps({key: {**entry, **poison} for key, entry in entries.items()}))


def test_a_model_that_answers_nan_is_remembered_and_refused_where_it_counts(tmp_path):
    folder = nan_bundle(tmp_path)
    for _ in range(2):
        with edgecnn.load(folder, "float32") as classifier:
            assert "it answers NaN or infinity on its golden inputs" in classifier.notices[0]
        with pytest.raises(BundleError, match="it answers NaN or infinity"):
            edgecnn.load(folder, "float32", strict=True)
