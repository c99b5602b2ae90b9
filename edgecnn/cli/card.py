"""Reads and prints the card of a bundle; describes a bundle that has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.io.printable import echo
from edgecnn.io.quiet import say

if TYPE_CHECKING:
    from rich.console import Console

    from edgecnn.bundle.bundle import Bundle

# More of a card is not read: ours have 4 KB.
MOST_CARD_BYTES = 256 << 10
# How many labels of a bundle without a card are shown.
_MOST_LABELS = 10


def read_card(bundle: Bundle) -> str:
    """Return the card, "" if there is none; an error of reading is a line on stderr."""
    from edgecnn.io.regular import open_regular

    path = bundle.folder / "CARD.md"
    try:
        with open_regular(path) as file:
            data = file.read(MOST_CARD_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        say(f"{path} can't be read: {error.strerror}")
        return ""
    if len(data) > MOST_CARD_BYTES:
        say(f"{path} has more than {MOST_CARD_BYTES:,} bytes: the rest is not shown")
    return data[:MOST_CARD_BYTES].decode("utf-8-sig", "replace")


def print_card(card: str, console: Console) -> None:
    """Print a card, formatted in a terminal."""
    from rich.markdown import Markdown

    if console.is_terminal:
        try:
            # Addresses of links are printed, since a terminal would hide them.
            console.print(Markdown(card, hyperlinks=False))
        except Exception:  # noqa: BLE001 - a third-party card that can't be formatted is printed as it is
            console.print(card, markup=False, highlight=False, soft_wrap=True)
    else:
        echo(card)


def describe_bundle(bundle: Bundle) -> list[str]:
    """Describe a bundle without a card, a line for each fact: its input and its answers."""
    from edgecnn.bundle.bundle import bundle_usage
    from edgecnn.bundle.convention import show_ranges
    from edgecnn.bundle.input_spec import Given

    spec, labels = bundle.input, bundle.labels
    imported = bundle.manifest.document.get("imported")
    source = imported.get("file") if isinstance(imported, dict) else None
    found = bundle_usage(bundle, bundle.default_variant(), Given())[1].found
    few = "; ".join(labels[:_MOST_LABELS])
    more = f" and {len(labels) - _MOST_LABELS:,} more" if len(labels) > _MOST_LABELS else ""
    return [
        *([f"Imported from {source}"] if isinstance(source, str) else []),
        f"Images: {spec.width}×{spec.height} {spec.color}, fit {spec.fit}",
        f"Pixels 0 and 255 become {show_ranges(spec.value_range, spec.channel_ranges)}",
        f"Scores: {found.scores or 'not known before it has run'}",
        f"Labels, {len(labels):,}: {few}{more}",
        *(f"Variant {v.name}: {v.bytes:,} bytes" for v in bundle.variants.values()),
        *(
            f"Unknown, {name}: a nearness below {c.nearness:.3f}"
            for name, c in bundle.confidence.items()
            if c.nearness is not None
        ),
    ]
