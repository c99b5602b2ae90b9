"""The one table of sinks: which option opens which, and sinks that others register."""

from dataclasses import fields

import pytest

from edgecnn.errors import OptionError, OutputError
from edgecnn.live.session import Live, Show
from edgecnn.live.sink import Sink
from edgecnn.live.sink.table import SINKS, open_sink, parse_sink, register_sink
from edgecnn.plugins import load_factory

OPENED = []


class Kept(Sink):
    """A sink that a test registers."""

    takes = ("model", "live")
    needs_picture = False

    def __init__(self, argument, *, model, live):
        self.argument, self.model, self.live, self.labels, self.closed = argument, model, live, [], False
        OPENED.append(self)

    def show(self, result, stats):
        self.labels.append(result.label)

    def close(self):
        self.closed = True


@pytest.fixture
def kept(unregister):
    register_sink("kept", Kept)
    OPENED.clear()
    return OPENED


def test_every_row_has_an_option_and_a_class():
    options = {field.name for field in fields(Live)}
    assert {entry.option for entry in SINKS.values()} - {None} <= options
    assert {name for name, entry in SINKS.items() if entry.option == "show"} == set(Show) - {"auto", "none"}
    for name, entry in SINKS.items():
        assert Sink in load_factory(entry.factory).__mro__, name


def test_a_registered_sink_is_opened_by_the_command(run_cli, kept):
    ran = run_cli("live", "--source", "synthetic:fps=0", "--frames", 5, "--show", "none",
                  "--sink", "kept:a:b,c", "--sink", "kept")  # fmt: skip
    assert ran.code == 0
    assert [(k.argument, k.model, k.live, len(k.labels), k.closed) for k in kept] == [
        ("a:b,c", "digits", True, 5, True), ("", "digits", True, 5, True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("keep:x", "no sink 'keep': choose kept"),
        ("jsonl:a.jsonl", "the sink 'jsonl' has its own option: --jsonl"),
        ("web", "the sink 'web' has its own option: --show web"),
        ("", "no sink ''"),
    ],
)
def test_a_sink_that_can_not_be_chosen_so_is_a_usage_error(run_cli, kept, text, words):
    run_cli("live", "--source", "nowhere", "--sink", text).fails(words, code=2)
    assert not kept


def test_without_registered_sinks_the_message_says_how_to_get_one():
    with pytest.raises(
        OptionError, match=r"no sink 'mqtt': none is registered, or installed .*edgecnn\.sinks"
    ):
        parse_sink("mqtt:broker")


def test_what_a_sink_takes_has_to_be_known(kept):
    with pytest.raises(OptionError, match="the sink 'kept' takes 'live', expected some of model"):
        open_sink("kept", "", {"model": "digits"})
    with pytest.raises(OptionError, match="no sink 'none': choose jsonl"):
        open_sink("none", None, {})


def test_a_sink_whose_code_is_missing_is_named(kept):
    register_sink("kept", "edgecnn_nowhere:Sink")
    with pytest.raises(OutputError, match="the sink 'kept' can't be imported: No module"):
        open_sink("kept", "", {})
