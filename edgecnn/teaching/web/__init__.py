"""The routes of teaching on the live site."""
