"""What articles are about. A tag may stand under another, and may be known by other names."""
