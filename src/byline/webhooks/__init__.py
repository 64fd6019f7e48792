"""Telling other servers what readers see and what has changed of it, signed, until they have heard it."""
