"""A corpus made by SQL: published posts over ten years, 200 tags, 50 authors, some languages and series."""

import random
from collections.abc import Iterator

_POSTS = """
insert into posts (id, kind, status, slug, title, subtitle, excerpt, markdown, html, text, toc, word_count,
    reading_minutes, renderer_version, language, visibility, featured, custom, published_at, edited_at, updated_at,
    version, live_version, seen_slug, series_id)
select gen_random_uuid(), 'post', 'published', 'post-' || n, 'How to measure, part ' || n, null,
    left(regexp_replace(html, '<[^>]*>', '', 'g'), 200), html, html, html,
    '[{"level": 2, "id": "first", "text": "First"}, {"level": 2, "id": "second", "text": "Second"}]', 1100, 5, 1,
    (array['en', 'en', 'en', 'de', 'fr', 'pt-BR'])[1 + n % 6], 'public', n % 50 = 0, '{}', at, at, at, 1, 1,
    'post-' || n,
    case when n % 20 = 0 then ('00000000-0000-7000-9000-' || lpad((n / 20 % 30)::text, 12, '0'))::uuid end
from generate_series(1, cast(:posts as int)) n
join bodies on number = n % 200
cross join lateral (select timestamptz '2025-12-31' - n * (interval '3650 days' / cast(:posts as int)) as at)
"""

ROWS = (
    """insert into tags (id, slug, name, aliases, version)
    select ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'tag-' || n, 'Tag ' || n, '{}', 1
    from generate_series(0, 199) n""",
    """insert into authors (id, slug, name, links, version)
    select ('00000000-0000-7000-a000-' || lpad(n::text, 12, '0'))::uuid, 'author-' || n, 'Author ' || n, '[]', 1
    from generate_series(0, 49) n""",
    """insert into series (id, slug, title, version)
    select ('00000000-0000-7000-9000-' || lpad(n::text, 12, '0'))::uuid, 'series-' || n, 'Series ' || n, 1
    from generate_series(0, 29) n""",
    _POSTS,
    """insert into post_tags (post_id, tag_id, position)
    select id, tag_id, row_number() over (partition by id) from (
        select distinct p.id, ('00000000-0000-7000-8000-' ||
            lpad(floor(200 * power(abs(hashtext(slug || k)) / 2147483648.0, 3))::text, 12, '0'))::uuid as tag_id
        from posts p cross join generate_series(1, 3) k) pairs""",
    """insert into post_authors (post_id, author_id, position)
    select id, ('00000000-0000-7000-a000-' || lpad((abs(hashtext(slug)) % 50)::text, 12, '0'))::uuid, 0 from posts""",
)


def bodies() -> Iterator[str]:
    """Two hundred texts of about 7 KB, of words as frequent as Zipf has it."""
    chance = random.Random(7)
    words = ["".join(chance.choices("aeioubcdfglmnprst", k=chance.randint(2, 11))) for _ in range(5000)]
    weights = [1 / (rank + 1) for rank in range(len(words))]
    for _ in range(200):
        paragraphs = (" ".join(chance.choices(words, weights, k=90)) for _ in range(12))
        yield "\n".join(f"<p>{paragraph.capitalize()}.</p>" for paragraph in paragraphs)
