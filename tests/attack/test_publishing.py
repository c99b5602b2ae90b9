"""Nothing of a person's is lost when bundles are written, and a kill at any moment leaves a whole one."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from edgecnn.bundle.bundle import find
from edgecnn.bundle.output_folder import hold
from edgecnn.errors import EdgeCnnError, OutputError
from edgecnn.io import moving
from edgecnn.io.lock import lock_path
from edgecnn.report.publication import page_path
from edgecnn_train.work import work_folder
from tests.attack import killed, writers
from tests.attack.forked import Commands, counts
from tests.attack.publishing import Scene, check, run, snapshot

# How many random scenes each writer meets; `EDGECNN_ATTACKS=2000` for a long run.
CASES = int(os.environ.get("EDGECNN_ATTACKS", "60"))
# A long run kills at every system call, a short one at each eleventh.
STEP = 11 if CASES < 1000 else 1
traced = pytest.mark.skipif(not killed.supported, reason="needs ptrace on Linux")


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory):
    path = tmp_path_factory.mktemp("elsewhere") / "compiled.tflite"
    path.write_bytes(writers.coral())
    return path


@pytest.fixture
def in_three_steps(monkeypatch):
    """A system without renameat2."""

    def missing(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(moving, "_renameat2", missing)


@pytest.fixture
def in_memory(tmp_path):
    """A folder where flushing takes no time."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


WRITERS = {
    "train": lambda scene, _: writers.train(scene.named),
    "import": lambda scene, _: writers.import_bundle(scene.named),
    "compile": lambda scene, path: writers.compile_in_place(scene.named, path),
    "copy": lambda scene, path: writers.compile_copy(scene.named, path),
}


@pytest.mark.parametrize("steps", ["one", "three"])
@pytest.mark.parametrize("name", WRITERS)
def test_whatever_lies_there_stays(name, steps, in_memory, elsewhere, request):
    if steps == "three":
        request.getfixturevalue("in_three_steps")
    count = CASES if name != "import" else CASES // 4
    ends = {True: 0, False: 0}
    for seed in range(count):
        root = in_memory / str(seed)
        scene = Scene(root, f"{name} {seed}")
        before = snapshot(root)
        refused = ""
        try:
            WRITERS[name](scene, elsewhere)
        except EdgeCnnError as error:
            refused = str(error)
        else:
            writers.whole(scene.named)
        assert "\n" not in refused
        check(before, snapshot(root), set() if refused else scene.ours)
        ends[not refused] += 1
        shutil.rmtree(root)
    assert min(ends.values()) >= count // 15, ends


def test_commands_lose_nothing(commands, elsewhere, in_memory):
    outcomes = run(commands, CASES // 2, 1, in_memory)
    print(counts(outcomes))
    assert not [o for o in outcomes if not o.good]


def appear_as_folder(out):
    out.mkdir()
    (out / "cat.jpg").write_bytes(b"a cat")


def appear_as_file(out):
    out.write_bytes(b"mine")


def appear_in_it(out):
    (out / "cat.jpg").write_bytes(b"a cat")


def appear_as_page(out):
    page_path(out).write_bytes(b"mine")


def change_it(out):
    (out / "CARD.md").write_text("mine")


@pytest.mark.parametrize("steps", ["one", "three"])
@pytest.mark.parametrize(
    ("old", "appear"),
    [(False, appear_as_folder), (False, appear_as_file), (False, appear_as_page), (True, appear_in_it),
     (True, change_it)],
)  # fmt: skip
def test_what_appears_during_training_stays_and_the_bundle_is_not_lost(steps, old, appear, tmp_path, request):
    if steps == "three":
        request.getfixturevalue("in_three_steps")
    out = tmp_path / "mine"
    if old:
        writers.train(out, "old")
    seen = {}

    def during():
        appear(out)
        seen.update({p: v for p, v in snapshot(tmp_path).items() if ".edgecnn-" not in str(p)})

    with pytest.raises(OutputError, match="the new bundle was published as .*mine-2"):
        writers.train(out, "new", during)
    assert writers.whole(tmp_path / "mine-2") == "new"
    assert page_path(tmp_path / "mine-2").exists()
    after = snapshot(tmp_path)
    work = {p for p in seen if "mine.training" in str(p)}
    check(seen, after, work)


def test_what_appears_after_the_last_look_is_found_behind_the_exchange(tmp_path, monkeypatch):
    out = tmp_path / "mine"
    writers.train(out, "old")
    exchange, calls = moving.exchange_in_one_step, []

    def late(one, other):
        if other == out and not calls:
            (out / "cat.jpg").write_bytes(b"a cat")
        calls.append(one)
        return exchange(one, other)

    monkeypatch.setattr(moving, "exchange_in_one_step", late)
    with pytest.raises(OutputError, match=r"holds 'cat.jpg'.*published as .*mine-2"):
        writers.train(out, "new")
    assert (out / "cat.jpg").read_bytes() == b"a cat"
    assert writers.whole(tmp_path / "mine-2") == "new"
    assert not list(tmp_path.glob(".*"))


def test_a_link_stays_and_the_folder_keeps_its_permissions(tmp_path):
    real = tmp_path / "disk" / "real"
    real.parent.mkdir()
    writers.train(real, "old")
    real.chmod(0o2750)
    link = tmp_path / "mine"
    link.symlink_to("disk/real")
    writers.train(link, "new")
    assert os.readlink(link) == "disk/real"
    assert writers.whole(real) == "new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o2750
    assert page_path(link).exists()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: Path("/"), "is the root of the file system"),
        (lambda p: Path("."), "is the current folder"),
        (lambda p: Path("x/.."), "is the current folder"),
        (lambda p: Path(".."), "holds the current folder"),
        (lambda p: Path.home(), "is your home folder"),
        (lambda p: Path("/proc"), "mount point"),
        (lambda p: p / ("x" * 300), "File name too long"),
        (lambda p: p / ("x" * 240), "has a name of 240 bytes"),
        (lambda p: p / "a\0b", "no file can have this name"),
        (lambda p: p / "a\udc41\ud800", "no file can have this name"),
        (lambda p: Path("/dev/null/x"), "lies in /dev/null, which is no folder"),
        (lambda p: Path("/dev/null"), "is a file"),
    ],
)
def test_places_that_can_not_be_a_bundle_are_one_clear_line(make, message, tmp_path, monkeypatch, elsewhere):
    home, here = tmp_path / "home", tmp_path / "outer" / "here"
    home.mkdir()
    here.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(here)
    out = make(tmp_path)
    before = snapshot(tmp_path)
    with pytest.raises(OutputError, match=message):
        writers.train(out)
    with pytest.raises(OutputError, match=message):
        writers.compile_copy(out, elsewhere)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("/", "root of the file system"),
        (".", "holds your home folder"),
        ("home", "is your home folder"),
        ("photos", "holds 'pears' and is no bundle: name another folder with --out"),
        ("link", "holds 'pears' and is no bundle"),
        ("dangling", "a link to something that does not exist"),
        ("loop", "a link that leads back to itself|Too many levels"),
        ("file", "is a file"),
        ("file/x", "lies in .*file, which is no folder"),
        ("x" * 300, "File name too long"),
        ("\x1b[2J" + "x" * 220, "has a name of 2.. bytes"),
    ],
)
def test_train_refuses_before_it_trains(out, message, tmp_path):
    from tests.images import write_photos

    write_photos(tmp_path / "photos")
    (tmp_path / "home").mkdir()
    (tmp_path / "file").touch()
    for link, leads in (("link", "photos"), ("dangling", "nowhere"), ("loop", "loop")):
        (tmp_path / link).symlink_to(leads)
    before = snapshot(tmp_path)
    with Commands(tmp_path) as running:
        got = running.run("train", "photos", "--out", out, folder=tmp_path)
    assert got.verdict == "refused", got
    assert re.search(message, got.err), got.err
    assert got.err.count("\n") == 1
    assert snapshot(tmp_path) == before


def test_a_second_writer_is_told_who_holds_it(tmp_path):
    out = tmp_path / "mine"
    link = tmp_path / "link"
    out.mkdir()
    link.symlink_to("mine")
    ready, held = tmp_path / "ready", tmp_path / "go"

    def first():
        with hold(out, "hint"):
            ready.touch()
            while not held.exists():
                time.sleep(0.01)

    child = killed.fork(first)
    try:
        while not ready.exists():
            time.sleep(0.01)
        for path in (out, link):
            with pytest.raises(
                OutputError, match=rf"is being written by 'edgecnn.*process {child} on .* since"
            ):
                writers.train(path)
    finally:
        held.touch()
        os.waitpid(child, 0)
    writers.train(link)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["go", "link", "link.report.html", "mine", "ready"]


def test_the_lock_of_a_killed_writer_is_no_obstacle_and_a_persons_file_is_no_lock(tmp_path):
    out = tmp_path / "mine"
    lock_path(out).write_bytes(b'{"edgecnn": "lock", "pid": 1')
    writers.train(out)
    assert not lock_path(out).exists()
    lock_path(out).write_bytes(b"mine")
    with pytest.raises(OutputError, match="is not a lock of edgecnn"):
        writers.train(out)
    assert lock_path(out).read_bytes() == b"mine"


def test_locks_are_never_held_twice(tmp_path):
    """Eight processes take and remove the same lock; each notes when it had it."""
    out, log = tmp_path / "mine", tmp_path / "log"
    log.touch()

    def work():
        for _ in range(30):
            try:
                with hold(out, "hint"), log.open("a") as file:
                    file.write("in\n")
                    file.flush()
                    time.sleep(0.001)
                    file.write("out\n")
            except OutputError:
                pass

    children = [killed.fork(work) for _ in range(8)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8
    lines = log.read_text().split()
    assert lines == ["in", "out"] * (len(lines) // 2)
    assert len(lines) > 60
    assert not lock_path(out).exists()


def train_over_old(out, _):
    writers.train(out, "new")


DIGITS = "Handwritten digits in front of a camera"
KILLED = {
    # name: what is there before, the writer, the titles that may be there after a kill (None for nothing)
    "train": (lambda out: writers.train(out, "old"), train_over_old, {"old", "new"}),
    "train from scratch": (lambda out: None, train_over_old, {None, "new"}),
    "import": (lambda out: None, lambda out, _: writers.import_bundle(out), {None, "mine"}),
    "compile": (
        lambda out: shutil.copytree(find("digits"), out),
        writers.compile_in_place,
        {DIGITS, "compiled"},
    ),
    "copy": (lambda out: None, writers.compile_copy, {None, "compiled"}),
}


@traced
@pytest.mark.parametrize("steps", ["one", "three"])
@pytest.mark.parametrize("name", KILLED)
def test_a_kill_at_any_system_call_leaves_a_whole_bundle(name, steps, in_memory, elsewhere, request):
    if steps == "three":
        request.getfixturevalue("in_three_steps")
    prepare, write, allowed = KILLED[name]
    warm = in_memory / "warm"
    prepare(warm)
    write(warm, elsewhere)
    number, seen = 1 - STEP, set()
    while True:
        number += STEP
        folder = in_memory / str(number)
        out = folder / "mine"
        folder.mkdir()
        (folder / ".mine.abc").write_bytes(b"mine")
        prepare(out)
        was_killed = killed.run_until(number, partial(write, out, elsewhere))
        if steps == "three":
            with hold(out, ""):  # any writer's start
                pass
        title = writers.whole(out) if os.path.lexists(out) else None
        assert title in allowed, (number, title)
        seen.add(title)
        if was_killed:
            with suppress(OutputError):  # an import or a copy that was done already
                write(out, elsewhere)
        writers.whole(out)
        assert (folder / ".mine.abc").read_bytes() == b"mine"
        assert not [p for p in folder.iterdir() if "edgecnn" in p.name], number
        # Killed before it was marked, it might be a person's.
        assert not work_folder(out).exists() or not os.listdir(work_folder(out))
        shutil.rmtree(folder)
        if not was_killed:
            break
    print(f"{name} in {steps} steps: killed at {(number - 1) // STEP} system calls, found {seen}")
    assert number > 20
    assert len(seen) == len(allowed)


@traced
def test_a_kill_leaves_a_file_as_it_was_or_whole(tmp_path):
    from edgecnn.io.output import write_bytes

    path = tmp_path / "model.tflite"
    number, was_killed, seen = 0, True, set()
    while was_killed:
        number += 1
        path.write_bytes(b"old")
        was_killed = killed.run_until(number, lambda: write_bytes(str(path), b"new" * 10_000))
        seen.add(path.read_bytes()[:3])
        assert path.read_bytes() in (b"old", b"new" * 10_000)
        write_bytes(str(path), b"next")
        assert [p.name for p in tmp_path.iterdir()] == ["model.tflite"]
    assert seen == {b"old", b"new"}
    assert number > 5
