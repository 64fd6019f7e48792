"""What the head of a page tells machines of an article: Open Graph, Twitter cards, and schema.org as JSON-LD."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from byline.authors.models import Author
from byline.core.schemas import public_address
from byline.core.settings import Settings
from byline.core.uris import absolute, uri
from byline.crawlers.schemas import StructuredData
from byline.posts.models import Kind, Post, path_of

_MARKUP = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def script_safe(json: str) -> str:
    """The same JSON, which ends no `<script>` that it stands in."""
    return json.translate(_MARKUP)


@dataclass(frozen=True, slots=True)
class Article:
    """A post as readers get it, with what readers' lists show of it in other languages."""

    post: Post
    translations: Sequence[Post]
    settings: Settings

    @property
    def home(self) -> str:
        return f"{self.settings.site_url}/"

    @property
    def url(self) -> str:
        return self.at(self.post.path)

    @property
    def canonical(self) -> str:
        """Elsewhere, if that is where it was published first."""
        return uri(absolute(self.post.canonical_url, base=self.url)) if self.post.canonical_url else self.url

    @property
    def title(self) -> str:
        return self.post.meta_title or self.post.title

    @property
    def description(self) -> str:
        return self.post.meta_description or self.post.excerpt

    @property
    def picture(self) -> str | None:
        return None if self.post.cover is None else uri(absolute(str(self.post.cover["url"]), base=self.url))

    @property
    def picture_text(self) -> str | None:
        return None if self.post.cover is None else self.post.cover.get("alt")

    @property
    def published_at(self) -> datetime:
        return self.post.published_at or self.post.updated_at

    @property
    def changed_at(self) -> datetime:
        return max(self.published_at, self.post.updated_at)

    def at(self, path: str) -> str:
        return uri(public_address(path, self.settings.site_url))


def write(article: Article) -> StructuredData:
    graph = [_article(article), *(_person(article, author) for author in article.post.authors), _breadcrumbs(article)]
    return StructuredData(
        open_graph=_present(_open_graph(article)),
        twitter=_present(_twitter(article)),
        json_ld={"@context": "https://schema.org", "@graph": graph},
    )


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "", [])}


def _open_graph(article: Article) -> dict[str, Any]:
    post = article.post
    return {
        "og:type": "article" if post.kind == Kind.POST else "website",
        "og:title": article.title,
        "og:description": article.description,
        "og:url": article.canonical,
        "og:site_name": article.settings.site_title,
        "og:locale": post.language.replace("-", "_"),
        "og:locale:alternate": [other.language.replace("-", "_") for other in article.translations],
        "og:image": article.picture,
        "og:image:alt": article.picture_text if article.picture else None,
        **(_of_article(article) if post.kind == Kind.POST else {}),
    }


def _of_article(article: Article) -> dict[str, Any]:
    return {
        "article:published_time": article.published_at.isoformat(),
        "article:modified_time": article.changed_at.isoformat(),
        "article:author": [article.at(author.path) for author in article.post.authors],
        "article:section": article.post.tags[0].name if article.post.tags else None,
        "article:tag": [tag.name for tag in article.post.tags],
    }


def _twitter(article: Article) -> dict[str, Any]:
    return {
        "twitter:card": "summary_large_image" if article.picture else "summary",
        "twitter:title": article.title,
        "twitter:description": article.description,
        "twitter:image": article.picture,
        "twitter:image:alt": article.picture_text if article.picture else None,
    }


def _article(article: Article) -> dict[str, Any]:
    post, settings = article.post, article.settings
    return _present(
        {
            "@type": "BlogPosting" if post.kind == Kind.POST else "WebPage",
            "@id": article.url,
            "url": article.canonical,
            "mainEntityOfPage": article.canonical,
            "headline": post.title,
            "alternativeHeadline": post.subtitle,
            "description": article.description,
            "image": [article.picture] if article.picture else None,
            "datePublished": article.published_at.isoformat(),
            "dateModified": article.changed_at.isoformat(),
            "inLanguage": post.language,
            "wordCount": post.word_count if post.kind == Kind.POST else None,
            "timeRequired": f"PT{post.reading_minutes}M",
            "keywords": [tag.name for tag in post.tags],
            "author": [{"@id": article.at(author.path)} for author in post.authors] or _publisher(settings),
            "publisher": _publisher(settings),
            **_in_series(article),
            **_in_languages(article),
        }
    )


def _publisher(settings: Settings) -> dict[str, Any]:
    return {"@type": "Organization", "name": settings.site_title, "url": uri(f"{settings.site_url}/")}


def _in_series(article: Article) -> dict[str, Any]:
    series = article.post.series
    if series is None:
        return {}
    whole = {"@type": "CreativeWorkSeries", "name": series.title, "url": article.at(series.path)}
    return {"isPartOf": whole, "position": article.post.series_position}


def _in_languages(article: Article) -> dict[str, Any]:
    """An original knows its translations, a translation its original."""
    works = [
        (other, {"@type": "BlogPosting", "@id": article.at(other.path), "inLanguage": other.language})
        for other in article.translations
    ]
    if article.post.is_original:
        return {"workTranslation": [work for _, work in works]}
    return {"translationOfWork": next((work for other, work in works if other.is_original), None)}


def _person(article: Article, author: Author) -> dict[str, Any]:
    home = article.at(author.path)
    links = [uri(absolute(str(link["url"]), base=home)) for link in author.links]
    return _present(
        {
            "@type": "Person",
            "@id": home,
            "name": author.name,
            "url": home,
            "jobTitle": author.headline,
            "description": author.bio,
            "image": uri(absolute(author.avatar_url, base=home)) if author.avatar_url else None,
            "sameAs": links,
        }
    )


def _breadcrumbs(article: Article) -> dict[str, Any]:
    """From the site by the series, or else the first tag, to the article."""
    post = article.post
    steps = [(article.settings.site_title, uri(article.home))]
    if post.series is not None:
        steps.append((post.series.title, article.at(post.series.path)))
    elif post.tags:
        steps.append((post.tags[0].name, article.at(path_of("tag", post.tags[0].slug))))
    steps.append((post.title, article.url))
    return {
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": position, "name": name, "item": address}
            for position, (name, address) in enumerate(steps, start=1)
        ],
    }
