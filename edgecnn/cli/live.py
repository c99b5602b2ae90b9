"""`edgecnn live`: classify a camera's frames as they come."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn.classify.opening import open_classifier
from edgecnn.cli.command import command, make_app
from edgecnn.cli.live_print import print_summary
from edgecnn.cli.options.camera import CamerasOptions
from edgecnn.cli.options.live import LimitOptions, SmoothingOptions
from edgecnn.cli.options.model import BareFileOptions, EngineOptions, ModelOptions
from edgecnn.cli.options.view import RecordOptions, ViewOptions
from edgecnn.defaults import AUTO
from edgecnn.live.session import Live, run_live

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from edgecnn.classify.classifier import Classifier
    from edgecnn.classify.fastest import Fastest

app = make_app()

EXAMPLES = (
    "edgecnn live --source 0 --model cifar10 --show web",
    "edgecnn live --source rtsp://camera/live --jsonl results.jsonl --seconds 60",
)


@command(app, examples=EXAMPLES)
def live(
    camera: CamerasOptions,
    model: ModelOptions,
    engine: EngineOptions,
    bare: BareFileOptions,
    answers: SmoothingOptions,
    limits: LimitOptions,
    view: ViewOptions,
    output: RecordOptions,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Reload the model when its files change; SIGUSR1 reloads it immediately.",
            rich_help_panel="Model",
        ),
    ] = False,
    allow_worse: Annotated[
        bool,
        typer.Option(
            "--allow-worse",
            help="Let --watch load a model whose measured accuracy is worse than that of the running one.",
            rich_help_panel="Model",
        ),
    ] = False,
    deadline: Annotated[
        float | None,
        typer.Option(
            help="Run the engine in a child process, and restart it if an inference takes longer.",
            min=1,
            max=3_600_000,
            metavar="MS",
            show_default="no limit",
            rich_help_panel="Engine",
        ),
    ] = None,
) -> None:
    """Classify what a camera sees, or several, live. `q`, Ctrl-C or a limit ends it with a summary.

    Keys, in the window and the terminal: q quit, space pause, s save the frame, v switch the variant (int8 or
    float32), and in the window f for full screen.
    """
    from edgecnn.classify.fastest import find_fastest
    from edgecnn.io.printable import open_console

    output.check()
    listen = view.listen
    console = open_console(stderr=output.uses_stdout)
    asked = Live(
        camera.sources, model=model.model, watch=watch, allow_worse=allow_worse,
        mode=camera.mode, framing=camera.framing,
        smooth=answers.smooth, hold=answers.hold, seconds=limits.seconds, frames=limits.frames,
        show=view.show, listen=listen, upload_megapixels=view.upload_megapixels,
        jsonl=output.jsonl, csv=output.csv, record=output.record, overlay=output.overlay,
        save_to=output.save_to, sinks=output.sinks,
    )  # fmt: skip
    given, threads = bare.given, engine.count

    def measure(variant: str | None) -> Fastest | None:
        # A deadline's child process costs more than engines differ by.
        return None if deadline else find_fastest(model.model, variant, engine.engine, threads, given)

    fastest = measure(model.variant)

    def load(name: str | None, *, strict: bool = False) -> AbstractContextManager[Classifier]:
        # Another file may be there since, which another engine runs faster.
        known = measure(name) if strict else fastest
        runs = known.engine_for(name, engine.engine) if known else engine.engine
        return open_classifier(
            model.model, name, runs, threads, given, answers.threshold, deadline, strict=strict
        )

    variant = fastest.way.variant if fastest else None if model.variant == AUTO else model.variant
    asked = replace(asked, chosen=str(fastest or ""))
    print_summary(run_live(load, variant, asked, console), console)
