from fastapi import APIRouter, status

from byline.core.problems import problems
from byline.insights.deps import SearchLogDep
from byline.insights.log import InvalidClickToken
from byline.insights.schemas import Click

router = APIRouter(prefix="/v1/search", tags=["Search"])


@router.post("/clicks", status_code=status.HTTP_204_NO_CONTENT, responses=problems(InvalidClickToken))
async def count_search_click(click: Click, log: SearchLogDep) -> None:
    """Tell that a hit was opened: the `click_token` of the answer, and the place of the hit.

    Nothing is kept but a count, by day, query and place. The same click told again is not counted again.
    """
    log.note_click(click.token, click.position)
