from sqlalchemy import Select, select

from byline.core.pagination import Sorts
from byline.series.models import Series

SORTS: Sorts = {"title": Series.title, "created_at": Series.created_at}


def all_series() -> Select[Series]:
    return select(Series)


def series_with_slug(slug: str) -> Select[Series]:
    return select(Series).where(Series.slug == slug)
