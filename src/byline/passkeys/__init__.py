"""Signing in with a key that a person's device keeps, in place of a password (Web Authentication)."""
