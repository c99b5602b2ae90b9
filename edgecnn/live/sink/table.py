"""The table of sinks. A shipped sink is a module and a row here; its module is imported when it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from edgecnn.errors import OptionError, OutputError
from edgecnn.plugins import PluginTable, load_factory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgecnn.live.sink import Sink
    from edgecnn.plugins import Factory


class SinkEntry(NamedTuple):
    """A row of the table of sinks.

    Attributes
    ----------
    factory
        The class, or `module:name` of it; `open_sink` says what it is called with.
    option
        The field of `edgecnn.live.session.Live` that switches it on: its value is the sink's argument, except
        that `show` chooses a view by its name. None for one that `--sink NAME[:ARG]` switches on.
    one_camera
        Whether it takes the results of one camera: each of several then has its own, with a numbered path.
    """

    factory: Factory
    option: str | None = None
    one_camera: bool = False


# In this order they are opened.
SINKS = PluginTable(
    "sink",
    {
        "jsonl": SinkEntry("edgecnn.live.sink.jsonl:JsonlSink", "jsonl"),
        "csv": SinkEntry("edgecnn.live.sink.csv_file:CsvSink", "csv"),
        "record": SinkEntry("edgecnn.live.sink.video:VideoSink", "record", one_camera=True),
        "window": SinkEntry("edgecnn.live.sink.window:WindowSink", "show"),
        "terminal": SinkEntry("edgecnn.live.sink.terminal:TerminalSink", "show"),
        "web": SinkEntry("edgecnn.live.sink.web.server:WebSink", "show"),
    },
    lambda _, factory: SinkEntry(factory),
)


def register_sink(name: str, factory: Factory) -> None:
    """Add a sink for this process; the entry points `edgecnn.sinks` add them for every one.

    Parameters
    ----------
    name
        What chooses it: `--sink NAME` or `--sink NAME:ARG`.
    factory
        The class, or `module:name` of it: called with the text behind the colon, "" for none, and by keyword
        with what it `takes`, it returns an open `Sink` or raises OutputError.

    Raises
    ------
    OptionError
        For the name of a sink that ships.
    """
    SINKS.add(name, SinkEntry(factory))


def parse_sink(text: str) -> tuple[str, str]:
    """Return the name and the argument of `NAME[:ARG]`.

    Raises OptionError for a name that is not in the table, or that has its own option.
    """
    name, _, argument = text.partition(":")
    entry = SINKS.find(name)
    if entry is None:
        added = ", ".join(key for key, row in SINKS.items() if row.option is None)
        choose = (
            f"choose {added}"
            if added
            else f"none is registered, or installed by an entry point of {SINKS.group}: see docs/extending.md"
        )
        raise OptionError(f"no sink {name[:60]!r}: {choose}")
    if entry.option is not None:
        own = f"--show {name}" if entry.option == "show" else f"--{entry.option}"
        raise OptionError(f"the sink {name!r} has its own option: {own}")
    return name, argument


def open_sink(name: str, argument: str | None, known: Mapping[str, Any]) -> Sink:
    """Open a sink of the table.

    Parameters
    ----------
    argument
        The text that it gets first, such as a path; None for a view, which gets none.
    known
        The facts of a run, some of which the sink's class `takes`: `console` (rich's), `stop` (the
        event that ends the run), `live` (whether the camera is), `fps` (frames a second that were asked for,
        or that a file has, else None), `cameras` (the name of each, in the order of their numbers), `model`
        (its name), `background` (of transparent images), `pages`
        (that the web page serves in addition, or None), and the options `overlay`, `listen` and
        `upload_megapixels`.

    Raises
    ------
    OptionError
        For an unknown name, or a class that `takes` an unknown fact.
    OutputError
        Where it can't be opened.
    """
    entry = SINKS.find(name)
    if entry is None:
        raise OptionError(f"no sink {name!r}: choose {', '.join(SINKS)}")
    try:
        factory = load_factory(entry.factory)
    except ImportError as error:
        raise OutputError(f"the sink {name!r} can't be imported: {error}") from error
    takes = getattr(factory, "takes", ())
    if missing := [key for key in takes if key not in known]:
        raise OptionError(f"the sink {name!r} takes {missing[0]!r}, expected some of {', '.join(known)}")
    sink: Sink = factory(*(() if argument is None else (argument,)), **{key: known[key] for key in takes})
    return sink
