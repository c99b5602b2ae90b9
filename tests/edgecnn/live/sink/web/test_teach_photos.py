"""Photos on the page: looked at, selected, moved, removed, added from files."""

import cv2

from tests.conftest import draw_seven, until
from tests.edgecnn.live.sink.web.browser import answer, click, photos, shown, text, texts


def test_photos_are_shown_newest_first_and_marked(page, taught, teach):
    until(lambda: len(photos(page)) == 8, "the photos")
    assert photos(page) == list(reversed(list(teach.photos)[:8]))
    assert texts(page, "#photos-grid span")[-3:] == ["", "twice", "three?"]
    click(page, "#rows li:nth-child(2) .scored")
    until(lambda: len(photos(page)) == 6, "the other class")


def test_many_photos_are_moved_and_back(page, taught, teach):
    until(lambda: len(photos(page)) == 8, "the photos")
    first, *_, last = photos(page)[:3]
    click(page, f"[data-key='{first}'] input")
    page.execute_script(
        "document.querySelector(arguments[0]).dispatchEvent(new MouseEvent('click', {shiftKey: true}))",
        f"[data-key='{last}'] input",
    )
    assert text(page, "photos-grid-count") == "3 selected"
    page.execute_script(
        "const to = document.getElementById('photos-move'); to.value = 'three';"
        "to.dispatchEvent(new Event('change'))"
    )
    until(lambda: (teach.count("seven"), teach.count("three")) == (5, 9), "the move")
    until(lambda: text(page, "message").startswith("3 photos moved to three."), "that it says so")
    assert not shown(page, "#photos-grid-tools")
    click(page, "#message button")
    until(lambda: (teach.count("seven"), teach.count("three")) == (8, 6), "the way back")


def test_all_photos_are_removed_and_restored(page, taught, teach):
    until(lambda: len(photos(page)) == 8, "the photos")
    click(page, "#photos-grid input")
    click(page, "#photos-grid-tools button:nth-last-of-type(2)")
    assert text(page, "photos-grid-count") == "8 selected"
    click(page, "#photos-remove")
    until(lambda: teach.count("seven") == 0, "the removal")
    until(lambda: text(page, "photos-none").startswith("No photos yet."), "that it says so")
    until(lambda: shown(page, "#photos-none"), "that it is empty")
    click(page, "#message button")
    until(lambda: teach.count("seven") == 8, "that they are back")
    until(lambda: len(photos(page)) == 8, "that they are shown")


def test_a_photo_is_shown_large_and_selected(page, taught, teach):
    until(lambda: len(photos(page)) == 8, "the photos")
    click(page, "#photos-grid li button")
    until(
        lambda: page.execute_script("return document.querySelector('dialog img')?.naturalWidth") == 480, "it"
    )
    answer(page, "select")
    until(lambda: text(page, "photos-grid-count") == "1 selected", "the selection")
    click(page, "#photos-grid li:nth-child(2) button")
    assert text(page, "photos-grid-count") == "2 selected", "a tap adds to the selection"
    click(page, "#photos-grid-tools button:last-of-type")
    assert not shown(page, "#photos-grid-tools")


def test_more_photos_are_shown_on_demand(page, taught, teach):
    for _ in range(250):
        teach.add("three")
    click(page, "#rows li:nth-child(2) .scored")
    until(lambda: len(photos(page)) == 200, "the first page")
    click(page, "#photos-more")
    until(lambda: len(photos(page)) == 256, "the rest")
    assert not shown(page, "#photos-more")


def write_files(folder):
    cv2.imwrite(str(folder / "one.png"), draw_seven())
    cv2.imwrite(str(folder / "two.png"), draw_seven())
    (folder / "torn.png").write_bytes(b"no image")


def test_files_are_added(page, taught, teach, tmp_path):
    from selenium.webdriver.common.by import By

    write_files(tmp_path)
    field = page.find_element(By.ID, "files")
    field.send_keys(f"{tmp_path}/one.png\n{tmp_path}/two.png")
    until(lambda: teach.count("seven") == 10, "both")
    until(lambda: text(page, "message") == "2 photos added to seven.", "that it says so")
    field.send_keys(f"{tmp_path}/torn.png")
    until(lambda: text(page, "message") == "the image is in no known image format", "why not")


def test_files_are_dropped_on_a_class(page, taught, teach):
    png = cv2.imencode(".png", draw_seven())[1].tobytes().hex()
    page.execute_script(
        """const bytes = Uint8Array.from(arguments[0].match(/../g), (two) => parseInt(two, 16));
        const data = new DataTransfer();
        data.items.add(new File([bytes], "a.png", { type: "image/png" }));
        data.items.add(new File(["no image"], "notes.txt", { type: "text/plain" }));
        const row = document.querySelector("#rows li:nth-child(2)");
        for (const kind of ["dragover", "drop"])
          row.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));""",
        png,
    )
    until(lambda: teach.count("three") == 7, "the photo, and not the text")
    until(lambda: text(page, "message") == "1 photo added to three.", "that it says so")
    assert not shown(page, ".over")
