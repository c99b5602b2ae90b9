"""What may crash is opened in another process first."""

import json

import pytest

import edgecnn
from edgecnn.bundle import bundle
from edgecnn.engine import probe
from edgecnn.errors import EngineLost, ModelError
from edgecnn.io.cache import cache_folder


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def bare(digits_file):
    return bundle.open_model(digits_file)


def verdicts():
    return json.loads((cache_folder() / "verdicts.json").read_text())


def test_a_sound_file_is_tried_once(digits_file, monkeypatch):
    edgecnn.load(digits_file).close()
    assert [v["sound"] for v in verdicts().values()] == [True]

    def never(*_):
        raise AssertionError("it was tried again")

    monkeypatch.setattr(probe, "try_in_child", never)
    edgecnn.load(digits_file).close()


@pytest.mark.parametrize(
    ("engine", "reason"),
    [("fake:crash=1", "was ended by SIGABRT while it ran"), ("fake:hang=1", "took longer than")],
)
def test_what_crashes_or_hangs_is_refused_and_remembered(bare, monkeypatch, engine, reason):
    monkeypatch.setattr(probe, "PROBE_S", 1.5)
    with pytest.raises(ModelError, match=rf"bare is not opened here, .*{reason}.* \(remembered in "):
        probe.require_sound(bare, engine, 1)
    assert [v["sound"] for v in verdicts().values()] == [False]
    monkeypatch.setattr(probe, "PROBE_S", -1.0)
    with pytest.raises(ModelError, match=reason):
        probe.require_sound(bare, engine, 1)


def test_a_clear_error_is_passed_on_and_no_verdict(bare):
    with pytest.raises(ModelError, match="rejected by LiteRT"):
        probe.require_sound(bare._replace(data=bare.data[:5000]), "auto", 1)
    assert not (cache_folder() / "verdicts.json").exists()


def test_another_file_is_tried_separately(digits_file, bare):
    probe.require_sound(bare, "auto", 1)
    probe.require_sound(bare._replace(data=bare.data + b" "), "auto", 1)
    probe.require_sound(bare, "litert", 1)
    assert len(verdicts()) == 3


def test_a_crash_says_nothing_on_stderr(bare, capfd):
    with pytest.raises(EngineLost):
        probe.try_in_child(bare, "fake:crash=1", 1)
    assert capfd.readouterr().err == ""


def test_the_child_may_not_take_all_memory(monkeypatch):
    model = bundle.open_model("waste", "float32")
    monkeypatch.setattr(probe, "MEMORY_BYTES", 1 << 20)
    with pytest.raises((EngineLost, ModelError)):
        probe.try_in_child(model, "litert", 1)


def test_a_bundle_and_the_fake_need_none(digits_file):
    edgecnn.load("digits").close()
    edgecnn.load(digits_file, engine="fake").close()
    assert not (cache_folder() / "verdicts.json").exists()


@pytest.mark.parametrize(
    "poison",
    [None, True, {}, {"sound": "yes"}, {"sound": 1}, {"sound": False}, {"sound": False, "reason": 5}],
)
def test_an_invalid_verdict_is_found_again(digits_file, poison):
    edgecnn.load(digits_file).close()
    path = cache_folder() / "verdicts.json"
    path.write_text(json.dumps(dict.fromkeys(verdicts(), poison)))
    edgecnn.load(digits_file).close()
    assert list(verdicts().values()) == [{"sound": True}]


def test_a_remembered_reason_is_printable_and_short(bare, digits_file):
    probe.require_sound(bare, "auto", 1)
    path = cache_folder() / "verdicts.json"
    reason = "\x1b]0;gone\x07" + "x" * 100_000
    path.write_text(json.dumps({key: {"sound": False, "reason": reason} for key in verdicts()}))
    with pytest.raises(ModelError) as raised:
        probe.require_sound(bare, "auto", 1)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 1000
