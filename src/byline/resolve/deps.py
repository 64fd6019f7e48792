from typing import Annotated

from fastapi import Depends, Query

from byline.core.errors import Invalid
from byline.redirects.paths import normal_path
from byline.resolve.schemas import ResolveQuery


async def get_path(query: Annotated[ResolveQuery, Query()]) -> str:
    """As redirects have it."""
    try:
        return normal_path(query.path)
    except ValueError as error:
        raise Invalid(str(error), pointer="/query/path") from error


SitePath = Annotated[str, Depends(get_path)]
