"""Commands whose help groups the options under headings and ends with examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
import typer.core

from edgecnn.cli.takes import takes

if TYPE_CHECKING:
    from collections.abc import Callable


class CliCommand(typer.core.TyperCommand):
    """A command whose epilog is examples, one shell line each."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then the options under their headings."""
        _write_options(self, ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Typer's signature
        """Write the examples."""
        _write_examples(self, formatter)


class CliGroup(typer.core.TyperGroup):
    """A group of commands whose epilog is examples, one shell line each."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options under their headings, then the commands."""
        _write_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a line for each command: the first paragraph of its help, which Typer would cut."""
        inner = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        helps = [(name, command.help or "") for name, command in inner.items() if command]
        with formatter.section("Commands"):
            formatter.write_dl([(name, " ".join(text.partition("\n\n")[0].split())) for name, text in helps])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Typer's signature
        """Write the examples."""
        _write_examples(self, formatter)


def make_app(*examples: str, cls: type[typer.core.TyperGroup] = CliGroup, **settings: Any) -> typer.Typer:
    """Return an app without Rich, which would double the time that `--help` takes."""
    return typer.Typer(
        cls=cls, rich_markup_mode=None, add_completion=False, epilog="\n".join(examples), **settings
    )


def command(
    app: typer.Typer, name: str | None = None, *, examples: tuple[str, ...]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add a command to an app; it takes options classes whole, see `takes`."""

    def add(function: Callable[..., None]) -> Callable[..., None]:
        return app.command(name, cls=CliCommand, epilog="\n".join(examples))(takes(function))

    return add


def _write_options(shown: Any, ctx: Any, formatter: Any) -> None:
    """Write a section for each heading, in the order of the parameters; those without one come last."""
    sections: dict[str, list[tuple[str, str]]] = {}
    for parameter in shown.get_params(ctx):
        other = "Arguments" if parameter.param_type_name == "argument" else "Options"
        if record := parameter.get_help_record(ctx):
            sections.setdefault(parameter.rich_help_panel or other, []).append(record)
    sections["Options"] = sections.pop("Options")  # --help at least
    for heading, records in sections.items():
        with formatter.section(heading):
            formatter.write_dl(records)


def _write_examples(shown: Any, formatter: Any) -> None:
    if shown.epilog:
        with formatter.section("Examples"):
            for line in shown.epilog.splitlines():
                formatter.write(f"  {line}\n")
