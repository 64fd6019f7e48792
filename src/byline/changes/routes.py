"""What readers are told of: to be asked for, and sent as it happens."""

import asyncio
import logging
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Message, Send

from byline.changes.feed import Cursor, CursorGone, read
from byline.changes.hub import Hub
from byline.changes.schemas import CURSOR_MAX_LENGTH, ChangePage, ChangesQuery, StreamQuery
from byline.core.deps import SessionDep, SettingsDep
from byline.core.pagination import InvalidCursor
from byline.core.problems import problems

logger = logging.getLogger(__name__)

router = APIRouter(prefix="/v1", tags=["Changes"])

PATIENCE = 30.0
"""Seconds that a client may take nothing of what is sent."""

_EXAMPLE = """retry: 3071
id: hJd2…

event: upsert
data: {"cursor":"x0Zq…","type":"upsert","kind":"post","id":"…","slug":"how-to-measure","path":"/posts/how-to-measure",…}
id: x0Zq…

: ping
"""
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A stream of server-sent events, without an end.",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
    }
}


class EventStream(StreamingResponse):
    """Cut off from a client that takes nothing for a while: what was sent waits in buffers until then."""

    media_type = "text/event-stream"

    async def stream_response(self, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(PATIENCE):
                await send(message)

        try:
            await super().stream_response(send_in_time)
        except TimeoutError:
            logger.info("a stream was cut off: its client took nothing for %d seconds", PATIENCE)


@router.get("/changes", responses=problems(InvalidCursor, CursorGone))
async def list_changes(
    query: Annotated[ChangesQuery, Query()], session: SessionDep, settings: SettingsDep
) -> ChangePage:
    """What came, changed and went, for who keeps a copy of what is published: a static site, a search index.

    Without `since`, first all that is there; then, ever on from `next`, each change once and in order, none left out.
    `upsert`: fetch it by its slug; if that is a 404 by now, a `delete` follows. `delete`: it is at that slug no more. A
    new slug is a `delete` of the old one and an `upsert` of the new one. What is scheduled comes when its time has
    come. Unlisted articles are left out, as they are of all lists: one that becomes unlisted is a `delete`. Articles
    show their authors, tags and series: when one of these changes, so do the articles that have it.
    """
    secret = settings.secret_key.get_secret_value()
    since = Cursor.parse(query.since, secret, pointer="/query/since") if query.since is not None else None
    return (await read(session, since, query.limit)).as_page(secret)


@router.get("/events", response_class=EventStream, responses=_STREAM | problems(InvalidCursor, CursorGone))
async def stream_changes(
    query: Annotated[StreamQuery, Query()],
    request: Request,
    settings: SettingsDep,
    last_event_id: Annotated[
        str | None,
        Header(max_length=CURSOR_MAX_LENGTH, description="The `id` that came last: browsers send it by themselves."),
    ] = None,
) -> Response:
    """The changes of `/v1/changes` as they happen, as server-sent events: `EventSource` in a browser.

    `event` is the type of the change, `data` the change, `id` its cursor. Who is cut off comes back with the last one
    as `Last-Event-ID`, and gets what came since: nothing twice, nothing left out.
    """
    secret = settings.secret_key.get_secret_value()
    since = None
    if last_event_id:
        since = Cursor.parse(last_event_id, secret, pointer="/header/last-event-id")
    elif query.since is not None:
        since = Cursor.parse(query.since, secret, pointer="/query/since")
    hub: Hub = request.app.state.changes
    headers = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}
    return EventStream(hub.stream(await hub.begin(since)), headers=headers)
