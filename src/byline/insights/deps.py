from typing import Annotated

from fastapi import Depends, Request

from byline.insights.log import SearchLog


async def get_search_log(request: Request) -> SearchLog:
    log: SearchLog = request.app.state.search_log
    return log


SearchLogDep = Annotated[SearchLog, Depends(get_search_log)]
