"""`--workers` divides images among processes, and nothing that a command prints shows how many there were."""

import json
import os
import re
import signal
import subprocess
import sys
import zipfile

import cv2
import numpy as np
import pytest

from edgecnn.dataset import open_source
from tests.conftest import until
from tests.processes import children_of, group_of, is_running, run_script

# Slow enough that other processes join after a few images.
ENGINE = "fake:delay_ms=2"


def start(*arguments, **options):
    """Start a command as a process with a group of its own, whose output is not buffered."""
    return subprocess.Popen(
        [sys.executable, "-m", "edgecnn", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=options.pop("stderr", subprocess.PIPE),
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        start_new_session=True,
        **options,
    )


def run(*arguments, **options) -> tuple[int, str, str]:
    with start(*arguments, **options) as child:
        out, err = child.communicate(timeout=120)
    return child.returncode, out.decode(), (err or b"").decode()


@pytest.fixture
def folder(tmp_path):
    """A folder of 150 images, of which some can't be read, and a file that is left out."""
    photos = tmp_path / "photos"
    photos.mkdir()
    rng = np.random.default_rng(0)
    for k in range(150):
        # A gradient of brightness, which is the class that the fake engine answers.
        image = np.clip(rng.normal(k * 1.7, 20, (40, 60, 3)), 0, 255).astype(np.uint8)
        cv2.imwrite(str(photos / f"{k:03}.png"), image)
    for k in (0, 40, 41, 149):
        (photos / f"{k:03}.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    (photos / "090.png").unlink()
    (photos / "090.png").symlink_to("nowhere")
    (photos / "x.heic").write_bytes(b"\0\0\0\x18ftypheic")
    return photos


def without_times(text: str) -> str:
    return re.sub(r'"latency_ms": \{.*?\}', "", text)


@pytest.mark.parametrize("options", [(), ("--json", "--top", 2)])
def test_lines_and_errors_are_those_of_one_process_in_the_same_order(folder, seven, options):
    given = ["classify", "--engine", ENGINE, *options, seven, folder, folder / "missing.png", "", seven]
    alone, four = (run(*given, "--workers", n, stderr=subprocess.STDOUT) for n in (1, 4))
    assert without_times(alone[1]) == without_times(four[1])
    assert alone[0] == four[0] == 1
    lines = alone[1].splitlines()
    assert len(lines) == 155
    assert [k for k, line in enumerate(lines) if line.startswith("edgecnn: ")] == [
        1, 2, 42, 43, 92, 151, 152, 153,
    ]  # fmt: skip
    assert "HEIC" in lines[1]
    assert lines[0].count(str(seven)) == lines[-1].count(str(seven)) == 1


def test_many_files_are_divided_as_a_folder_is(folder):
    with start(
        "classify", "--engine", "fake:delay_ms=20", "--workers", 3, *sorted(folder.iterdir())
    ) as child:
        until(lambda: len(children_of(child.pid)) == 2, "two more processes")
        child.kill()


def test_a_few_images_are_classified_by_one_process(seven, tmp_path):
    trace = tmp_path / "forks.py"
    trace.write_text(
        "import os\n"
        "from edgecnn.__main__ import main\n"
        "os.register_at_fork(before=lambda: os.write(2, b'fork'))\n"
        "main()\n"
    )
    command = [sys.executable, str(trace), "classify", "--engine", "fake:delay_ms=25", "--workers", "3"]
    one, many = (
        subprocess.run([*command, *[str(seven)] * n], capture_output=True, text=True, timeout=60)
        for n in (1, 12)
    )
    assert (one.returncode, one.stderr) == (0, "")
    assert (many.returncode, many.stderr) == (0, "forkfork")


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_ctrl_c_and_sigterm_end_all_processes_without_a_word(folder, workers, number, code):
    given = ["classify", "--engine", "fake:delay_ms=30", "--workers", workers, folder, folder, folder]
    with start(*given) as child:
        for _ in range(10):
            child.stdout.readline()
        others = until(lambda: children_of(child.pid), "other processes") if workers > 1 else []
        assert len(others) == workers - 1
        os.killpg(child.pid, number) if number == signal.SIGINT else child.send_signal(number)
        _, err = child.communicate(timeout=30)
    assert child.returncode == code
    assert [line for line in err.decode().splitlines() if "000.png" not in line and "HEIC" not in line] == []
    until(lambda: not any(map(is_running, others)), "no process is left")


def test_a_reader_that_leaves_ends_all_processes(folder):
    command = f"{sys.executable} -m edgecnn classify --engine {ENGINE} --workers 3 {folder} {folder} {folder}"
    with subprocess.Popen(
        ["bash", "-c", f"{command} | head -20 | tail -1; exit ${{PIPESTATUS[0]}}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as shell:
        out, err = shell.communicate(timeout=60)
    assert shell.returncode == 1
    assert out.decode().startswith(f"{folder}/020.png  ")
    assert b"Traceback" not in err
    assert group_of(shell.pid) == []


def test_a_process_that_is_killed_is_one_line(folder):
    with start("classify", "--engine", "fake:delay_ms=30", "--workers", 3, *[folder] * 3) as child:
        one, other = until(lambda: len(found := children_of(child.pid)) == 2 and found, "two processes")
        os.kill(one, signal.SIGKILL)
        _, err = child.communicate(timeout=30)
    assert child.returncode == 1
    assert (
        err.decode()
        .splitlines()[-1]
        .startswith(
            "edgecnn: one of 3 processes that classify images was ended by SIGKILL: --workers 1 takes"
        )
    )
    assert not is_running(other)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (("--workers", 0), ("--workers", "0")),
        (("--workers", 257), ("--workers", "256")),
        (("--workers", 2, "--threads", 2), ("--workers is 2, expected 1: the model has 2 threads",)),
    ],
)
@pytest.mark.parametrize("command", ["classify", "evaluate"])
def test_what_can_not_be_is_refused(run_cli, seven, idx_folder, command, options, parts):
    given = ["classify", seven] if command == "classify" else ["evaluate", "digits", "--data", idx_folder]
    run_cli(*given, *options).fails(*parts, code=2)


@pytest.mark.parametrize("engine", ["auto", ENGINE])
def test_an_evaluation_has_the_same_figures(idx_folder, engine):
    given = ["evaluate", "digits", "--data", idx_folder, "--engine", engine, "--json", "-"]
    alone, four = (run(*given, "--workers", n) for n in (1, 4))
    assert alone[0] == 0
    assert alone == four
    assert json.loads(alone[1])["pictures"] == 200


def test_corruptions_are_the_same_in_all_processes(idx_folder):
    given = ["evaluate", "digits", "--data", idx_folder, "--corruptions", "--limit", 15, "--json", "-"]
    alone, three = (run(*given, "--workers", n) for n in (1, 3))
    assert alone[0] == 0
    assert alone == three


@pytest.fixture
def photos(folder, tmp_path):
    """The folder's images in two classes, 0 and 1."""
    data = tmp_path / "data"
    for k, path in enumerate(sorted(folder.iterdir())):
        (data / str(k % 2)).mkdir(parents=True, exist_ok=True)
        path.rename(data / str(k % 2) / path.name)
    return data


@pytest.mark.parametrize("packed", [False, True])
def test_images_are_skipped_in_their_order_from_folders_and_archives(photos, tmp_path, packed):
    data = photos
    if packed:
        data = tmp_path / "data.zip"
        with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(photos.glob("*/*")):
                if path.exists():
                    archive.write(path, path.relative_to(photos))
    given = ["evaluate", "digits", "--data", data, "--engine", ENGINE, "--json", "-"]
    alone, four = (run(*given, "--workers", n) for n in (1, 4))
    assert alone[0] == 0
    assert alone == four
    found = json.loads(alone[1])
    # With the HEIC image; the archive has no broken link.
    assert (found["pictures"], found["skipped"]) == (145, 5 if packed else 6)


def test_the_file_of_an_archive_is_read_at_a_place_of_its_own(photos, tmp_path):
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(photos.glob("*/*.png")):
            if file.exists():
                archive.write(file, file.relative_to(photos))
    same = run_script(
        """
        import json, sys
        from pathlib import Path
        from edgecnn.dataset import open_source
        from edgecnn.machine.forked import ForkedProcess

        source = open_source(Path(sys.argv[1]))
        items = source.items[3:30]

        def read(k):
            return source.digest(items[k % len(items)]).hex()

        def serve(pipe):
            for k in range(2000):
                read(k)
            pipe.send("done")

        right = [read(k) for k in range(len(items))]
        with ForkedProcess(serve) as other:
            found = []
            while not other.pipe.poll():
                found.append([read(k) for k in range(len(items))] == right)
        print(json.dumps(all(found) and len(found) > 1))
        """,
        path,
    )
    assert same


def test_no_result_replaces_an_image_that_another_process_has_read(photos):
    source = open_source(photos)
    for item in (source.items[20], source.items[70], source.items[-2]):
        given = ["evaluate", "digits", "--data", photos, "--engine", ENGINE, "--workers", 3]
        code, _, err = run(*given, "--json", photos / item.id)
        assert code == 1
        assert "this command reads it: name another file" in err
        assert (photos / item.id).read_bytes().startswith(b"\x89PNG")


def test_ctrl_c_ends_an_evaluation_and_all_processes(photos):
    given = ["evaluate", "digits", "--data", photos, "--engine", "fake:delay_ms=30", "--workers", 3]
    with start(*given) as child:
        others = until(lambda: len(found := children_of(child.pid)) == 2 and found, "two processes")
        os.killpg(child.pid, signal.SIGINT)
        out, err = child.communicate(timeout=30)
    assert child.returncode == 130
    assert out == b""
    assert err.decode().splitlines()[-2:] == ["", "stopped; nothing was written"]
    assert not any(map(is_running, others))
