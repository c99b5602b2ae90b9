import csv
import io
import json
import os
import pty
import re
import resource
import signal
import threading
import time
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from rich.console import Console

from edgecnn.errors import OutputError
from edgecnn.frame import Box, Frame, Prediction, Result, Steady, Timings
from edgecnn.live.command import Pause, Quit, Save, Switch
from edgecnn.live.sink import lines, terminal
from edgecnn.live.sink.csv_file import CsvSink
from edgecnn.live.sink.jsonl import JsonlSink
from edgecnn.live.sink.keys import HELP
from edgecnn.live.sink.table import open_sink
from edgecnn.live.sink.terminal import TerminalSink, plain_line
from edgecnn.live.sink.window import annotate, why_no_window
from edgecnn.live.stats import Stats


def result(index: int = 0, truth: str | None = "7") -> Result:
    pixels = np.full((480, 640, 3), 90, np.uint8)
    predictions = [Prediction("7", 7, 0.75), Prediction("größe", 1, 0.25)]
    return Result(Frame(pixels, 123, index, "synthetic", truth), predictions, Timings(0.1, 0.2, 0.3), 1.5)


@pytest.fixture
def stats():
    counted = Stats()
    for i in range(3):
        counted.add(result(i), dropped=2)
    return counted


def test_jsonl_is_classifys_object_and_three_more(tmp_path, stats):
    path = tmp_path / "out.jsonl"
    with JsonlSink(str(path)) as sink:
        sink.show(result(4), stats)
        assert json.loads(path.read_text()), "each line is whole immediately"
        sink.show(result(5, truth=None), stats)
    first, second = map(json.loads, path.read_text().splitlines())
    assert datetime.fromisoformat(first.pop("time")).tzinfo is not None
    assert first == {
        "source": "synthetic",
        "frame": 4,
        "predictions": [
            {"label": "7", "index": 7, "score": 0.75},
            {"label": "größe", "index": 1, "score": 0.25},
        ],
        "latency_ms": {"preprocess": 0.1, "inference": 0.2, "decode": 0.3},
        "captured_ns": 123,
        "age_ms": 1.5,
        "truth": "7",
    }
    assert "truth" not in second


@pytest.mark.parametrize("path", ["/proc/nothing/out.jsonl", "/"])
def test_a_file_that_cannot_be_opened_is_named(path):
    with pytest.raises(OutputError, match=f"{path} can't be written"):
        JsonlSink(path)


def test_csv_has_the_shown_label_and_the_frames_own(tmp_path, stats):
    path = tmp_path / "out.csv"
    steady = replace(result(3), steady=Steady("größe", [Prediction("größe", 1, 0.6)]))
    odd = replace(result(4, None), frame=replace(result(4, None).frame, source="a, b.mp4"))
    for shown in (steady, odd):  # opened twice: the file grows, and has one header
        with CsvSink(str(path)) as sink:
            sink.show(shown, stats)
    with path.open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert datetime.fromisoformat(first.pop("time")).tzinfo is not None
    assert first == {
        "source": "synthetic", "frame": "3", "label": "größe", "score": "0.600000",
        "frame_label": "7", "frame_score": "0.750000", "preprocess_ms": "0.1000", "inference_ms": "0.2000",
        "decode_ms": "0.3000", "age_ms": "1.500", "truth": "7",
    }  # fmt: skip
    assert (second["label"], second["source"], second["truth"]) == ("7", "a, b.mp4", "")


def test_a_file_grows_and_a_torn_line_stays_apart(tmp_path, stats):
    path = tmp_path / "out.jsonl"
    path.write_text('{"frame": 1}\n{"fra')
    for i in (2, 3):
        with JsonlSink(str(path)) as sink:
            sink.show(result(i), stats)
    written = path.read_text().splitlines()
    assert written[:2] == ['{"frame": 1}', '{"fra']
    assert [json.loads(line)["frame"] for line in written[2:]] == [2, 3]


def test_a_disk_that_is_full_at_first_leaves_header_and_lines_whole(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lines, "RETRY_S", 0.0)
    path = tmp_path / "out.csv"
    torn = tmp_path / "torn.csv"
    torn.write_text("a,b\n1,")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    files = [lines.LineFile(str(p), "a,b") for p in (path, torn)]
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        for file in files:
            file.write("1,2")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    for file in files:
        file.write("3,4")
        with pytest.raises(OutputError, match="lacks 1 line,"):
            file.close()
    assert path.read_text() == "a,b\n3,4\n"
    assert torn.read_text() == "a,b\n1,\n3,4\n"


def test_a_named_pipe_whose_reader_has_gone_ends_the_loop(tmp_path, stats):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with JsonlSink(str(path)) as sink:
        sink.show(result(), stats)
        assert sink.poll(stats) == []
        os.close(reader)
        sink.show(result(), stats)
        assert sink.poll(stats) == [Quit()]


def test_a_frame_knows_the_time_on_the_wall():
    frame = Frame(np.zeros((1, 1, 3), np.uint8), time.monotonic_ns() - 90_000_000_000, 0, "test")
    assert abs((datetime.now().astimezone() - frame.wall_time()).total_seconds() - 90) < 5


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_said_once_and_what_is_missing_at_the_end(stats, capfd):
    sink = JsonlSink("/dev/full")
    for i in range(3):
        sink.show(result(i), stats)
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "/dev/full can't be written: No space left" in said
    with pytest.raises(OutputError, match="/dev/full lacks 3 lines, not written: No space left"):
        sink.close()
    sink.close()


def test_a_disk_that_fills_and_is_cleared_leaves_whole_lines(tmp_path, stats, monkeypatch, capfd):
    """The limit on a file's size stands for the disk's: the write that reaches it is cut short as there."""
    monkeypatch.setattr(lines, "RETRY_S", 0.0)
    path = tmp_path / "out.jsonl"
    sink = JsonlSink(str(path))
    sink.show(result(0), stats)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 50, hard))
        sink.show(result(1), stats)
        sink.show(result(2), stats)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    sink.show(result(3), stats)
    with pytest.raises(OutputError, match="lacks 2 lines"):
        sink.close()
    assert [json.loads(line)["frame"] for line in path.read_text().splitlines()] == [0, 3]
    assert capfd.readouterr().err.count("\n") == 1


def test_without_a_terminal_it_prints_a_plain_line_a_second(stats):
    out = io.StringIO()
    with TerminalSink(Console(file=out, width=80)) as sink:
        for _ in range(5):
            sink.show(result(), stats)
    first, *lines = out.getvalue().splitlines()
    assert "--show web" in first
    assert lines == [plain_line(result(), stats)]
    assert "7 0.750" in lines[0]
    assert "right 100.0%" in lines[0]
    assert "\x1b" not in out.getvalue()


def test_keys_and_long_names_are_whole_at_eighty_columns(stats):
    name = "hand-held computer, hand-held microcomputer"
    named = replace(result(), predictions=[Prediction(name, 3, 0.7), Prediction("cat", 1, 0.2)])
    with TerminalSink(Console(file=io.StringIO(), width=80, force_terminal=True)) as sink:
        sink._keys.active = True
        console = Console(file=io.StringIO(), width=80)
        with console.capture() as captured:
            console.print(sink._table(named, stats))
            console.print(sink._table(replace(named, predictions=named.predictions[1:]), stats))
        sink._keys.active = False
    words = " ".join(captured.get().split())
    assert " ".join(HELP.split()) in words
    assert f"{name} █" in words
    assert "…" not in words
    assert max(map(len, captured.get().splitlines())) <= 80


def test_in_a_terminal_it_stays_within_eighty_columns(stats):
    out = io.StringIO()
    with TerminalSink(Console(file=out, width=80, force_terminal=True, legacy_windows=False)) as sink:
        sink.show(result(), stats)
        table = Console(file=io.StringIO(), width=80)
        with table.capture() as captured:
            table.print(sink._table(result(), stats))
    text = captured.get()
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    for expected in (
        "75.0%",
        "preprocess",
        "inference",
        "decode",
        "age",
        "3 frames",
        "2 dropped",
        "100.0% of 3",
    ):
        assert expected in text


def test_a_pause_is_shown_immediately(stats, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")  # a dumb one gets plain lines
    out = io.StringIO()
    with TerminalSink(Console(file=out, width=100, force_terminal=True, legacy_windows=False)) as sink:
        sink.show(result(), stats)
        stats.paused = True
        sink.poll(stats)
    assert "paused" in out.getvalue()
    paused = annotate(result(), stats)
    stats.paused = False
    assert not np.array_equal(paused, annotate(result(), stats))


def test_unknown_is_shown_before_what_is_nearest(tmp_path):
    unsure = replace(result(), unknown=True)
    counted = Stats()
    counted.add(unsure, dropped=0)
    counted.add(result(), dropped=0)
    assert (unsure.label, unsure.correct, result().label, result().correct) == ("unknown", False, "7", True)
    assert (counted.unknown, counted.correct, counted.known) == (1, 1, 2)
    assert plain_line(unsure, counted).startswith("unknown  7 0.750")
    with TerminalSink(Console(file=io.StringIO())) as sink:
        table = Console(file=io.StringIO(), width=80)
        with table.capture() as captured:
            table.print(sink._table(unsure, counted))
    lines = [line.split() for line in captured.get().splitlines()]
    assert lines[0] == ["label", "unknown"]
    assert lines[1][0] == "7"
    assert ["unknown", "50.0%", "of", "2"] in lines
    assert not np.array_equal(annotate(unsure, counted), annotate(result(), counted))
    with JsonlSink(str(tmp_path / "out.jsonl")) as sink:
        sink.show(unsure, counted)
    assert json.loads((tmp_path / "out.jsonl").read_text())["unknown"] is True


def test_a_guide_box_shows_what_the_model_sees(stats):
    whole = annotate(replace(result(), seen=Box(0, 0, 640, 480)), stats)
    part = annotate(replace(result(), seen=Box(80, 100, 200, 300)), stats)
    assert np.array_equal(whole, annotate(result(), stats))
    rows, columns = np.nonzero((part != whole).any(axis=2))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (100, 399, 80, 279)


def test_the_steady_answer_is_shown_and_the_frames_own_next_to_it(stats):
    averaged = [Prediction("größe", 1, 0.6), Prediction("7", 7, 0.4)]
    late = replace(result(), steady=Steady("größe", averaged))
    assert (late.label, late.shown, late.ranking) == ("7", "größe", averaged)
    assert plain_line(late, stats).startswith("größe 0.600  frame 7 0.750  ")
    # The answer that stands is no longer the best of the averages.
    later = replace(late, steady=Steady("größe", averaged[::-1]))
    assert plain_line(later, stats).startswith("größe  7 0.400  frame 7 0.750  ")
    assert plain_line(replace(late, unknown=True), stats).startswith(
        "größe 0.600  frame unknown, nearest 7 0.750  "
    )
    counted = Stats()
    for shown in (result(), late, later):
        counted.add(shown, dropped=0)
    assert (counted.changes, counted.steady_changes) == (0, 1)
    assert (counted.correct, counted.known, counted.following.reached) == (3, 3, 0)
    counted.add(replace(late, steady=Steady("7", averaged)), dropped=0)
    with TerminalSink(Console(file=io.StringIO())) as sink:
        table = Console(file=io.StringIO(), width=80)
        with table.capture() as captured:
            table.print(sink._table(late, counted))
    lines = [" ".join(line.split()) for line in captured.get().splitlines()]
    assert lines[0] == "label größe"
    assert "this frame 7 0.750" in lines
    assert "right 100.0% of 4" in lines
    assert "smoothed 2.0 frames late on average, then 100.0% right" in lines
    assert not np.array_equal(annotate(late, stats), annotate(later, stats))


def of_cameras(console: Console, shown: dict[int, str]) -> None:
    """Show a result of each camera of three, with its label."""
    with TerminalSink(console, ("door", "garden", "synthetic:seed=3")) as sink:
        for number, label in shown.items():
            counted, answer = Stats(number), replace(result(), predictions=[Prediction(label, 1, 0.75)])
            counted.add(answer, dropped=0)
            sink._next = 0.0
            sink.show(answer, counted)


def test_without_a_terminal_each_of_several_cameras_has_its_line():
    out = io.StringIO()
    of_cameras(Console(file=out, width=80), {0: "cat", 2: "dog"})
    lines = out.getvalue().splitlines()[1:]
    assert [line.split("  ")[:2] for line in lines] == [
        ["door", "cat 0.750"],
        ["synthetic:seed=3", "dog 0.750"],
    ]


def test_in_a_terminal_several_cameras_are_a_table_within_eighty_columns(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, legacy_windows=False)
    of_cameras(console, {0: "cat " * 30, 1: "dog"})
    said = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    assert all(len(line) <= 80 for line in said.splitlines())
    last = said[said.rindex("door") :]
    for line in (
        r"door +cat cat .*…  75.0%  \d",
        r"garden +dog  75.0%  \d",
        r"synthetic:seed=3 +no frame yet",
        r"inference +p50",
    ):
        assert re.search(line, last), last


def test_of_a_silent_camera_the_last_answer_is_not_shown(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    out = io.StringIO()
    monkeypatch.setattr(terminal, "SILENT_S", -1)
    of_cameras(Console(file=out, width=80, force_terminal=True, legacy_windows=False), {0: "cat"})
    assert "no frame for 0 s" in out.getvalue()
    assert "cat" not in out.getvalue()


def test_keys_ask_and_the_terminal_is_given_back(stats, monkeypatch):
    import sys
    import termios

    master, slave = pty.openpty()
    with open(slave) as keyboard:
        monkeypatch.setattr(sys, "stdin", keyboard)
        before = termios.tcgetattr(slave)
        with TerminalSink(Console(file=io.StringIO())) as sink:
            assert sink.poll(stats) == []
            os.write(master, b"x")
            assert sink.poll(stats) == []
            os.write(master, b"\x1bOQ")  # F2, not Q
            assert sink.poll(stats) == []
            os.write(master, b"s vQ")
            assert sink.poll(stats) == [Save(), Pause(), Switch(), Quit()]
            assert termios.tcgetattr(slave) != before
        assert termios.tcgetattr(slave) == before
    os.close(master)


def test_a_window_is_found_impossible_before_it_is_tried(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    reason = why_no_window()
    assert "headless" in reason or "no display" in reason
    with pytest.raises(OutputError, match="--show terminal"):
        open_sink("window", None, {"console": Console(file=io.StringIO())})


def test_the_window_draws_on_a_copy(stats):
    shown = result()
    drawn = annotate(shown, stats)
    assert drawn.shape == shown.frame.pixels.shape
    assert not np.array_equal(drawn, shown.frame.pixels)
    assert shown.frame.pixels.min() == shown.frame.pixels.max() == 90


def test_a_file_that_is_deleted_is_made_again(tmp_path, stats, capfd):
    path = tmp_path / "all.csv"
    sink = CsvSink(str(path))
    sink.show(result(), stats)
    path.unlink()
    sink.show(result(), stats)
    sink.close()
    assert len(path.read_text().splitlines()) == 2, "header and one row"
    assert capfd.readouterr().err.count(f"{path} was deleted; creating it again") == 1


def test_a_file_whose_folder_is_deleted_is_told_at_the_end(tmp_path, stats, capfd, monkeypatch):
    monkeypatch.setattr(lines, "RETRY_S", 0.0)
    folder = tmp_path / "stick"
    folder.mkdir()
    sink = JsonlSink(str(folder / "all.jsonl"))
    sink.show(result(), stats)
    (folder / "all.jsonl").unlink()
    folder.rmdir()
    sink.show(result(), stats)
    sink.show(result(), stats)
    folder.mkdir()
    sink.show(result(), stats)
    with pytest.raises(OutputError, match="lacks 2 lines, not written: No such file"):
        sink.close()
    assert len((folder / "all.jsonl").read_text().splitlines()) == 1


def test_a_renamed_file_is_continued_under_its_new_name(tmp_path, stats):
    path = tmp_path / "all.jsonl"
    sink = JsonlSink(str(path))
    sink.show(result(), stats)
    path.rename(tmp_path / "all.1")
    sink.show(result(), stats)
    sink.close()
    assert len((tmp_path / "all.1").read_text().splitlines()) == 2
    assert not path.exists()


def test_a_pipe_may_get_its_reader_a_moment_later(tmp_path, stats):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    got: list[str] = []
    reader = threading.Timer(0.3, lambda: got.append(path.read_text()))
    reader.start()
    sink = JsonlSink(str(path))
    sink.show(result(), stats)
    sink.close()
    reader.join()
    assert len(got[0].splitlines()) == 1


def test_a_pipe_without_a_reader_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("edgecnn.live.sink.lines.READER_S", 0.2)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match="no process reads from this pipe"):
        JsonlSink(str(tmp_path / "pipe"))


def test_control_characters_are_escaped_in_json_and_signs_in_csv(tmp_path, stats):
    named = replace(result(), frame=replace(result().frame, source="a\x1b[2J\nb"))
    for kind, shown in ((JsonlSink, '"a\\u001b[2J\\nb"'), (CsvSink, "a␛[2J␊b,")):
        path = tmp_path / kind.__name__
        with kind(str(path)) as sink:
            sink.show(named, stats)
        assert shown in path.read_text()
        assert "\x1b" not in path.read_text()


def test_a_table_with_other_columns_is_left_alone(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(OutputError, match="it has other columns"):
        CsvSink(str(path))
    assert path.read_text() == "a,b\n1,2\n"
