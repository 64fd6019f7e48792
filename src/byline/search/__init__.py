"""Full-text search in every script: an index of its own on each node, made of what is published."""
