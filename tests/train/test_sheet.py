import numpy as np
import pytest

from edgecnn.dataset import open_source
from edgecnn.errors import OutputError
from edgecnn_train.inspection.preview import preview
from edgecnn_train.recipe_file import read_recipe
from edgecnn_train.sheet import Cell, SheetSection, contact_sheet, drawable_labels, write_png


def test_images_are_drawn_whole_in_their_colours():
    red = np.zeros((10, 40, 3), np.uint8)
    red[..., 2] = 255
    sheet = contact_sheet(
        [SheetSection("a title", (Cell((red, np.zeros((9, 9), np.uint8)), "two"),))], side=40
    )
    assert sheet.dtype == np.uint8
    assert np.count_nonzero((sheet == (0, 0, 255)).all(2)) == 10 * 40
    assert np.count_nonzero((sheet == (0, 0, 0)).all(2)) == 40 * 40


def test_rows_break_and_a_cell_does_not():
    cells = tuple(Cell((np.zeros((8, 8), np.uint8),) * 2) for _ in range(5))
    wide = contact_sheet([SheetSection("", cells)], side=40, columns=10)
    narrow = contact_sheet([SheetSection("", cells)], side=40, columns=4)
    assert narrow.shape[0] > wide.shape[0]
    assert np.count_nonzero(narrow == 0) == np.count_nonzero(wide == 0)


def test_an_empty_sheet_and_captions_of_any_length_are_drawn():
    assert contact_sheet([]).shape[1] == 320
    contact_sheet([SheetSection("猫" * 300, (Cell((np.zeros((1, 900, 1), np.uint8),), "x" * 300),))])


def test_labels_are_drawn_as_they_are_in_any_script():
    labels = ["äpfel", "pears", "猫", "犬", "кот", "é", "e", "what?"]
    assert drawable_labels(labels) == (labels, {})


def test_labels_stay_apart_and_a_legend_shows_what_numbers_mean(monkeypatch):
    from edgecnn.image import text_drawing

    # As with OpenCV 4.
    monkeypatch.setattr(text_drawing, "_font_with", lambda char: "sans" if char.isascii() else None)
    text_drawing.drawable.cache_clear()
    try:
        names, legend = drawable_labels(["äpfel", "pears", "猫", "犬", "é", "e", "what?", "[x]"])
    finally:
        text_drawing.drawable.cache_clear()
    assert names == ["apfel", "pears", "#2", "#3", "#4", "#5", "what?", "[x]"]
    assert legend == {"#2": "猫", "#3": "犬", "#4": "é", "#5": "e"}


def test_a_sheet_that_cannot_be_written_is_one_error(tmp_path):
    with pytest.raises(OutputError, match="can't be written"):
        write_png(tmp_path / "nowhere" / "x.png", np.zeros((4, 4, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_a_preview_shows_the_plain_image_first_and_repeats_with_its_seed(idx_folder):
    source = open_source(idx_folder)
    recipe = read_recipe("digits")
    sections, legend = preview(source, recipe, print, seed=5)
    again, _ = preview(source, recipe, print, seed=5)
    other, _ = preview(source, recipe, print, seed=6)
    assert len(sections) == 12
    assert legend == {}
    assert {s.cells[0].caption for s in sections} == set("0123456789")
    known = {source.read(i).tobytes(): source.labels[i.label] for i in source.items if i.split == "train"}
    for section in sections:
        plain, *changed = (c.images[0] for c in section.cells)
        assert known[plain.tobytes()] == section.cells[0].caption
        assert len(changed) == 8
        assert any(not np.array_equal(plain, c) for c in changed)

    def pixels(sheet):
        return [c.images[0].tobytes() for s in sheet for c in s.cells]

    assert pixels(sections) == pixels(again) != pixels(other)


def test_a_preview_mixes_images_as_training_does(idx_folder):
    plain = read_recipe("mnist-classic")
    mixed = read_recipe("mnist-classic", ["augment.mixup=5"])
    sheets = [preview(open_source(idx_folder), r, print, seed=5)[0] for r in (plain, mixed)]
    images = [np.stack([section.cells[1].images[0] for section in sheet]) for sheet in sheets]
    assert np.array_equal(images[0], np.stack([s.cells[0].images[0] for s in sheets[0]]))
    assert (images[0] != images[1]).any(axis=(1, 2, 3)).all()


def test_a_preview_reads_only_what_it_shows(idx_folder):
    source = open_source(idx_folder)
    read, seen = source.read, []
    source.read = lambda item: (seen.append(item), read(item))[1]
    preview(source, read_recipe("digits"), print, seed=0)
    assert len(seen) == 12


def test_the_preview_command_writes_a_sheet_and_says_when_nothing_is_changed(
    run_cli, photo_folder, idx_folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    ran = run_cli("data", "preview", photo_folder)
    assert ran.code == 0, ran.err
    assert (tmp_path / "photos-preview.png").is_file()
    ran = run_cli("data", "preview", "mnist-classic", "--data", idx_folder, "--out", "m.png")
    assert ran.code == 0, ran.err
    assert "changes no image" in ran.out
    assert (tmp_path / "m.png").is_file()
