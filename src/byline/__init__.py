"""Byline: the publishing backend for expert blogs."""

__version__ = "0.1.0"
