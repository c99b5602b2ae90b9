import pytest

from edgecnn.errors import OutputError
from edgecnn.report.publication import check_target, claim, page_path, write_page


def test_it_is_next_to_the_bundle(tmp_path):
    bundle = tmp_path / "my.model"
    assert page_path(bundle) == tmp_path / "my.model.report.html"
    assert write_page(bundle, "é") == page_path(bundle)
    assert page_path(bundle).read_text("utf-8").startswith("é\n<!-- written by edgecnn train, ")
    assert write_page(bundle, "its next one") == page_path(bundle)


def test_someone_elses_page_is_never_replaced(tmp_path):
    bundle = tmp_path / "my.model"
    for content in (b"mine", write_page(bundle, "ours").read_bytes() + b"my note", b""):
        page_path(bundle).write_bytes(content)
        written = write_page(bundle, "next")
        assert written.name.startswith("my.model-")
        assert page_path(bundle).read_bytes() == content
    page_path(bundle).unlink()
    other = write_page(tmp_path / "other", "a copy of another's page is not ours either")
    page_path(bundle).symlink_to(other)
    write_page(bundle, "next")
    assert page_path(bundle).is_symlink()
    assert "a copy" in other.read_text()


def test_a_target_is_refused_before_anything_is_made(tmp_path):
    check_target(tmp_path / "new" / "mine", "say another")
    assert (tmp_path / "new").is_dir()
    (tmp_path / "mine.report.html").write_text("mine")
    refused = r"report goes, and it holds what .* did not write: move it away, or say another$"
    with pytest.raises(OutputError, match=refused):
        check_target(tmp_path / "mine", "say another")
    with pytest.raises(OutputError, match=refused), claim(tmp_path / "mine", "say another"):
        pass
    assert not (tmp_path / "mine").exists()


def test_a_claimed_folder_is_taken(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with claim(tmp_path / "link", "wait") as held:
        assert held.folder == tmp_path / "real"
        for name in ("real", "link"):
            with pytest.raises(OutputError, match="is being written by .*wait$"):
                check_target(tmp_path / name, "wait")
    check_target(tmp_path / "link", "wait")
