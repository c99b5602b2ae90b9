"""Imports, exports and inspects models of other programs."""
