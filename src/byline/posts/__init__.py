"""Articles: posts and pages, their revisions, and their publication.

The row of a post is what readers see; its revisions are what was written. While a post is live, a save makes a
revision and leaves the row alone until it is published again. While it is not, the row follows the newest revision.
"""
