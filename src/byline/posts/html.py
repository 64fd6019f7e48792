"""An article as one plain, complete HTML page: for reading, archiving and machines, not a theme."""

from html import escape

from byline.core.markdown import highlight_css
from byline.posts.preview_schemas import PreviewOut
from byline.posts.schemas import PostOut

# Nothing in an article may run or frame; pictures and recordings may come from anywhere.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src * data:; media-src *; base-uri 'none'; form-action 'none'"
)

_STYLE = """
body { max-width: 42rem; margin: 2rem auto; padding: 0 1rem; font: 1.05rem/1.6 Georgia, serif; }
pre, code { font: 0.9rem/1.5 monospace; } pre { overflow-x: auto; } img { max-width: 100%; height: auto; }
table { border-collapse: collapse; } th, td { border: 1px solid #ccc; padding: 0.25rem 0.5rem; }
"""


def html_document(post: PostOut | PreviewOut, *, address: str) -> str:
    """`address` is its own, unless it has a canonical one elsewhere."""
    authors = ", ".join(escape(author.name) for author in post.authors)
    date = post.published_at.date().isoformat() if post.published_at is not None else ""
    return f"""<!doctype html>
<html lang="{escape(post.language)}" dir="auto">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(post.meta_title or post.title)}</title>
<meta name="description" content="{escape(post.meta_description or post.excerpt)}">
<link rel="canonical" href="{escape(post.canonical_url or address)}">
<style>{_STYLE}{highlight_css()}</style>
</head>
<body>
<article>
<h1>{escape(post.title)}</h1>
<p>{authors} <time datetime="{date}">{date}</time></p>
{post.html}
</article>
</body>
</html>
"""
