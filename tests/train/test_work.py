import json

import pytest

from edgecnn.errors import OutputError
from edgecnn_train.work import check_work, clear_work, work_folder, working


@pytest.fixture
def folder(tmp_path):
    return work_folder(tmp_path / "tiny")


def fill(folder):
    for place in (folder, folder / "qat", folder / "fold-1", folder / "fold-1" / "qat"):
        place.mkdir(parents=True, exist_ok=True)
        for name in ("last-3.npz", "best-2.npz", "state.json", "state.json.new", "width.json", "top1.json"):
            (place / name).write_bytes(b"x")


def test_its_files_go_and_nothing_else(folder):
    with working(folder):
        fill(folder)
    check_work(folder, "other")
    foreign = (folder / "weights.npz", folder / "fold-1" / "cat.jpg", folder / "fold-x" / "last-3.npz")
    for path in foreign:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"mine")
    clear_work(folder)
    assert sorted(p for p in folder.rglob("*") if p.is_file()) == sorted(
        [*foreign, folder / "written-by-edgecnn"]
    )
    with pytest.raises(
        OutputError, match=r"tiny\.training is where checkpoints go, but it has 'fold-x' in it"
    ):
        (folder / "written-by-edgecnn").unlink()
        check_work(folder, "other")


def test_it_is_gone_when_it_was_not_needed(folder):
    with working(folder):
        assert folder.is_dir()
    assert not folder.exists()
    with working(folder):
        fill(folder)
        clear_work(folder)
    assert not folder.exists()


def test_a_folder_is_not_ours_unless_it_is_marked(folder):
    """A dataset's classes may have the names of our files."""
    (folder / "fold-1").mkdir(parents=True)
    with pytest.raises(OutputError, match="it has 'fold-1' in it: other, or move it away"):
        check_work(folder, "other")
    (folder / "state.json").write_text(json.dumps({"mine": 1}))
    with pytest.raises(OutputError, match="it has 'fold-1' in it"):
        check_work(folder, "other")
    (folder / "state.json").write_text(json.dumps({"fingerprint": "", "history": []}))
    check_work(folder, "other")  # from before there were marks
    (folder / "last-1.npz").symlink_to("decoy")
    with pytest.raises(OutputError, match="it has 'last-1.npz' in it"):
        check_work(folder, "other")


def test_files_and_links(folder, tmp_path):
    folder.write_bytes(b"mine")
    with pytest.raises(OutputError, match="but it is a file"):
        check_work(folder, "other")
    folder.unlink()
    folder.symlink_to("nowhere")
    with pytest.raises(OutputError, match="a link that leads to no folder"):
        check_work(folder, "other")
    folder.unlink()
    (tmp_path / "disk").mkdir()
    folder.symlink_to("disk")
    check_work(folder, "other")
    with working(folder):
        fill(folder)
        clear_work(folder)
    assert folder.is_symlink()
    assert not list((tmp_path / "disk").iterdir())
