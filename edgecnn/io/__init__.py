"""Text and files that may be hostile, damaged or in use: printing, JSON, HTML, atomic writes, locks."""

__all__ = [
    "address",
    "atomic",
    "cache",
    "checked_json",
    "closing",
    "json_text",
    "lock",
    "markup",
    "moving",
    "nearby",
    "notebook",
    "output",
    "printable",
    "quiet",
    "regular",
    "unicode_form",
]
