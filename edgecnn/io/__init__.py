"""Text and files that may be hostile, damaged or in use: printing, JSON, HTML, atomic writes, locks."""
