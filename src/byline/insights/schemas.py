from datetime import date, timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from byline.core.schemas import Input, Output

LONGEST_SPAN = 366  # days

Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2999, 12, 31), examples=["2026-03-01"])]


class Click(Input):
    token: str = Field(max_length=4000, description="The `click_token` of the answer.")
    position: int = Field(ge=1, le=1000, description="Of the hit among all hits, from 1 on.")


class InsightsQuery(Input):
    from_: Day | None = Field(None, alias="from", description="The first day; without it, 29 days before the last.")
    to: Day | None = Field(None, description="The last day; without it, today, in the zone of the site.")
    limit: int = Field(20, ge=1, le=100, description="How many queries, at most, in each list.")

    @model_validator(mode="after")
    def _check_span(self) -> Self:
        if self.from_ is not None and self.to is not None:
            if self.to < self.from_:
                raise ValueError("`to` must not be before `from`")
            if self.to - self.from_ >= timedelta(days=LONGEST_SPAN):
                raise ValueError(f"no more than {LONGEST_SPAN} days")
        return self

    def span(self, today: date) -> tuple[date, date]:
        last = self.to or (today if self.from_ is None else min(max(today, self.from_), self.from_ + _YEAR))
        return self.from_ or last - timedelta(days=29), last


_YEAR = timedelta(days=LONGEST_SPAN - 1)


class Counted(Output):
    searches: int
    without_hit: int = Field(description="Searches that found nothing.")
    clicks: int


class DayCounts(Counted):
    day: date


class QueryCounts(Counted):
    query: str = Field(description="Folded: upper and lower case, and spaces, make no difference.")
    click_rate: float = Field(description="Clicks for each search; above 1 where people open several hits.")
    mean_position: float | None = Field(description="Of the hits that were opened, from 1 on.")


class InVain(Output):
    query: str
    searches: int = Field(description="Those that found nothing.")
    last_day: date


class PositionCounts(Output):
    position: int
    clicks: int


class SearchInsights(Output):
    """Days are those of the site's zone. What is kept without its words is in the totals alone."""

    first_day: date
    last_day: date
    totals: Counted
    days: list[DayCounts] = Field(description="Those with searches.")
    top_queries: list[QueryCounts] = Field(description="The most frequent first.")
    queries_without_hit: list[InVain] = Field(description="Those in vain most often first.")
    positions: list[PositionCounts] = Field(description="The first 100 at most.")
