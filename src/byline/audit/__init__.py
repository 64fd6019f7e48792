"""Who did what: reading the log that `core/events.py` writes. Nothing here changes it, and nothing else may."""
