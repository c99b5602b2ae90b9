"""Imports, exports and inspects models of other programs."""

__all__ = ["exporting", "importing", "inspection"]
