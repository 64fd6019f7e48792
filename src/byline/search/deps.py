from functools import partial
from typing import Annotated

from fastapi import Depends, Request

from byline.search.answering import Read, SearchNotReady
from byline.search.directory import IndexDirectory, Opened, Unreadable


async def get_index(request: Request) -> Opened:
    directory: IndexDirectory = request.app.state.search
    try:
        opened = directory.open()
    except Unreadable as error:
        directory.want_rebuild()
        raise SearchNotReady() from error
    if opened is None:
        raise SearchNotReady()
    return opened


SearchIndex = Annotated[Opened, Depends(get_index)]


async def find_index(request: Request) -> Opened | None:
    """None where there is none yet: for what can be answered without."""
    try:
        return await get_index(request)
    except SearchNotReady:
        return None


SearchIndexIfAny = Annotated[Opened | None, Depends(find_index)]


async def get_read(request: Request) -> Read:
    return partial(request.app.state.readers.rows, request)


ReadDep = Annotated[Read, Depends(get_read)]
