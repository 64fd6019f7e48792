from typing import Annotated

from fastapi import Depends, Request

from byline.search.answering import SearchNotReady
from byline.search.store import Opened, Store, Unreadable


def get_index(request: Request) -> Opened:
    store: Store = request.app.state.search
    try:
        opened = store.open()
    except Unreadable as error:
        store.want_rebuild()
        raise SearchNotReady() from error
    if opened is None:
        raise SearchNotReady()
    return opened


SearchIndex = Annotated[Opened, Depends(get_index)]
