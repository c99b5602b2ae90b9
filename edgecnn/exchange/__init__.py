"""Imports, exports and inspects third-party models."""

__all__ = ["exporting", "importing", "inspection", "scores_alone"]
