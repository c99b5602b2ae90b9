import sys

from edgecnn.machine.program import NOT_STARTED, TIMED_OUT, run_program


def test_a_programs_output_and_exit_code_are_returned():
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    assert run_program([sys.executable, "-c", code], 30) == (3, "out\n", "err\n")


def test_a_program_is_ended_after_its_time():
    assert run_program(["sleep", "60"], 0.1) == (TIMED_OUT, "", "did not end within 0.1 s")


def test_a_missing_program_is_reported():
    code, printed, reason = run_program(["/nowhere/program"], 1)
    assert (code, printed) == (NOT_STARTED, "")
    assert "/nowhere/program" in reason
