"""Rows that ship, that are added, and that other distributions bring."""

import pytest

from edgecnn.errors import OptionError
from edgecnn.plugins import PluginTable, load_factory


@pytest.fixture
def table():
    return PluginTable("camera", {"files": 1, "opencv": 2}, lambda name, value: (name, value))


def test_what_is_added_comes_last_and_can_be_replaced(table):
    table.add("mine", 3)
    table.add("other", 4)
    table.add("mine", 5)
    assert list(table.items()) == [("files", 1), ("opencv", 2), ("other", 4), ("mine", 5)]


def test_what_ships_can_not_be_replaced(table):
    with pytest.raises(OptionError, match=r"the camera 'files' ships with edgecnn"):
        table.add("files", 3)
    assert table["files"] == 1


@pytest.mark.parametrize("name", ["", "a:b", "a,b", "a b", "a\n"])
def test_a_name_that_no_option_could_say_is_refused(table, name):
    with pytest.raises(OptionError, match="can't be the name of a camera"):
        table.add(name, 3)


class Point:
    def __init__(self, name, value):
        self.name, self.value = name, value


def test_entry_points_are_read_once_and_for_new_names_only(table, monkeypatch):
    asked = []

    def entry_points(group):
        asked.append(group)
        return [Point("files", "evil:Files"), Point("far", "far_away:Camera")]

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    assert table.find("opencv") == 2
    assert asked == []
    assert table.find("far") == ("far", "far_away:Camera")
    assert table.find("nowhere") is None
    assert asked == ["edgecnn.cameras"]
    assert table["files"] == 1, "what ships stays"


def test_factories_are_imported_when_they_are_loaded():
    assert load_factory("collections:OrderedDict.fromkeys")("a") == {"a": None}
    assert load_factory(dict) is dict
    for wrong in ("edgecnn_nowhere:X", "collections:Nothing"):
        with pytest.raises(ImportError):
            load_factory(wrong)


@pytest.mark.parametrize(
    ("code", "error"), [("1 / 0", "ZeroDivisionError: division by zero"), ("x = (", "SyntaxError: ")]
)
def test_a_module_that_fails_as_it_is_imported(tmp_path, monkeypatch, code, error):
    (tmp_path / "edgecnn_broken.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match=error):
        load_factory("edgecnn_broken:X")
