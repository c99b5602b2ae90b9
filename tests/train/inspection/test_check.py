import csv
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgecnn.dataset import open_source
from edgecnn_train.data import load_data
from edgecnn_train.inspection.check import check, manifest
from edgecnn_train.inspection.preview import preview
from edgecnn_train.inspection.text import report_lines
from edgecnn_train.recipe_file import read_recipe
from tests.images import digit


@pytest.fixture
def photos(tmp_path):
    """Two classes of 20 drawn images each, all different, large enough to tell apart."""
    folder = tmp_path / "photos"
    rng = np.random.default_rng(3)
    for label in "38":
        (folder / label).mkdir(parents=True)
        for k in range(20):
            paper = cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), (80, 60))
            paper[6:54, 16:64] ^= digit(label, rng, 48)[..., None]
            write(folder / label / f"{label}-{k}.png", paper)
    return folder


def write(path, image, *options):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, image, options)[1].tobytes())


def read(path):
    return cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)


def checked(path, *overrides):
    return check(open_source(path), path, read_recipe("scratch", list(overrides)))


def kinds(report):
    return [f.kind for f in report.findings]


def found(report, kind):
    """The images that a finding names, as sets of ids."""
    ids = [i.id for i in report.seen.items]
    [finding] = [f for f in report.findings if f.kind == kind]
    return [{ids[p] for p in group} for group in finding.images]


def to_splits(folder):
    """Move the images of a folder into an official split of 12, 4 and 4 a class."""
    for label in "38":
        for k, path in enumerate(sorted((folder / label).iterdir())):
            split = "train" if k < 12 else "val" if k < 16 else "test"
            (folder / split / label).mkdir(parents=True, exist_ok=True)
            path.rename(folder / split / label / path.name)
        (folder / label).rmdir()


def test_a_sound_set_has_nothing_but_small_numbers(photos):
    report = checked(photos)
    assert set(kinds(report)) <= {"small-test", "labels-not-judged", "cropped"}
    assert not report.why_not(strict=True)
    assert report.counts()[0] == {"label": "3", "pictures": 20}


def test_corrupt_and_foreign_files_are_named_with_their_reason(photos):
    (photos / "3" / "cut.jpg").write_bytes(b"\xff\xd8\xff")
    (photos / "3" / "empty.png").write_bytes(b"")
    (photos / "8" / "phone.HEIC").write_bytes(b"x")
    report = checked(photos)
    [corrupt] = [f for f in report.findings if f.kind == "corrupt"]
    assert "cut.jpg is a JPEG that is truncated" in corrupt.examples[0]
    assert "empty.png is empty" in corrupt.examples[1]
    assert report.seen.foreign == {"HEIC image": ["8/phone.HEIC"]}
    assert report.why_not(strict=True)
    assert len(report.seen) == 40


def test_the_same_pixels_in_another_format_are_exact_duplicates(photos):
    image = read(photos / "3" / "3-0.png")
    write(photos / "3" / "copy.bmp", image)
    write(photos / "8" / "other.png", image)
    report = checked(photos)
    assert {"3/3-0.png", "3/copy.bmp", "8/other.png"} in found(report, "conflict")
    assert report.why_not(strict=True)


@pytest.mark.parametrize("change", ["jpeg", "smaller", "brighter", "cropped", "gray"])
def test_a_photo_that_was_saved_cropped_or_lit_again_is_a_near_duplicate(photos, change):
    image = read(photos / "3" / "3-5.png")
    target = photos / "3" / "again.jpg"
    if change == "smaller":
        image = cv2.resize(image, (50, 38), interpolation=cv2.INTER_AREA)
    elif change == "brighter":
        image = np.clip(image * 0.8 + 40, 0, 255).astype(np.uint8)
    elif change == "cropped":
        image = image[1:-1, 1:-1]
    elif change == "gray":
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        image = cv2.addWeighted(image, 0.5, read(photos / "3" / "3-5.png"), 0.5, 0)
    write(target, image, cv2.IMWRITE_JPEG_QUALITY, 60)
    assert found(checked(photos), "duplicates") == [{"3/3-5.png", "3/again.jpg"}]


def test_twins_across_splits_come_first_and_the_manifest_leaves_them_out_of_training(photos):
    to_splits(photos)
    for source in ("test/3/3-8.png", "test/8/8-9.png"):
        path = photos / source
        write(photos / "train" / path.parent.name / f"again-{path.stem}.jpg", read(path))
    report = checked(photos)
    assert kinds(report)[0] == "leak"
    assert report.why_not(strict=True)
    twins = [
        {"test/3/3-8.png", "train/3/again-3-8.jpg"},
        {"test/8/8-9.png", "train/8/again-8-9.jpg"},
    ]
    assert sorted(found(report, "leak"), key=min) == twins
    assert "2 of 8 test images (25.00%)" in report.findings[0].what
    target = photos.parent / "photos.csv"
    text, left_out = manifest(report, target)
    assert left_out == 2
    assert "again" not in text
    target.write_text(text)
    again = checked(target)
    assert "leak" not in kinds(again)
    assert len(again.seen) == 40


def test_a_group_that_a_twin_ties_to_the_test_leaves_training_whole(photos):
    to_splits(photos)
    write(photos / "train" / "3" / "again.jpg", read(photos / "test" / "3" / "3-8.png"))
    rows = [["path", "label", "split", "group"]]
    for path in sorted(photos.glob("*/*/*")):
        place = path.relative_to(photos)
        walk = "walk" if path.name in ("again.jpg", "3-1.png") and place.parts[0] == "train" else ""
        rows.append([str(Path("photos", place)), place.parts[1], place.parts[0], walk])
    table, target = photos.parent / "all.csv", photos.parent / "clean.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    text, left_out = manifest(checked(table), target)
    assert left_out == 2
    target.write_text(text)
    load_data(open_source(target), read_recipe("scratch"), lambda _: None)


def test_the_manifest_keeps_duplicates_in_one_split_of_training(photos):
    for k in range(6):
        write(photos / "3" / f"again-{k}.jpg", read(photos / "3" / f"3-{k}.png"))
    report = checked(photos)
    target = photos.parent / "photos.csv"
    text, left_out = manifest(report, target)
    assert left_out == 0
    target.write_text(text)
    rows = list(csv.DictReader(text.splitlines()))
    assert sum(bool(row["group"]) for row in rows) == 12
    assert not any(f.kind == "duplicates" and f.level == "warning" for f in checked(target).findings)
    data = load_data(open_source(target), read_recipe("scratch", ["data.test=0.3"]), lambda _: None)
    groups = [{i.group for i in part.items if i.group} for part in (data.train, data.validation, data.test)]
    assert not any(groups[a] & groups[b] for a, b in ((0, 1), (0, 2), (1, 2)))


def write_drawn(folder, count=60):
    """Ten classes of drawn digits."""
    rng = np.random.default_rng(11)
    for label in "0123456789":
        for k in range(count):
            write(folder / label / f"{k:03}.png", digit(label, rng))


def test_planted_swaps_are_found_with_few_false_alarms(tmp_path):
    folder = tmp_path / "digits"
    write_drawn(folder)
    assert len([f for f in checked(folder).findings if f.kind == "swapped-labels"]) <= 1
    planted = set()
    for k in range(10):
        name = f"planted-{k}.png"
        (folder / str(k) / f"{k:03}.png").rename(folder / str((k + 3) % 10) / name)
        planted.add(f"{(k + 3) % 10}/{name}")
    report = checked(folder)
    named = set().union(*found(report, "swapped-labels"))
    assert len(named & planted) >= 7
    assert len(named - planted) <= 3
    truth = {s.image: s.looks_like for s in report.votes.suspects}
    for place, item in enumerate(report.seen.items):
        if item.id in named & planted:
            assert (truth[place] + 3) % 10 == item.label
    assert report.votes.trusted >= 0.95
    assert 0.3 < report.votes.reach <= 1


def test_labels_are_not_judged_where_the_votes_cannot_be_trusted(tmp_path):
    folder = tmp_path / "noise"
    rng = np.random.default_rng(0)
    for label in ("a", "b", "c"):
        for k in range(40):
            write(folder / label / f"{k}.png", rng.integers(0, 256, (32, 32, 3), np.uint8))
    report = checked(folder)
    assert "labels-not-judged" in kinds(report)
    assert "swapped-labels" not in kinds(report)


def test_two_classes_swapped_in_the_test_split_are_named(tmp_path):
    folder = tmp_path / "digits"
    rng = np.random.default_rng(4)
    for split, count in (("train", 40), ("test", 12)):
        for label in "0147":
            shown = {"1": "0", "0": "1"}.get(label, label) if split == "test" else label
            for k in range(count):
                write(folder / split / label / f"{k}.png", digit(shown, rng))
    [finding] = [f for f in checked(folder).findings if f.kind == "swapped-class"]
    assert len(finding.examples) == 2
    assert finding.examples[0].startswith("test/0 looks like train/1")


def test_classes_with_nearly_the_same_name(photos):
    (photos / "3").rename(photos / "cat")
    (photos / "8").rename(photos / "Cats")
    [finding] = [f for f in checked(photos).findings if f.kind == "class-names"]
    assert finding.examples == ("'Cats' / 'cat'",)


def test_imbalance_few_images_and_odd_sizes_are_reported(photos):
    for path in sorted((photos / "8").iterdir())[5:]:
        path.unlink()
    write(photos / "3" / "wide.png", np.random.default_rng(0).integers(0, 256, (60, 400, 3), np.uint8))
    report = checked(photos)
    by_kind = {f.kind: f for f in report.findings}
    assert "4.2 times" in by_kind["imbalance"].what
    assert "class_weights=balanced" in by_kind["imbalance"].todo
    assert by_kind["few"].examples == ("8: 5",)
    assert by_kind["odd-size"].examples == ("3/wide.png: 400×60",)
    assert not report.why_not(strict=False)


def test_a_class_that_colour_alone_gives_away(photos):
    for path in (photos / "8").iterdir():
        gray = cv2.cvtColor(read(path), cv2.COLOR_BGR2GRAY)
        write(path, gray)
    [finding] = [f for f in checked(photos).findings if f.kind == "shortcut"]
    assert finding.examples == ("8: 0 % in color; 3: 100 % in color",)


def test_too_few_to_train_is_exit_code_1(run_cli, photos):
    for path in sorted((photos / "8").iterdir())[2:]:
        path.unlink()
    ran = run_cli("data", "check", photos)
    assert ran.code == 1
    assert "fewer than 3 readable images" in ran.out
    assert ran.err == f"edgecnn: {photos}: 1 class with fewer than 3 readable images\n"


def test_the_command_writes_text_json_sheet_and_manifest(run_cli, photos, tmp_path):
    (photos / "3").rename(photos / "猫")
    (photos / "猫" / "cut.jpg").write_bytes(b"\xff\xd8")
    write(photos / "猫" / "again.jpg", read(photos / "猫" / "3-1.png"))
    sheet, table, text = tmp_path / "sheet.png", tmp_path / "m.csv", tmp_path / "report.json"
    ran = run_cli("data", "check", photos, "--out", sheet, "--manifest", table, "--json", text)
    assert ran.code == 0, ran.err
    body = ran.out.split(str(sheet))[0]
    assert all(len(line) <= 80 for line in body.splitlines()[1:]), body
    assert ran.out.index("ERROR") < ran.out.index("WARNING")
    # OpenCV 4 has no font for it.
    assert ("#1 on the sheet is 猫" in ran.out) is not hasattr(cv2, "FontFace")
    assert f"edgecnn train photos --data {table}" in ran.out
    assert cv2.imread(str(sheet)).shape[2] == 3
    assert len(open_source(table).items) == 41
    report = json.loads(text.read_text())
    assert report["unreadable"][0]["id"] == "猫/cut.jpg"
    assert {"corrupt", "duplicates"} <= {f["kind"] for f in report["findings"]}
    only = run_cli("data", "check", photos, "--json", "-", "--strict")
    assert only.code == 1
    assert json.loads(only.out)["findings"] == report["findings"]


def test_every_format_size_and_kind_goes_through(run_cli, photos, tmp_path):
    rng = np.random.default_rng(9)
    image = cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), (90, 70))
    for suffix in (".jpg", ".png", ".webp", ".bmp", ".gif"):
        write(photos / "3" / f"kind{suffix}", np.roll(image, 90 * len(suffix) + ord(suffix[1]), 1))
    write(photos / "3" / "gray.png", rng.integers(0, 256, (33, 50), np.uint8))
    write(photos / "8" / "alpha.png", rng.integers(0, 256, (50, 31, 4), np.uint8))
    report = checked(photos)
    assert len(report.seen) == 47
    assert not report.seen.unreadable
    assert len(set(zip(report.seen.heights, report.seen.widths, strict=True))) == 4
    sheet = tmp_path / "sheet.png"
    assert run_cli("data", "check", photos, "--out", sheet).code == 0
    assert run_cli("data", "preview", photos, "--out", sheet).code == 0


def test_names_are_looked_up_as_recipes_and_in_the_environment(run_cli, idx_folder, monkeypatch):
    monkeypatch.setenv("EDGECNN_DATA", str(idx_folder.parent))
    for name in ("mnist-classic", "mnist"):
        ran = run_cli("data", "check", name)
        assert ran.code == 0, ran.err
        assert f"{idx_folder}: 800 images in 10 classes" in ran.out
    run_cli("data", "check", "mnist", "--manifest", "x.csv").fails("unpack", code=2)


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (["check", "/nowhere"], 1, "no data at /nowhere"),
        (["check", "nothing"], 1, "no data called nothing"),
        (["check", "/tmp", "--data", "/tmp"], 2, "leave --data out"),
        (["preview", "nothing"], 1, "no recipe 'nothing'"),
        (["check", "mnist-classic", "--set", "seeds=1"], 1, "did you mean"),
    ],
)
def test_wrong_input_is_one_line(run_cli, monkeypatch, arguments, code, part):
    monkeypatch.delenv("EDGECNN_DATA", raising=False)
    run_cli("data", *arguments).fails(part, code=code)


def test_nothing_readable_and_an_unwritable_sheet_are_one_line(run_cli, photos):
    run_cli("data", "check", photos, "--out", "/proc/x/s.png").fails("can't be written")
    for path in photos.rglob("*.png"):
        path.write_bytes(b"x")
    run_cli("data", "check", photos).fails("none of the images")
    run_cli("data", "preview", photos).fails("none of the images")


def test_neither_command_loads_tensorflow(photos, tmp_path):
    code = f"""
import sys
from edgecnn.cli import main
for words in (["check", {str(photos)!r}], ["preview", {str(photos)!r}, "--out", {str(tmp_path / "p.png")!r}]):
    sys.argv = ["edgecnn", "data", *words]
    try:
        main()
    except SystemExit as end:
        assert not end.code, end.code
print([m for m in ("tensorflow", "keras", "matplotlib") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_what_a_centre_crop_leaves_out_is_said(photos):
    def cropped(*settings):
        return [f for f in checked(photos, *settings).findings if f.kind == "cropped"]

    [finding] = cropped()
    assert finding.level == "note"
    assert finding.what.startswith(
        "the center crop leaves out 25% of an image in the median (left and right)"
    )
    assert "--set input.fit=pad" in finding.todo
    assert cropped("input.fit=pad") == cropped("input.width=80", "input.height=60") == []
    assert cropped("input.width=32", "input.height=64")[0].level == "warning"


def test_many_classes_are_listed_by_the_smallest(tmp_path):
    for k in range(45):
        for n in range(2 + (k > 2)):
            write(tmp_path / "many" / f"class{k:02}" / f"{n}.png", np.full((20, 20, 3), 5 * k + n, np.uint8))
    lines = list(report_lines(checked(tmp_path / "many")))
    shown = [line.split()[0] for line in lines if line.startswith("class") and line[5:7].isdecimal()]
    assert shown[:3] == ["class00", "class01", "class02"]
    assert f"and {45 - len(shown)} larger classes (--json has them all)" in lines


def test_the_preview_reads_on_after_a_damaged_photo_and_stops_without_any(photos):
    for path in (photos / "3").iterdir():
        path.write_bytes(path.read_bytes()[:60])
    said = []
    sections, _ = preview(open_source(photos), read_recipe("scratch"), said.append, seed=1)
    assert len(sections[0].cells) >= 1
    assert any(line.startswith("skipped: ") for line in said)


def test_two_results_are_never_one_file(run_cli, photos, tmp_path):
    same = tmp_path / "same"
    run_cli("data", "check", photos, "--json", same, "--out", same).fails("name the same file", code=2)
    assert not same.exists()
