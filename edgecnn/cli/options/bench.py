"""Options of `edgecnn bench`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import typer

from edgecnn.cli.options.model import parse_threads
from edgecnn.cli.options.output import JsonOption
from edgecnn.cli.takes import options
from edgecnn.errors import OptionError


@options
class CandidateOptions:
    """Which baselines, engines and numbers of threads are measured."""

    heading: ClassVar = "Candidates"

    against: Annotated[
        str | None,
        typer.Option(
            help="Baselines to compare with: variants, all, or other .tflite files.",
            metavar="V[,V…]",
            show_default="float32",
        ),
    ] = None
    engine: Annotated[
        str,
        typer.Option(
            help="Engines to measure: auto, or others that `classify` takes, such as litert,tflite-runtime.",
            metavar="E[,E…]",
        ),
    ] = "auto"
    threads: Annotated[
        str,
        typer.Option(
            help="Numbers of threads to measure, such as 1,2; auto for the fastest.", metavar="N[,N…]"
        ),
    ] = "1"

    @property
    def others(self) -> tuple[str, ...] | None:
        """The baselines, None for the default. Raises OptionError."""
        if self.against is None:
            return None
        names = tuple(dict.fromkeys(part.strip() for part in self.against.split(",")))
        if not all(names):
            raise OptionError(f"--against is {self.against!r}, expected names with commas between them")
        return names

    @property
    def engines(self) -> tuple[str, ...]:
        """The engines: of `litert,fake:delay_ms=5,jitter_ms=1` two. Raises OptionError."""
        from edgecnn.camera import split_sources

        names = tuple(dict.fromkeys(split_sources(self.engine)))
        if not names:
            raise OptionError("--engine is empty: name one, or leave it out")
        return names

    @property
    def counts(self) -> tuple[int | Literal["auto"], ...]:
        """The numbers of threads. Raises OptionError."""
        return tuple(dict.fromkeys(parse_threads(part) for part in self.threads.split(",")))


@options
class MeasureOptions:
    """What is measured, and how often."""

    heading: ClassVar = "Timing"

    source: Annotated[
        str | None,
        typer.Option(
            help="Measure on the first frames of a folder, image, video or camera.",
            metavar="S",
            show_default="synthetic frames",
        ),
    ] = None
    blocks: Annotated[
        int,
        typer.Option(
            help="Interleaved blocks of 25 runs for each candidate.", min=8, max=100_000, metavar="N"
        ),
    ] = 40
    seed: Annotated[int, typer.Option(help="Random seed for the order of the blocks.", metavar="N")] = 0
    cold_starts: Annotated[
        int,
        typer.Option(
            help="Processes to start for each candidate, timed to the first label; 0 for none.",
            min=0,
            max=1000,
            metavar="N",
        ),
    ] = 3
    ops: Annotated[bool, typer.Option("--ops", help="Report multiplications and bytes of each operator.")] = (
        False
    )
    compare: Annotated[
        str | None,
        typer.Option(help="JSON of an earlier run to compare with.", metavar="OLD.json"),
    ] = None


@options
class ReportOptions:
    """What is written."""

    heading: ClassVar = "Output"

    json_file: JsonOption = None
    csv_file: Annotated[
        str | None,
        typer.Option(
            "--csv",
            help="Write a CSV row for each model, number of threads and stage; - for stdout.",
            metavar="FILE",
        ),
    ] = None
    html_file: Annotated[
        str | None,
        typer.Option(
            "--html", help="Write a page with plots (needs the extra report); - for stdout.", metavar="FILE"
        ),
    ] = None
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if the machine was not quiet.")] = (
        False
    )

    @property
    def files(self) -> dict[str, str | None]:
        """The targets by option: a path, - for stdout, None for nothing."""
        return {"--json": self.json_file, "--csv": self.csv_file, "--html": self.html_file}
