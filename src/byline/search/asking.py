"""What was asked -> a query of the index, by BM25, and what it finds. All of it blocks.

Any word may find an article, and each counts the more the rarer it is: whoever asks in a whole sentence finds what
answers it. A word counts once more in the title and in headings. Words that most articles have are left out where
others are there: they would cost time, and decide nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from math import ceil
from uuid import UUID

import tantivy
from tantivy import Occur, Query

from byline.search.analysis import is_paired, may_be_of, stem, words
from byline.search.directory import Opened
from byline.search.documents import moment, pairs, read_key, schema
from byline.search.parsing import Asked, Part, parse
from byline.search.schemas import DEEPEST
from byline.search.spelling import corrections

TITLE, HEADINGS = 0.25, 0.15
"""How much a word counts there, beside what it counts in the whole text, to which both belong."""
SYNONYM = 0.7
NAMED = 3.0  # for an article that has the tag or the author that is named
EXACT = 0.3
PAIR, SLOP, RARE = 0.2, 2, 0.05
COMMON = 0.5  # of all articles: a word that more of them have is common
FEW = 1000  # articles, of which any number of words is looked for
MOST = 0.75  # of the words, which the newest have to have
LONGEST_NAME = 4  # words
MOST_TRIED = 5  # words, for which others are looked for that may have been meant
MOST_GROUPS = 16  # of words, any of which may be there: the rarest ones, which decide
MOST_LANGUAGES = 5  # whose ways of stemming are tried for a word of which nobody says of what language it is
FACETS = 20  # of each kind
MOST_KEPT = 256  # answers
RESERVE = 20
"""Hits beyond the page, for those that are not published any more and not yet out of the index."""

Hit = tuple[float, tantivy.DocAddress]
"""Its score, or its time where the newest come first."""


@dataclass(frozen=True, slots=True)
class Filters:
    kind: str | None = None
    tag: UUID | None = None
    author: UUID | None = None
    series: UUID | None = None
    language: str | None = None
    published_after: datetime | None = None
    published_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """All hits that may be paged through; facets by ids."""

    hits: Sequence[Hit]
    total: int
    facets: dict[str, list[tuple[str, int]]]


@dataclass(slots=True)
class Question:
    """What was asked, in the terms of this index. `wanted` are those by which a text shows why it was found."""

    opened: Opened
    asked: Asked
    languages: Sequence[str]
    wanted: set[str] = field(default_factory=set)
    corrected: dict[str, str] = field(default_factory=dict)
    tried: int = 0  # words that are not there, and may have been meant for others

    @property
    def searcher(self) -> tantivy.Searcher:
        return self.opened.searcher

    def terms(self, word: str) -> list[str]:
        """The ways in which the languages of the index write this word."""
        found = dict.fromkeys(stem(word, language) for language in self._may_be_of(word)) or {word: None}
        self.wanted.update(found)
        return list(found)

    def _may_be_of(self, word: str) -> list[str]:
        return [language for language in self.languages if may_be_of(word, language)][:MOST_LANGUAGES]

    def meant(self, word: str) -> list[str]:
        """The terms of a word, or of what it may have been meant for."""
        terms = self.terms(word)
        if self.frequency(terms) or self.searcher.doc_freq("words", word) or self.tried >= MOST_TRIED:
            return terms
        self.tried += 1
        known = corrections(self.searcher, word)
        if known:
            self.corrected[word] = known[0]
        return list(dict.fromkeys(chain.from_iterable(map(self.terms, known)))) or terms

    def frequency(self, terms: Iterable[str]) -> int:
        return max((self.searcher.doc_freq("body", term) for term in terms), default=0)

    def query(self, *, newest: bool) -> Query | None:
        """None where there is nothing to look for."""
        if not self.asked.groups:
            return None
        groups: list[tuple[int, list[Query]]] = []  # how many articles have it, and what finds it
        required: list[Query] = []
        for parts in self.asked.groups:
            found = [self._part(part) for part in parts]
            if any(part.is_phrase for part in parts):
                required.append(_any(query for _, queries in found for query in queries))
            elif len(parts) == 1 and not is_paired(parts[0].words[0]):
                groups += found
            else:
                groups.append((max(count for count, _ in found), [query for _, queries in found for query in queries]))
        groups = self._without_common(groups)
        extra = [*self._whole_title(), *self._side_by_side(), *self._names()]
        if newest and groups:
            least = ceil(MOST * len(groups))
            enough = Query.boolean_query([(Occur.Should, _any(queries)) for _, queries in groups], least)
            main = _all([*required, enough])
        else:
            should = [(Occur.Should, query) for query in chain(*(queries for _, queries in groups), extra)]
            main = Query.boolean_query([*((Occur.Must, query) for query in required), *should])
        excluded = [(Occur.MustNot, self._excluded(part)) for part in self.asked.excluded]
        return Query.boolean_query([(Occur.Must, main), *excluded]) if excluded else main

    def _without_common(self, groups: list[tuple[int, list[Query]]]) -> list[tuple[int, list[Query]]]:
        articles = self.searcher.num_docs
        if articles <= FEW:
            return groups
        rare = [group for group in groups if group[0] <= COMMON * articles]
        kept = rare if any(count for count, _ in rare) else groups
        return sorted(kept, key=lambda group: (group[0] == 0, group[0]))[:MOST_GROUPS]

    def _part(self, part: Part) -> tuple[int, list[Query]]:
        if part.is_phrase:
            for word in part.words:
                self.meant(word)
            return 0, self._phrases("body", [self.corrected.get(word, word) for word in part.words])
        if len(part.words) == 1 and len(part.words[0]) == 1 and is_paired(part.words[0]):
            self.wanted.update(part.words)
            return self.searcher.doc_freq("words", part.words[0]), [Query.term_query(schema(), "words", part.words[0])]
        terms = [term for word in part.words for term in self.meant(word)]
        queries = [query for term in terms for query in _weighted(term)]
        queries += [Query.boost_query(Query.term_query(schema(), "words", word), EXACT) for word in part.words]
        if len(part.words) > 1:
            weight = 1 if is_paired(part.words[0]) else PAIR
            queries += [Query.boost_query(query, weight) for query in self._phrases("body", part.words)]
        return self.frequency(terms), queries

    def _phrases(self, name: str, found: Sequence[str], slop: int = 0) -> list[Query]:
        """The words in this order, as each language writes them."""
        languages = self._may_be_of(found[0])
        ways = dict.fromkeys(tuple(stem(word, language) for word in found) for language in languages)
        self.wanted.update(chain(*ways))
        return [_phrase(name, way, slop) for way in ways or {tuple(found): None}]

    def _excluded(self, part: Part) -> Query:
        kept = set(self.wanted)
        query = _any(self._phrases("body", part.words))
        self.wanted = kept
        return query

    def _whole_title(self) -> list[Query]:
        """What has just this title comes before what has these words in it."""
        found = [self.corrected.get(word, word) for part in self.asked.parts for word in part.words]
        return self._phrases("title", found) if len(found) > 1 else []

    def _side_by_side(self) -> list[Query]:
        """Words that follow one another say more where they do so in the text. Of rare ones: others take long."""
        most = max(FEW, self.searcher.num_docs) * RARE
        plain = [parts[0] for parts in self.asked.groups if len(parts) == 1 and not parts[0].is_phrase]
        rare = [self.frequency(self.terms(part.words[-1])) <= most for part in plain]
        pairs = zip(plain, plain[1:], rare, rare[1:], strict=False)
        near = [(first.words[-1], second.words[0]) for first, second, *are_rare in pairs if any(are_rare)]
        return [Query.boost_query(query, PAIR) for pair in near for query in self._phrases("body", pair, SLOP)]

    def _names(self) -> list[Query]:
        """Articles of a tag or an author that is named, and those that have another name of the tag in their text."""
        found = [word for part in self.asked.parts for word in part.words]
        ends = [(start, start + size) for start in range(len(found)) for size in range(1, LONGEST_NAME + 1)]
        runs = {" ".join(found[start:end]) for start, end in ends}
        named = [run for run in runs if self.searcher.doc_freq("names", run)]
        if not named:
            return []
        known = _any(Query.term_query(schema(), "names", name) for name in named)
        hits = self.searcher.search(known, FACETS, count=False).hits
        queries: list[Query] = []
        for _, address in hits:
            document = self.searcher.doc(address)
            kind, row_id = read_key(document)
            queries.append(Query.const_score_query(Query.term_query(schema(), f"{kind}s", row_id.hex), NAMED))
            others = [words(name) for name in document.get_all("names") if name not in named]
            queries += [Query.boost_query(query, SYNONYM) for way in others for query in self._phrases("body", way)]
        return queries


def _weighted(term: str) -> list[Query]:
    fields = (("body", 1.0), ("title", TITLE), ("headings", HEADINGS))
    return [Query.boost_query(Query.term_query(schema(), name, term), weight) for name, weight in fields]


def _phrase(name: str, way: Sequence[str], slop: int) -> Query:
    """Where words stand is looked up in those articles alone that may have them side by side: to do so in all that have
    them takes long, if they are common.
    """
    if len(way) == 1:
        return Query.term_query(schema(), name, way[0])
    phrase = Query.phrase_query(schema(), name, list(way), slop)
    if slop:
        return phrase
    may_have = (Query.term_query(schema(), "pairs", pair) for pair in pairs(way))
    return _all([phrase, *(Query.const_score_query(query, 0) for query in may_have)])


def _any(queries: Iterable[Query]) -> Query:
    return Query.boolean_query([(Occur.Should, query) for query in queries])


def _all(queries: Iterable[Query]) -> Query:
    return Query.boolean_query([(Occur.Must, query) for query in queries])


def _filtered(query: Query, filters: Filters) -> Query:
    terms = {
        "kind": filters.kind,
        "tags": filters.tag and filters.tag.hex,
        "authors": filters.author and filters.author.hex,
        "series": filters.series and filters.series.hex,
        "language": filters.language and filters.language.lower(),
    }
    conditions = [Query.term_query(schema(), name, value) for name, value in terms.items() if value is not None]
    after, before = filters.published_after, filters.published_before
    if after is not None or before is not None:
        lowest = None if after is None else moment(after) + 1
        highest = None if before is None else moment(before) - 1
        kind = tantivy.FieldType.Integer
        conditions.append(Query.range_query(schema(), "published_at", kind, lowest, highest))
    if not conditions:
        return query
    return _all([query, *(Query.const_score_query(condition, 0) for condition in conditions)])


def ask(opened: Opened, q: str, languages: Sequence[str], filters: Filters, *, newest: bool) -> tuple[Question, Found]:
    """Kept as long as the index is what it is: the next page, and whoever asks the same, need no search."""
    asked = (q, tuple(languages), filters, newest)
    kept: tuple[Question, Found] | None = opened.answers.get(asked)
    if kept is None:
        question = Question(opened, parse(q), languages)
        kept = question, _find(question, filters, newest=newest)
        if len(opened.answers) >= MOST_KEPT:
            opened.answers.clear()
        opened.answers[asked] = kept
    return kept


def _find(question: Question, filters: Filters, *, newest: bool) -> Found:
    query = question.query(newest=newest)
    if query is None:
        return Found([], 0, {name: [] for name in _FACETS})
    query = _filtered(query, filters)
    hits = _ordered(question.searcher, query, "published_at" if newest else None)
    counted = question.searcher.aggregate(query, _COUNTED)
    facets = {name: [(bucket["key"], bucket["doc_count"]) for bucket in counted[name]["buckets"]] for name in _FACETS}
    total = sum(count for _, count in facets["languages"]) + counted["languages"]["sum_other_doc_count"]
    return Found(hits, total, facets)


def _ordered(searcher: tantivy.Searcher, query: Query, order: str | None) -> list[Hit]:
    """All that may be paged through, of equals the newest first: of the same for each page, so that one goes on where
    the other ended. That takes hardly longer than a page of them.
    """
    hits = searcher.search(query, DEEPEST + RESERVE, count=False, order_by_field=order).hits
    times = searcher.fast_field_values("published_at", [address for _, address in hits])
    at = sorted(range(len(hits)), key=lambda index: (-hits[index][0], -(times[index] or 0)))
    return [hits[index] for index in at]


_FACETS = {"tags": "tags", "authors": "authors", "languages": "language", "years": "year"}
_COUNTED = {name: {"terms": {"field": field_name, "size": FACETS}} for name, field_name in _FACETS.items()}
