"""Two versions compared on photos that are new to both."""

from tests.edgecnn.teaching.conftest import draw


def test_classes_in_another_form_of_unicode_are_compared(teacher):
    """macOS names folders in NFD, bundles name classes in NFC."""
    label = "u\u0308bel"
    (teacher.photos.folder / label).mkdir()
    teacher.photos.refresh()
    for seed in range(6):
        teacher.add(label, draw("red", seed))
        teacher.add("green", draw("green", seed))
    teacher.keep("one")
    for seed in range(20, 24):
        teacher.add(label, draw("red", seed))
    found = teacher.versions.compare("one", "one")
    assert found["photos"] == 4
    assert found["a"]["on_these"]["accuracy"] == 1.0
