import json
import shutil

import pytest

from edgecnn.bundle.bundle import bundle_folders, find
from edgecnn.bundle.manifest import read_manifest
from edgecnn.bundle.owned_files import find_unowned, names_of_parts, remove_bundle, remove_unfinished, seal


@pytest.fixture
def sealed(digits_folder):
    seal(digits_folder, read_manifest(digits_folder / "bundle.json"))
    return digits_folder


@pytest.mark.parametrize("name", ["digits", "cifar10", "waste"])
def test_a_shipped_bundle_is_whole_edgecnns(name, tmp_path):
    folder = shutil.copytree(find(name), tmp_path / name)
    assert find_unowned(folder) is None
    seal(folder, read_manifest(folder / "bundle.json"))
    assert find_unowned(folder) is None
    assert set(names_of_parts(folder)) == set(json.loads((folder / "bundle.json").read_text())["files"])
    assert remove_bundle(folder) is None
    assert not folder.exists()


@pytest.mark.parametrize("name", ["bundle.json", "CARD.md", "int8.tflite", "labels.txt", "training.png"])
def test_a_changed_file_is_not_owned(sealed, name):
    (sealed / name).write_bytes((sealed / name).read_bytes() + b" ")
    before = sorted(sealed.iterdir())
    reason = f"holds '{name}', which was changed after edgecnn wrote it"
    assert find_unowned(sealed) == reason
    assert remove_bundle(sealed) == reason
    assert sorted(sealed.iterdir()) == before


def test_no_file_of_an_older_bundle_is_owned(digits_folder):
    path = digits_folder / "bundle.json"
    names = names_of_parts(digits_folder)
    manifest = json.loads(path.read_text("utf-8"))
    del manifest["files"]
    path.write_text(json.dumps(manifest), "utf-8")
    reason = "holds 'CARD.md' and no bundle.json that lists the files that edgecnn wrote"
    assert find_unowned(digits_folder) == reason
    (digits_folder / "cat.jpg").touch()
    assert names_of_parts(digits_folder) == names, "what a copy takes along"


def test_anything_else_is_foreign(sealed, tmp_path):
    def foreign(make, reason):
        path = sealed / "a.jpg"
        make(path)
        assert find_unowned(sealed) == reason
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()

    other = "holds 'a.jpg', which is no file of the bundle"
    foreign(lambda p: p.touch(), other)
    foreign(lambda p: p.mkdir(), other)
    foreign(lambda p: p.symlink_to("CARD.md"), other)
    (sealed / "CARD.md").rename(tmp_path / "mine.md")
    (sealed / "CARD.md").symlink_to(tmp_path / "mine.md")
    assert find_unowned(sealed) == "holds 'CARD.md', which is no file of the bundle"
    assert find_unowned(tmp_path / "nowhere") is None
    assert find_unowned(tmp_path / "mine.md") == "is a file"
    (tmp_path / "link").symlink_to(sealed)
    assert find_unowned(tmp_path / "link") == "is a link"
    assert find_unowned(tmp_path) == "holds 'link' and is no bundle"
    (tmp_path / "empty").mkdir()
    assert find_unowned(tmp_path / "empty") is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "3", "[]", "{}", '{"format": 2, "variants": {}}', '{"format": 1}',
     '{"format": 1, "variants": 3}', "[" * 100_000,
     '{"format": 1, "variants": {}, "files": {"bundle.json": 3}}',
     '{"format": 1, "variants": {}, "files": {"bundle.json": ""}}',
     '{"format": 1, "variants": {"a": 3, "b": {"file": 3}}, "files": [], "labels": 3, "x": "\\ud800"}'],
)  # fmt: skip
def test_a_manifest_that_edgecnn_did_not_write_is_never_trusted(tmp_path, text):
    (tmp_path / "bundle.json").write_text(text)
    (tmp_path / "cat.jpg").touch()
    assert "holds " in find_unowned(tmp_path)
    assert remove_bundle(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_of_an_unfinished_one_known_names_go(tmp_path):
    folder = tmp_path / "part"
    folder.mkdir()
    for name in ("bundle.json", "int8.tflite", "confusion.png"):
        (folder / name).touch()
    (folder / "cat.png").touch()
    remove_unfinished(folder)
    assert [p.name for p in folder.iterdir()] == ["cat.png"]
    (folder / "cat.png").unlink()
    remove_unfinished(folder)
    assert not folder.exists()


@pytest.mark.parametrize("folder", bundle_folders(), ids=lambda p: p.name)
def test_shipped_bundles_list_their_files(folder):
    assert json.loads((folder / "bundle.json").read_text("utf-8"))["files"]
    assert find_unowned(folder) is None
