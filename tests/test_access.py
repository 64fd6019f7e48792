"""Who may do what: every operation that is not for anybody, tried by each kind of caller."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from byline.accounts import keys, tickets
from byline.accounts.caller import Caller, Role, Scope
from byline.accounts.models import ApiKey, Session, User
from byline.accounts.tickets import Purpose
from byline.core import events, jobs
from byline.core.events import Event
from byline.jobs.tasks import prune
from byline.passkeys.models import Passkey
from byline.posts import previews, publishing, review_comments, reviewing
from byline.posts import service as posts
from byline.posts.models import Post
from byline.posts.preview_schemas import PreviewLinkCreate
from byline.posts.review_schemas import NewReviewComment, ReviewNote
from byline.posts.schemas import PostCreate, PostPublish
from byline.redirects import service as redirects
from byline.redirects.schemas import RedirectCreate
from byline.webhooks import service as webhooks
from byline.webhooks.models import Webhook
from tests import make
from tests.conftest import Sessions
from tests.test_openapi import DOCUMENT, OPERATIONS

# The status that answers a request which is right but for who sends it: anybody, each role from owner to reader, and
# five API keys of an owner: with no scope but the one that is asked for, with another one, revoked, run out, and used
# from another network. What is reached belongs to somebody else; to the caller where the line says `own`. Where a right
# request takes a second or more steps, a wrong body is sent: 422.
KINDS = ["anybody", *Role, "key", "other", "revoked", "expired", "elsewhere"]
MATRIX = """
                                                 any own adm edi aut con rea key oth gon lat awa
DELETE /v1/auth/token                            401 204 204 204 204 204 204 403 403 401 401 403
GET    /v1/auth/session                          401 200 200 200 200 200 200 403 403 401 401 403
DELETE /v1/auth/session                          401 204 204 204 204 204 204 403 403 401 401 403
POST   /v1/auth/confirm                          401 422 422 422 422 422 422 403 403 401 401 403
GET    /v1/account                               401 200 200 200 200 200 200 200 200 401 401 403
PATCH  /v1/account                               401 200 200 200 200 200 200 403 403 401 401 403
DELETE /v1/account                               401 204 204 204 204 204 204 403 403 401 401 403
POST   /v1/account/password                      401 422 422 422 422 422 422 403 403 401 401 403
GET    /v1/account/sessions                      401 200 200 200 200 200 200 403 403 401 401 403
DELETE /v1/account/sessions                      401 204 204 204 204 204 204 403 403 401 401 403
DELETE /v1/account/sessions/{session_id} own     401 204 204 204 204 204 204 403 403 401 401 403
POST   /v1/account/totp                          401 201 201 201 201 201 201 403 403 401 401 403
DELETE /v1/account/totp                          401 204 204 204 204 204 204 403 403 401 401 403
POST   /v1/account/totp/enable                   401 422 422 422 422 422 422 403 403 401 401 403
POST   /v1/account/recovery-codes                401 409 409 409 409 409 409 403 403 401 401 403
POST   /v1/auth/passkey/confirm                  401 422 422 422 422 422 422 403 403 401 401 403
GET    /v1/account/passkeys                      401 200 200 200 200 200 200 403 403 401 401 403
POST   /v1/account/passkeys                      401 422 422 422 422 422 422 403 403 401 401 403
POST   /v1/account/passkeys/options              401 200 200 200 200 200 200 403 403 401 401 403
DELETE /v1/account/passkeys/{passkey_id} own     401 204 204 204 204 204 204 403 403 401 401 403
POST   /v1/account/email                         401 202 202 202 202 202 202 403 403 401 401 403
GET    /v1/account/export                        401 200 200 200 200 200 200 403 403 401 401 403
GET    /v1/manage/posts                          401 200 200 200 200 200 403 200 403 401 401 403
POST   /v1/manage/posts                          401 201 201 201 201 201 403 201 403 401 401 403
GET    /v1/manage/posts/{post_id}                401 200 200 200 404 404 403 200 403 401 401 403
GET    /v1/manage/posts/{post_id} own            401 200 200 200 200 200 403 200 403 401 401 403
PATCH  /v1/manage/posts/{post_id}                401 200 200 200 404 404 403 200 403 401 401 403
PATCH  /v1/manage/posts/{post_id} own            401 200 200 200 200 200 403 200 403 401 401 403
DELETE /v1/manage/posts/{post_id}                401 204 204 204 404 404 403 204 403 401 401 403
DELETE /v1/manage/posts/{post_id} own            401 204 204 204 204 403 403 204 403 401 401 403
POST   /v1/manage/posts/batch                    401 200 200 200 200 200 403 403 403 401 401 403
POST   /v1/manage/posts/{post_id}/publish        401 200 200 200 404 403 403 200 403 401 401 403
POST   /v1/manage/posts/{post_id}/publish own    401 200 200 200 200 403 403 200 403 401 401 403
POST   /v1/manage/posts/{post_id}/unpublish      401 200 200 200 404 403 403 200 403 401 401 403
POST   /v1/manage/posts/{post_id}/unpublish own  401 200 200 200 200 403 403 200 403 401 401 403
GET    /v1/manage/posts/{post_id}/revisions      401 200 200 200 404 404 403 200 403 401 401 403
GET    /v1/manage/posts/{post_id}/revisions own  401 200 200 200 200 200 403 200 403 401 401 403
POST   /v1/manage/posts/{post_id}/restore        401 200 200 200 404 404 403 200 403 401 401 403
POST   /v1/manage/posts/{post_id}/restore own    401 200 200 200 200 200 403 200 403 401 401 403
GET    /v1/manage/posts/{post_id}/preview-links  401 200 200 200 404 404 403 200 403 401 401 403
GET    /v1/manage/posts/{post_id}/preview-links own 401 200 200 200 200 200 403 200 403 401 401 403
POST   /v1/manage/posts/{post_id}/preview-links  401 201 201 201 404 404 403 201 403 401 401 403
POST   /v1/manage/posts/{post_id}/preview-links own 401 201 201 201 201 201 403 201 403 401 401 403
DELETE /v1/manage/posts/{post_id}/preview-links/{link_id} 401 204 204 204 404 404 403 204 403 401 401 403
DELETE /v1/manage/posts/{post_id}/preview-links/{link_id} own 401 204 204 204 204 204 403 204 403 401 401 403
GET    /v1/manage/search/insights                401 200 200 200 403 403 403 200 403 401 401 403
GET    /v1/manage/trash                          401 200 200 200 200 200 403 200 403 401 401 403
GET    /v1/manage/trash/{post_id}                401 200 200 200 404 404 403 200 403 401 401 403
GET    /v1/manage/trash/{post_id} own            401 200 200 200 200 200 403 200 403 401 401 403
DELETE /v1/manage/trash/{post_id}                401 204 204 204 404 403 403 204 403 401 401 403
DELETE /v1/manage/trash/{post_id} own            401 204 204 204 204 403 403 204 403 401 401 403
GET    /v1/manage/redirects                      401 200 200 200 403 403 403 200 403 401 401 403
POST   /v1/manage/redirects                      401 409 409 409 403 403 403 409 403 401 401 403
GET    /v1/manage/redirects/export               401 200 200 200 403 403 403 200 403 401 401 403
POST   /v1/manage/redirects/import               401 200 200 200 403 403 403 200 403 401 401 403
GET    /v1/manage/redirects/{redirect_id}        401 200 200 200 403 403 403 200 403 401 401 403
PATCH  /v1/manage/redirects/{redirect_id}        401 200 200 200 403 403 403 200 403 401 401 403
DELETE /v1/manage/redirects/{redirect_id}        401 204 204 204 403 403 403 204 403 401 401 403
POST   /v1/manage/posts/{post_id}/merge          401 200 200 200 404 404 403 200 403 401 401 403
POST   /v1/manage/posts/{post_id}/merge own      401 200 200 200 200 200 403 200 403 401 401 403
GET    /v1/manage/posts/{post_id}/revisions/{number}              401 200 200 200 404 404 403 200 403 401 401 403
GET    /v1/manage/posts/{post_id}/revisions/{number} own          401 200 200 200 200 200 403 200 403 401 401 403
PATCH  /v1/manage/posts/{post_id}/revisions/{number}              401 200 200 200 404 404 403 200 403 401 401 403
PATCH  /v1/manage/posts/{post_id}/revisions/{number} own          401 200 200 200 200 200 403 200 403 401 401 403
GET    /v1/manage/posts/{post_id}/revisions/{number}/diff         401 200 200 200 404 404 403 200 403 401 401 403
GET    /v1/manage/posts/{post_id}/revisions/{number}/diff own     401 200 200 200 200 200 403 200 403 401 401 403
POST   /v1/manage/posts/{post_id}/revisions/{number}/restore      401 200 200 200 404 404 403 200 403 401 401 403
POST   /v1/manage/posts/{post_id}/revisions/{number}/restore own  401 200 200 200 200 200 403 200 403 401 401 403
POST   /v1/manage/posts/{post_id}/submit          401 200 200 200 404 404 403 200 403 401 401 403
POST   /v1/manage/posts/{post_id}/submit own      401 200 200 200 200 200 403 200 403 401 401 403
POST   /v1/manage/posts/{post_id}/approve         401 200 200 200 404 403 403 200 403 401 401 403
POST   /v1/manage/posts/{post_id}/approve own     401 200 200 200 403 403 403 200 403 401 401 403
POST   /v1/manage/posts/{post_id}/request-changes 401 200 200 200 404 403 403 200 403 401 401 403
POST   /v1/manage/posts/{post_id}/request-changes own 401 200 200 200 403 403 403 200 403 401 401 403
GET    /v1/manage/posts/{post_id}/review-comments 401 200 200 200 404 404 403 200 403 401 401 403
GET    /v1/manage/posts/{post_id}/review-comments own 401 200 200 200 200 200 403 200 403 401 401 403
POST   /v1/manage/posts/{post_id}/review-comments 401 201 201 201 404 404 403 201 403 401 401 403
POST   /v1/manage/posts/{post_id}/review-comments own 401 201 201 201 201 201 403 201 403 401 401 403
PATCH  /v1/manage/posts/{post_id}/review-comments/{comment_id} 401 200 200 200 404 404 403 200 403 401 401 403
PATCH  /v1/manage/posts/{post_id}/review-comments/{comment_id} own 401 200 200 200 200 200 403 200 403 401 401 403
GET    /v1/manage/authors                        401 200 200 200 200 200 403 200 403 401 401 403
POST   /v1/manage/authors                        401 201 201 201 403 403 403 201 403 401 401 403
GET    /v1/manage/authors/{author_id}            401 200 200 200 200 200 403 200 403 401 401 403
GET    /v1/manage/authors/{author_id} own        401 200 200 200 200 200 403 200 403 401 401 403
PATCH  /v1/manage/authors/{author_id}            401 200 200 200 403 403 403 200 403 401 401 403
PATCH  /v1/manage/authors/{author_id} own        401 200 200 200 200 200 403 200 403 401 401 403
DELETE /v1/manage/authors/{author_id}            401 204 204 204 403 403 403 204 403 401 401 403
DELETE /v1/manage/authors/{author_id} own        401 204 204 204 403 403 403 204 403 401 401 403
GET    /v1/manage/tags                           401 200 200 200 200 200 403 200 403 401 401 403
POST   /v1/manage/tags                           401 201 201 201 403 403 403 201 403 401 401 403
GET    /v1/manage/tags/{tag_id}                  401 200 200 200 200 200 403 200 403 401 401 403
PATCH  /v1/manage/tags/{tag_id}                  401 200 200 200 403 403 403 200 403 401 401 403
DELETE /v1/manage/tags/{tag_id}                  401 204 204 204 403 403 403 204 403 401 401 403
GET    /v1/manage/series                         401 200 200 200 200 200 403 200 403 401 401 403
POST   /v1/manage/series                         401 201 201 201 403 403 403 201 403 401 401 403
GET    /v1/manage/series/{series_id}             401 200 200 200 200 200 403 200 403 401 401 403
PATCH  /v1/manage/series/{series_id}             401 200 200 200 403 403 403 200 403 401 401 403
DELETE /v1/manage/series/{series_id}             401 204 204 204 403 403 403 204 403 401 401 403
GET    /v1/manage/users                          401 200 200 403 403 403 403 200 403 401 401 403
GET    /v1/manage/users/{user_id}                401 200 200 403 403 403 403 200 403 401 401 403
PATCH  /v1/manage/users/{user_id}                401 200 200 403 403 403 403 403 403 401 401 403
DELETE /v1/manage/users/{user_id}                401 204 204 403 403 403 403 403 403 401 401 403
GET    /v1/manage/users/{user_id}/sessions       401 200 200 403 403 403 403 200 403 401 401 403
DELETE /v1/manage/users/{user_id}/sessions       401 204 204 403 403 403 403 204 403 401 401 403
DELETE /v1/manage/users/{user_id}/totp           401 204 204 403 403 403 403 403 403 401 401 403
GET    /v1/manage/api-keys                       401 200 200 403 403 403 403 200 403 401 401 403
POST   /v1/manage/api-keys                       401 201 201 403 403 403 403 403 403 401 401 403
GET    /v1/manage/api-keys/{key_id}              401 200 200 403 403 403 403 200 403 401 401 403
DELETE /v1/manage/api-keys/{key_id}              401 204 204 403 403 403 403 204 403 401 401 403
POST   /v1/manage/api-keys/{key_id}/rotate       401 403 403 403 403 403 403 403 403 401 401 403
GET    /v1/manage/invitations                    401 200 200 403 403 403 403 200 403 401 401 403
POST   /v1/manage/invitations                    401 201 201 403 403 403 403 403 403 401 401 403
DELETE /v1/manage/invitations/{invitation_id}    401 204 204 403 403 403 403 204 403 401 401 403
GET    /v1/manage/users/{user_id}/export         401 200 200 403 403 403 403 403 403 401 401 403
GET    /v1/manage/audit-log                      401 200 200 403 403 403 403 200 403 401 401 403
GET    /v1/manage/audit-log/{event_id}           401 200 200 403 403 403 403 200 403 401 401 403
GET    /v1/manage/events                         401 200 200 403 403 403 403 200 403 401 401 403
GET    /v1/manage/jobs                           401 200 200 403 403 403 403 200 403 401 401 403
GET    /v1/manage/jobs/{job_id}                  401 200 200 403 403 403 403 200 403 401 401 403
POST   /v1/manage/jobs/{job_id}/retry            401 409 409 403 403 403 403 409 403 401 401 403
POST   /v1/manage/jobs/{job_id}/cancel           401 200 200 403 403 403 403 200 403 401 401 403
GET    /v1/manage/webhooks                       401 200 200 403 403 403 403 200 403 401 401 403
POST   /v1/manage/webhooks                       401 201 201 403 403 403 403 201 403 401 401 403
GET    /v1/manage/webhooks/{webhook_id}          401 200 200 403 403 403 403 200 403 401 401 403
PATCH  /v1/manage/webhooks/{webhook_id}          401 200 200 403 403 403 403 200 403 401 401 403
DELETE /v1/manage/webhooks/{webhook_id}          401 204 204 403 403 403 403 204 403 401 401 403
POST   /v1/manage/webhooks/{webhook_id}/rotate-secret 401 200 200 403 403 403 403 200 403 401 401 403
POST   /v1/manage/webhooks/{webhook_id}/test     401 202 202 403 403 403 403 202 403 401 401 403
GET    /v1/manage/webhooks/{webhook_id}/deliveries 401 200 200 403 403 403 403 200 403 401 401 403
GET    /v1/manage/webhooks/{webhook_id}/deliveries/{delivery_id} 401 200 200 403 403 403 403 200 403 401 401 403
POST   /v1/manage/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver 401 202 202 403 403 403 403 202 403 401 401 403
POST   /v1/manage/api-keys/{key_id}/rotate own   401 201 201 403 403 403 403 403 403 401 401 403
"""  # noqa: E501

BODIES: dict[str, Any] = {
    "POST /v1/account/password": {},
    "POST /v1/auth/confirm": {},
    "PATCH /v1/account": {"name": "New"},
    "POST /v1/manage/posts": {"title": "New"},
    "POST /v1/manage/posts/batch": {"operations": [{"op": "create", "body": {"title": "New"}}]},
    "PATCH /v1/manage/posts/{post_id}": {"title": "New"},
    "POST /v1/manage/posts/{post_id}/merge": {"base": 1, "changes": {"title": "New"}},
    "PATCH /v1/manage/posts/{post_id}/revisions/{number}": {"name": "New"},
    "POST /v1/manage/posts/{post_id}/review-comments": {"text": "New"},
    "PATCH /v1/manage/posts/{post_id}/review-comments/{comment_id}": {"resolved": True},
    "POST /v1/manage/authors": {"name": "New"},
    "PATCH /v1/manage/authors/{author_id}": {"name": "New"},
    "POST /v1/manage/tags": {"name": "New"},
    "PATCH /v1/manage/tags/{tag_id}": {"name": "New"},
    "POST /v1/manage/series": {"title": "New"},
    "PATCH /v1/manage/series/{series_id}": {"title": "New"},
    "POST /v1/manage/redirects": {"path": "/new", "target": "/new"},  # a loop: else the second one would be refused
    "POST /v1/manage/redirects/import": "/new,/there",
    "PATCH /v1/manage/redirects/{redirect_id}": {"target": "/there"},
    "PATCH /v1/manage/users/{user_id}": {"name": "New"},
    "POST /v1/manage/api-keys": {"name": "New", "scopes": ["keys:manage"]},
    "POST /v1/manage/api-keys/{key_id}/rotate": {},
    "POST /v1/manage/invitations": {"email": "new@example.com", "role": "reader"},
    "POST /v1/account/email": {"email": "new@example.com"},
    "POST /v1/account/totp/enable": {},
    "POST /v1/account/passkeys": {},
    "POST /v1/auth/passkey/confirm": {},
    "POST /v1/manage/webhooks": {"url": "https://receiver.example"},
    "PATCH /v1/manage/webhooks/{webhook_id}": {"description": "New"},
}

Headers = dict[str, str]
Make = Callable[[AsyncSession, User], Awaitable[UUID | int]]


async def _post(session: AsyncSession, of: User) -> UUID:
    caller = Caller(of.id, of.name, Role(of.role), frozenset())
    post = await posts.create(session, PostCreate(title="A post"), caller=caller, language="en")
    return (await publishing.publish(session, post, PostPublish(), caller=caller)).id


async def _trashed(session: AsyncSession, of: User) -> UUID:
    post = await session.get_one(Post, await _post(session, of))
    await posts.trash(session, post, caller=None)
    return post.id


async def _draft(session: AsyncSession, of: User) -> UUID:
    caller = Caller(of.id, of.name, Role(of.role), frozenset())
    return (await posts.create(session, PostCreate(title="A draft"), caller=caller, language="en")).id


async def _submitted(session: AsyncSession, of: User) -> UUID:
    post = await session.get_one(Post, await _draft(session, of))
    await reviewing.submit(session, post, ReviewNote(), caller=None)
    return post.id


async def _review_comment(session: AsyncSession, of: User) -> UUID:
    """On the post that was made last, which the same request names."""
    post = (await session.scalars(select(Post).order_by(Post.id.desc()).limit(1))).one()
    caller = Caller(of.id, of.name, Role(of.role), frozenset())
    return (await review_comments.create(session, post, NewReviewComment(text="New"), caller=caller)).id


async def _preview_link(session: AsyncSession, of: User) -> UUID:
    """Of the post that was made last, which the same request names."""
    post = (await session.scalars(select(Post).order_by(Post.id.desc()).limit(1))).one()
    caller = Caller(of.id, of.name, Role(of.role), frozenset())
    return (await previews.create(session, post, PreviewLinkCreate(), caller=caller))[0].id


async def _redirect(session: AsyncSession, of: User) -> UUID:
    new = RedirectCreate(path=f"/{uuid4()}", target="/there")
    return (await redirects.create(session, new, site_url="https://blog.example")).id


async def _number(session: AsyncSession, of: User) -> int:
    return 1  # of a revision: each post has this one


async def _author(session: AsyncSession, of: User) -> UUID:
    author = await make.author(session)
    author.user_id = of.id
    return author.id


async def _tag(session: AsyncSession, of: User) -> UUID:
    return (await make.tag(session)).id


async def _series(session: AsyncSession, of: User) -> UUID:
    return (await make.series(session)).id


async def _user(session: AsyncSession, of: User) -> UUID:
    return of.id


async def _session(session: AsyncSession, of: User) -> UUID:
    await make.token(session, scopes=[], of=of)
    newest = select(Session.id).where(Session.user_id == of.id).order_by(Session.id.desc()).limit(1)
    return (await session.scalars(newest)).one()


async def _api_key(session: AsyncSession, of: User) -> UUID:
    key = ApiKey(user_id=of.id, name="x", public_id=uuid4().hex, secret_hash=b"", scopes=[], networks=[])
    session.add(key)
    await session.flush()
    return key.id


async def _passkey(session: AsyncSession, of: User) -> UUID:
    passkey = Passkey(user_id=of.id, name="x", credential_id=uuid4().bytes, public_key=b"", sign_count=0, transports=[])
    session.add(passkey)
    await session.flush()
    return passkey.id


async def _invitation(session: AsyncSession, of: User) -> UUID:
    data = {"email": "new@example.com", "role": "reader"}
    week = timedelta(days=7)
    return (await tickets.issue(session, Purpose.INVITATION, secret="", lifetime=week, user_id=of.id, data=data))[1].id


async def _event(session: AsyncSession, of: User) -> UUID:
    events.record(session, "user.updated", of)
    await session.flush()
    return (await session.scalars(select(Event.id).where(Event.subject_id == of.id))).first() or uuid4()


async def _job(session: AsyncSession, of: User) -> int:
    return await jobs.enqueue(session, prune, at=datetime.now(UTC) + timedelta(days=1))


async def _webhook(session: AsyncSession, of: User) -> UUID:
    return (await make.webhook(session)).id


async def _delivery(session: AsyncSession, of: User) -> UUID:
    """Of the webhook that was made for the path."""
    webhook = (await session.scalars(select(Webhook).order_by(Webhook.id.desc()).limit(1))).one()
    return (await webhooks.test(session, webhook)).id


SUBJECTS: dict[str, Make] = {
    "post_id": _post,
    "POST /v1/manage/posts/{post_id}/restore": _trashed,
    "GET /v1/manage/trash/{post_id}": _trashed,
    "DELETE /v1/manage/trash/{post_id}": _trashed,
    "POST /v1/manage/posts/{post_id}/submit": _draft,
    "POST /v1/manage/posts/{post_id}/approve": _submitted,
    "POST /v1/manage/posts/{post_id}/request-changes": _submitted,
    "comment_id": _review_comment,
    "link_id": _preview_link,
    "redirect_id": _redirect,
    "number": _number,
    "author_id": _author,
    "tag_id": _tag,
    "series_id": _series,
    "user_id": _user,
    "session_id": _session,
    "key_id": _api_key,
    "passkey_id": _passkey,
    "invitation_id": _invitation,
    "event_id": _event,
    "job_id": _job,
    "webhook_id": _webhook,
    "delivery_id": _delivery,
}

LINES = MATRIX.splitlines()[2:]


def _scopes(operation: str) -> set[Scope]:
    method, path = operation.split()
    ways = DOCUMENT["paths"][path][method.lower()]["security"]
    return {Scope(scope) for way in ways for scopes in way.values() for scope in scopes}


def _parse(line: str) -> tuple[str, bool, list[str]]:
    method, path, *rest = line.split()
    own = rest[0] == "own"
    return f"{method} {path}", own, rest[own:]


async def _authorization(session: AsyncSession, kind: str, scopes: set[Scope]) -> tuple[User, Headers]:
    """A user and what a caller of this kind sends."""
    if kind == "anybody":
        return await make.user(session), {}
    if kind in list(Role):
        user = await make.user(session, role=Role(kind))
        return user, {"Authorization": f"Bearer {await make.token(session, scopes=list(Scope), of=user)}"}
    user = await make.user(session, role=Role.OWNER)
    if kind == "other":
        scopes = {next(scope for scope in Scope if scope not in scopes)}
    networks = ["192.0.2.0/24"] if kind == "elsewhere" else []
    token, key = await make.api_key(session, scopes=scopes or {Scope.TAGS_READ}, of=user, networks=networks)
    if kind == "revoked":
        await keys.revoke(session, key)
    if kind == "expired":
        key.expires_at = datetime.now(UTC) - timedelta(seconds=1)
    return user, {"Authorization": f"Bearer {token}"}


async def _prepare(session: AsyncSession, operation: str, own: bool, kind: str, stranger: User) -> tuple[str, Headers]:
    """The path and the headers of a request, with everything there that it is about."""
    caller, headers = await _authorization(session, kind, _scopes(operation))
    method, path = operation.split()
    parameters = DOCUMENT["paths"][path][method.lower()].get("parameters", [])
    if any(parameter["name"] == "if-match" for parameter in parameters):
        headers["If-Match"] = "*"
    for name in re.findall(r"\{(\w+)\}", path):
        arrange = SUBJECTS.get(operation) or SUBJECTS[name]
        path = path.replace(f"{{{name}}}", str(await arrange(session, caller if own else stranger)))
    return path, headers


def test_every_operation_stands_in_the_table() -> None:
    protected = [
        f"{method.upper()} {path}" for method, path in OPERATIONS if "security" in DOCUMENT["paths"][path][method]
    ]
    assert sorted({_parse(line)[0] for line in LINES}) == sorted(protected)


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.partition(" 401")[0].strip())
async def test_who_may(client: httpx.AsyncClient, sessions: Sessions, line: str) -> None:
    operation, own, expected = _parse(line)
    requests = {}
    for kind in KINDS:
        async with sessions.begin() as session:  # each its own stranger: some of them are deleted
            stranger = await make.user(session, role=Role.EDITOR)
            requests[kind] = await _prepare(session, operation, own, kind, stranger)
    method, body = operation.split()[0], BODIES.get(operation)
    found = {
        kind: (await client.request(method, path, headers=headers, json=body)).status_code
        for kind, (path, headers) in requests.items()
    }
    assert found == dict(zip(KINDS, map(int, expected), strict=True))
