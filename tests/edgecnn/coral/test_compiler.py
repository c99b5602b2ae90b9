import os
import time

import pytest

from edgecnn.coral.compiler import Placement, read_log, run_compiler
from edgecnn.errors import CompileError
from tests import compiler as real
from tests.conftest import until


def test_everything_mapped_is_told_by_the_table():
    log = read_log(real.compiled_log(real.DIGITS))
    assert (log.version, log.mapped, log.operations, log.subgraphs) == (real.VERSION, 8, 8, 1)
    assert log.placements[0] == Placement("CONV_2D", 2, "Mapped to Edge TPU")
    assert all(p.mapped for p in log.placements)
    assert (log.on_chip_bytes, log.on_chip_left_bytes, log.off_chip_bytes) == (136960, 7937720, 0)


def test_what_stays_on_the_cpu_is_told_with_the_reason():
    log = read_log(real.compiled_log(real.WITHOUT_SOFTMAX))
    assert (log.mapped, log.operations) == (7, 8)
    assert [p for p in log.placements if not p.mapped] == [Placement("SOFTMAX", 1, real.UNSPECIFIED)]


def test_nothing_mapped():
    log = read_log(real.compiled_log(real.NOTHING))
    assert (log.mapped, log.operations, log.subgraphs) == (0, 8, 0)
    assert not any(p.mapped for p in log.placements)


def test_two_counts_make_a_total():
    said = "Number of operations that will run on Edge TPU: 7\nNumber of operations that will run on CPU: 1\n"
    log = read_log(said)
    assert (log.mapped, log.operations, log.placements) == (7, 8, ())


def test_one_kind_of_operator_in_two_places():
    rows = (("LOGISTIC", 3, real.MAPPED), ("LOGISTIC", 1, real.UNSPECIFIED), ("LOGISTIC", 2, real.MAPPED))
    log = read_log(real.compiled_log(rows))
    assert log.placements == (
        Placement("LOGISTIC", 5, real.MAPPED), Placement("LOGISTIC", 1, real.UNSPECIFIED),
    )  # fmt: skip
    assert (log.mapped, log.operations) == (5, 6)


def test_the_table_may_be_in_the_operation_log_alone():
    said = real.compiled_log(real.DIGITS, with_table=False)
    assert read_log(said).mapped is None
    log = read_log(said, f"Edge TPU Compiler version {real.VERSION}\nInput: a\n\n{real.table(real.DIGITS)}")
    assert (log.mapped, log.operations, len(log.placements)) == (8, 8, 5)


def test_rows_end_with_the_table():
    log = read_log(f"{real.table(real.DIGITS)}\n\nAnother line\nCONV_2D  1  Mapped to Edge TPU\n")
    assert log.operations == 8


@pytest.mark.parametrize(
    "said", ["", "Operator Count Status\n", "Total number of operations: 0\n", "\0" * 99]
)
def test_what_says_nothing(said):
    log = read_log(said)
    assert (log.version, log.mapped, log.placements, log.failure) == (None, None, (), "")


def test_more_mapped_than_there_are_is_not_believed():
    assert (
        read_log("Number of operations that will run on Edge TPU: 9\nTotal number of operations: 8\n").mapped
        is None
    )


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (real.NOT_QUANTIZED, "Invalid model: {model}; Model not quantized"),
        (real.INTERNAL, "Internal compiler error. Aborting"),
        (real.GAVE_UP, "Compilation timeout. This is usually caused by large activations"),
        (
            real.TOO_LARGE,
            "ERROR: Restored original execution plan after delegate application failure; "
            "Compilation failed: Compilation failed due to large activation tensors in model",
        ),
        ("Compilation failed!\n", "Compilation failed"),
        (real.compiled_log(real.DIGITS), ""),
    ],
)
def test_the_reason_of_a_failure(said, reason):
    assert read_log(said).failure == reason


def test_the_program_is_run_without_a_shell(compiler):
    compiler.install(real.compiled_log(real.DIGITS), b"compiled")
    data, log = run_compiler(b"model; $(touch no)", "int8", "digits", 60)
    assert (data, log.mapped) == (b"compiled", 8)
    assert compiler.input == b"model; $(touch no)"
    show, out, folder, source = compiler.asked
    assert (show, out) == ("-s", "-o")
    assert source == f"{folder}/int8.tflite"
    assert not os.path.exists(folder)


@pytest.mark.parametrize(
    ("said", "then", "message"),
    [
        (real.NOT_QUANTIZED, "exit 1", r"Invalid model: int8.tflite; Model not quantized \(exit code 1\)"),
        (real.INTERNAL, "kill -ABRT $$", r"Internal compiler error. Aborting \(ended by SIGABRT\)"),
        (real.STARTED, "kill -SEGV $$", r"timer of 180 seconds. \(ended by SIGSEGV\)"),
        ("", "exit 139", r"it said nothing \(ended by SIGSEGV\)"),
        ("", "exit 0", r"it said nothing \(it wrote no int8_edgetpu.tflite\)"),
        ("", "exit 255", r"it said nothing \(exit code 255\)"),
    ],
)
def test_a_failure_is_one_line(compiler, said, then, message):
    compiler.install(said, then=then)
    with pytest.raises(CompileError, match=f"edgetpu_compiler did not compile ./mine: .*{message}") as failed:
        run_compiler(b"model", "int8", "./mine", 60)
    assert "`edgecnn inspect ./mine`" in str(failed.value)


def test_what_a_failed_run_wrote_is_not_taken(compiler):
    compiler.install(real.compiled_log(real.DIGITS), b"half of it", then="exit 1")
    with pytest.raises(CompileError, match="exit code 1"):
        run_compiler(b"model", "int8", "mine", 60)


def test_what_takes_too_long_is_killed_with_all_that_it_started(compiler):
    compiler.install(real.STARTED, then="sleep 600 & echo $! > child; wait")
    started = time.monotonic()
    with pytest.raises(CompileError, match="took longer than 1 s and was stopped: allow more by --timeout"):
        run_compiler(b"model", "int8", "mine", 1)
    assert time.monotonic() - started < 30
    child = (compiler.folder / "child").read_text().strip()
    until(lambda: gone(child), "the compiler's own child has ended")


def gone(pid):
    """Whether a process has ended, also where its parent has not waited for it."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True


def test_what_it_leaves_running_delays_nothing(compiler):
    compiler.install(real.compiled_log(real.DIGITS), b"compiled", then="sleep 5 & exit 0")
    started = time.monotonic()
    assert run_compiler(b"model", "int8", "mine", 60)[0] == b"compiled"
    assert time.monotonic() - started < 4


def test_a_program_of_another_kind_of_machine(compiler):
    program = compiler.folder / "edgetpu_compiler"
    program.write_bytes(b"\x7fELF nothing that runs")
    program.chmod(0o755)
    with pytest.raises(CompileError, match="can't be started: Exec format error; it is for 64-bit x86 only"):
        run_compiler(b"model", "int8", "mine", 60)


def test_without_the_compiler_it_says_how_to_get_it(compiler):
    with pytest.raises(CompileError) as missing:
        run_compiler(b"model", "int8", "./mine", 60)
    for part in (
        "edgetpu_compiler is not installed", "64-bit x86 Debian", "sudo apt install edgetpu-compiler",
        "https://packages.cloud.google.com/apt coral-edgetpu-stable main", "https://colab.research.google.com/",
        "edgecnn compile ./mine --compiled FILE", "`edgecnn inspect ./mine` shows which operators map",
    ):  # fmt: skip
        assert part in str(missing.value)
