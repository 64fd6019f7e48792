"""Bringing in what was written elsewhere: each source is read into documents, and documents are saved as posts."""
