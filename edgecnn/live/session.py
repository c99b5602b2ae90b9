"""A live run: opens the model, the cameras and the sinks, runs the loop, and closes them."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from edgecnn.camera import Mode, open_later, open_recovering
from edgecnn.classify.advice import is_gray, other_models
from edgecnn.classify.smooth import HOLD, SMOOTH
from edgecnn.defaults import DEFAULT_MODEL
from edgecnn.engine.choice import choice
from edgecnn.errors import CameraError, OptionError, OutputError
from edgecnn.image.file import UPLOAD_MEGAPIXELS
from edgecnn.io.address import mask_secrets
from edgecnn.io.quiet import say
from edgecnn.live.signals import StoppedEarly, stop_on_signals
from edgecnn.live.sink.one_camera import OneCamera, number_path
from edgecnn.live.sink.table import SINKS, open_sink, parse_sink
from edgecnn.live.sink.web.listen import Listen

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console

    from edgecnn.camera import Camera
    from edgecnn.classify.classifier import Classifier
    from edgecnn.image.framing import Framing
    from edgecnn.live.signals import Signals
    from edgecnn.live.sink import Sink
    from edgecnn.live.sink.web.pages import Pages
    from edgecnn.live.stats import Summary

# Another model is proposed if at least this share of at least so many frames is unknown.
_LEAST_FRAMES, _MOSTLY = 30, 0.9


class Show(StrEnum):
    """Where results are shown."""

    auto = "auto"
    window = "window"
    terminal = "terminal"
    web = "web"
    none = "none"


@dataclass(frozen=True, slots=True)
class Live:
    """Settings of a live run; files are paths, None for none.

    `sources` has the source of each camera, or several, comma-separated, to be tried in order.
    `allow_worse` lets `watch` take a model whose measured accuracy is worse than that of the running one.
    `smooth` and `hold` are None for the defaults, which smooth the answers of cameras and not those of files.
    `sinks` are those without an option of their own, `NAME` or `NAME:ARG` each. `fed` are open sinks, which
    stay open; `pages` join those of the web page. Without `reload` the model's files are never read again.
    `top` is how many classes a result has. `chosen` says which way to run the model was measured as the
    fastest, "" where none was.
    """

    sources: tuple[str, ...]
    model: str = DEFAULT_MODEL
    watch: bool = False
    allow_worse: bool = False
    mode: Mode = field(default_factory=Mode)
    framing: Framing | None = None
    smooth: float | None = None
    hold: int | None = None
    seconds: float | None = None
    frames: int | None = None
    show: Show = Show.auto
    listen: Listen = field(default_factory=Listen)
    upload_megapixels: float = UPLOAD_MEGAPIXELS
    jsonl: str | None = None
    csv: str | None = None
    record: str | None = None
    overlay: bool = True
    save_to: str = "."
    sinks: tuple[str, ...] = ()
    fed: tuple[Sink, ...] = ()
    pages: Pages | None = None
    reload: bool = True
    top: int = 3
    chosen: str = ""


def run_live(
    load: Callable[..., AbstractContextManager[Classifier]],
    variant: str | None,
    asked: Live,
    console: Console,
) -> Summary:
    """Open the model, the cameras and the sinks, run the loop until its end, and return the summary.

    Failures to write files are in the summary.

    `load` opens a variant of the model by its name: `variant`, and others when a user switches. With `strict`
    it opens one whose files were replaced.
    """
    if len(asked.sources) > 1 and asked.show is Show.window:
        raise OptionError(
            "a window shows one camera: for several use --show web, with a tab for each, or --show terminal"
        )
    from edgecnn.live.stats import Stats

    failures: list[str] = []
    try:
        with ExitStack() as stack:
            stop = stack.enter_context(stop_on_signals())
            summary = _run(load, variant, asked, console, stop, stack, failures)
    except StoppedEarly:
        summary = Stats().summary(", ".join(map(mask_secrets, asked.sources)))
    return replace(summary, failures=(*summary.failures, *failures))


def _run(
    load: Callable[..., AbstractContextManager[Classifier]],
    variant: str | None,
    asked: Live,
    console: Console,
    signals: Signals,
    stack: ExitStack,
    failures: list[str],
) -> Summary:
    from edgecnn.classify.variants import Variants
    from edgecnn.live.loop import run
    from edgecnn.live.reloader import Reloader

    stop = signals.stop
    classifier = stack.enter_context(load(variant))
    model = classifier.model
    mode = replace(asked.mode, background=model.input.background)
    cameras = _open_cameras(asked.sources, mode, stop, stack)
    for line in _describe(cameras, classifier):
        console.print(line, soft_wrap=True)
    if chosen := asked.chosen or choice(classifier.engine):
        console.print(chosen, soft_wrap=True)
    variants = stack.enter_context(Variants(classifier, load))
    sinks = list(asked.fed) + [
        _close_later(sink, stack, failures)
        for sink in _sinks(asked, mode, cameras, model.name, console, stop)
    ]
    commands = []
    if asked.reload:
        reloader = Reloader(
            asked.model,
            partial(load, strict=True),
            model.bundle,
            watch=asked.watch,
            allow_worse=asked.allow_worse,
        )
        commands.append(stack.enter_context(reloader))
    signals.running = True
    are_live = all(camera.live for camera in cameras)
    summary = run(
        variants,
        cameras,
        sinks,
        commands=commands,
        seconds=asked.seconds,
        frames=asked.frames,
        stop=stop,
        top=asked.top,
        smooth=asked.smooth if asked.smooth is not None else SMOOTH if are_live else 0.0,
        hold=asked.hold if asked.hold is not None else HOLD if are_live else 1,
        framing=asked.framing,
        save_to=asked.save_to,
    )
    if _saw_nothing_known(summary, classifier):
        say(other_models(classifier))
    return summary


def _open_cameras(
    sources: Sequence[str], mode: Mode, stop: threading.Event, stack: ExitStack
) -> list[Camera]:
    """Open the camera of each source; where others open, one that does not is opened later.

    Raises CameraError where none opens, and for a source that can't open later either, such as a file.
    """
    cameras: list[Camera] = []
    failures: list[CameraError] = []
    for source in sources:
        try:
            camera = open_recovering(source, mode, say, stop)
        except CameraError as error:
            later = None if stop.is_set() else open_later(source, mode, say, stop)
            if later is None:
                raise
            failures.append(error)
            camera = later
        cameras.append(stack.enter_context(camera))
    if len(failures) == len(sources):
        for failure in failures[:-1]:
            say(str(failure))
        raise failures[-1]
    for failure in failures:
        say(f"{failure}; the other cameras start, and this one is opened as soon as that works")
    return cameras


def _describe(cameras: Sequence[Camera], classifier: Classifier) -> Iterator[str]:
    """Yield the lines that name the cameras and what runs the model."""
    model = classifier.model
    runs = (
        f"model {model.name} {model.variant} "
        f"on {classifier.engine.name}, {classifier.threads} thread{'s' * (classifier.threads > 1)}"
    )
    if len(cameras) == 1:
        yield f"source {cameras[0].description}; {runs}"
        return
    for number, camera in enumerate(cameras):
        yield f"camera {number} {camera.description}"
    yield runs


def _saw_nothing_known(summary: Summary, classifier: Classifier) -> bool:
    """Whether a model of gray images answered unknown to nearly all frames.

    A source that knows the true labels shows what the model is for, so it never counts.
    """
    mostly = summary.unknown >= _MOSTLY * summary.frames and not summary.known
    return summary.frames >= _LEAST_FRAMES and mostly and is_gray(classifier)


def _close_later(sink: Sink, stack: ExitStack, failures: list[str]) -> Sink:
    """Have the stack close a sink; a file that is incomplete is added to the failures."""

    def close(_: object, error: BaseException | None, __: object) -> None:
        try:
            sink.close()
        except OutputError as failure:
            failures.append(str(failure))
            if error is not None:  # only this error would be printed otherwise
                say(str(failure))

    stack.push(close)
    return sink


def _sinks(
    asked: Live, mode: Mode, cameras: Sequence[Camera], model: str, console: Console, stop: threading.Event
) -> Iterator[Sink]:
    """Open the sinks that were asked for; their modules are imported here."""
    known = {
        "console": console,
        "stop": stop,
        "live": all(camera.live for camera in cameras),
        "fps": _rate_of(cameras[0], mode),
        "cameras": tuple(camera.name for camera in cameras),
        "model": model,
        "background": mode.background,
        "overlay": asked.overlay,
        "listen": asked.listen,
        "upload_megapixels": asked.upload_megapixels,
        "pages": asked.pages,
    }
    for name, argument in _chosen(asked, len(cameras)):
        if len(cameras) > 1 and SINKS[name].one_camera:
            for number, camera in enumerate(cameras):
                facts = known | {"live": camera.live, "fps": _rate_of(camera, mode)}
                yield OneCamera(number, open_sink(name, argument and number_path(argument, number), facts))
        else:
            yield open_sink(name, argument, known)


def _rate_of(camera: Camera, mode: Mode) -> float | None:
    """Return the frames a second that were asked for; a video file keeps its own rate."""
    return mode.fps or (None if camera.live else camera.fps)


def _chosen(asked: Live, cameras: int) -> Iterator[tuple[str, str | None]]:
    """Yield the name and the argument of each sink that an option switches on."""
    view = _view(asked.show, cameras)
    for name, entry in list(SINKS.items()):
        if entry.option == "show":
            if name == view:
                yield name, None
        elif entry.option is not None and (argument := getattr(asked, entry.option)):
            yield name, argument
    yield from map(parse_sink, asked.sinks)


def _view(show: Show, cameras: int) -> str | None:
    """Choose the view: a window only where one can really be shown, for one camera."""
    if show is Show.none:
        return None
    if show is Show.auto:
        from edgecnn.live.sink.window import why_no_window

        return "terminal" if cameras > 1 or why_no_window() else "window"
    return str(show.value)
