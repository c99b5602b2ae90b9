"""The card and the report page of a new bundle, and how both are published with it."""

__all__ = ["publication"]
