"""What to report of the choice that `auto` made among the engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgecnn.engine import Engine


def choice(engine: Engine) -> str | None:
    """Say what `auto` chose, and why not another one; None where an engine was named."""
    if not engine.passed_over:
        return None
    return f"engine {engine.name}, chosen by auto; not {'; not '.join(engine.passed_over)}"
