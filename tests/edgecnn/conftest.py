import os
import shutil

import pytest

from edgecnn.bundle.bundle import find
from tests.compiler import Compiler


@pytest.fixture
def labels(tmp_path):
    """A file with ten labels, for models that bring none."""
    path = tmp_path / "ten.txt"
    path.write_text("\n".join("abcdefghij"))
    return path


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """The one `edgetpu_compiler` on the PATH, which does not exist until it is installed."""
    folder = tmp_path / "bin"
    folder.mkdir()
    elsewhere = [
        p for p in os.environ["PATH"].split(os.pathsep) if not shutil.which("edgetpu_compiler", path=p)
    ]
    monkeypatch.setenv("PATH", os.pathsep.join([str(folder), *elsewhere]))
    return Compiler(folder)


@pytest.fixture
def digits_folder(tmp_path):
    """A copy of the shipped bundle."""
    return shutil.copytree(find("digits"), tmp_path / "mine")
