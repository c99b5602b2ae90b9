"""The card and the report page of a new bundle, and how both are published with it."""

__all__ = ["blocks", "card", "offenders", "page", "publication", "sentences", "tables"]
