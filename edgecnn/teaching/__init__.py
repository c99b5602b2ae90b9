"""Teaching by showing: a camera, photos in class folders, and a model that answers while it learns."""

__all__ = ["buttons", "photos", "review", "session", "teacher", "web"]
