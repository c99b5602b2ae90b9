"""No value of any option ends in a traceback, a hang or silence; what is no number is refused by name."""

import pytest

from tests.attack import options
from tests.attack.forked import counts

NUMERIC = [p for p in options.parameters() if p.number]


def test_every_command_is_attacked():
    commands = {p.command for p in options.parameters()}
    assert {"live", "train", "data check", "models import", "demo", "compile"} <= commands
    assert len(NUMERIC) >= 20


@pytest.mark.parametrize("value", ["nan", "-inf", "1e309", "1" + "0" * 40, "9" * 5000])
def test_no_number_is_unbounded(commands, value, tmp_path):
    for p in NUMERIC:
        ran = commands.run(
            *p.command.split(), *options.BASE.get(p.command, []), p.flag, value, folder=tmp_path
        )
        assert ran.code == 2, (p, ran)
        assert ran.err.startswith(f"edgecnn: Invalid value for '{p.flag}'"), ran.err
        assert ran.err.count("\n") == 1
        assert len(ran.err) < 700
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--size", "999999x999999"], "--size is '999999x999999', expected WIDTHxHEIGHT"),
        (["--size", "9" * 5000 + "x1"], "expected WIDTHxHEIGHT"),
        (["--roi", "0,0,99999999,1"], "expected x,y,width,height"),
        (["--roi", "9" * 5000 + ",0,1,1"], "expected x,y,width,height"),
        (["--threads", "9" * 5000], "expected a number from 1 to 256"),
        (["--range", "nan..1"], "--range is 'nan..1', expected what"),
        (["--range", "0..inf"], "--range is '0..inf', expected what"),
        (["--source", "synthetic:fps=nan"], "synthetic: fps must be 0, or from 1e-06 to 1e+09, got 'nan'"),
        (["--source", "synthetic:seed=1e300"], "synthetic: seed must be 0, or from"),
        (["--engine", "fake:delay_ms=inf"], "fake: delay_ms must be 0, or from"),
    ],
)
def test_numbers_inside_texts_are_bounded(commands, arguments, said):
    ran = commands.run("live", *options.BASE["live"], *arguments)
    assert ran.code == 2, ran
    assert said in ran.err
    assert ran.err.count("\n") == 1
    assert len(ran.err) < 700


@pytest.mark.slow
def test_hostile_values(commands, tmp_path):
    outcomes = options.run(commands, 60, 7, tmp_path)
    bad = [o for o in outcomes if not o.good]
    assert not bad, counts(outcomes)
