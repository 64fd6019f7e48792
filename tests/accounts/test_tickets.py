"""Signed tokens that are good once."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from byline.accounts.models import Ticket
from byline.accounts.tickets import InvalidTicket, Purpose, _id_of, issue, redeem, withdraw
from tests import make
from tests.conftest import Sessions

SECRET = "a secret of thirty-two characters"
HOUR = timedelta(hours=1)


async def test_good_once_for_one_purpose(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        token, ticket = await issue(session, Purpose.INVITATION, secret=SECRET, lifetime=HOUR, data={"role": "editor"})
        for purpose, secret in ((Purpose.PASSWORD_RESET, SECRET), (Purpose.INVITATION, "another secret")):
            with pytest.raises(InvalidTicket):
                await redeem(session, purpose, token, secret=secret)
        found = await redeem(session, Purpose.INVITATION, token, secret=SECRET)
        assert (found.id, found.data) == (ticket.id, {"role": "editor"})
        with pytest.raises(InvalidTicket):
            await redeem(session, Purpose.INVITATION, token, secret=SECRET)


async def test_it_runs_out(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        token, _ = await issue(session, Purpose.INVITATION, secret=SECRET, lifetime=timedelta(seconds=-1))
        with pytest.raises(InvalidTicket):
            await redeem(session, Purpose.INVITATION, token, secret=SECRET)


async def test_what_ran_out_is_swept_away(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await issue(session, Purpose.INVITATION, secret=SECRET, lifetime=timedelta(seconds=-1))
        await issue(session, Purpose.INVITATION, secret=SECRET, lifetime=HOUR)
        [kept] = await session.scalars(select(Ticket.expires_at))
        assert kept > datetime.now(UTC)


async def test_it_can_be_withdrawn(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        user = await make.user(session)
        token, _ = await issue(session, Purpose.PASSWORD_RESET, secret=SECRET, lifetime=HOUR, user_id=user.id)
        await withdraw(session, Purpose.PASSWORD_RESET, user.id)
        with pytest.raises(InvalidTicket):
            await redeem(session, Purpose.PASSWORD_RESET, token, secret=SECRET)


async def test_any_other_bit_spoils_it(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        token, _ = await issue(session, Purpose.INVITATION, secret=SECRET, lifetime=HOUR)
    raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    for place in range(len(raw)):
        other = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        with pytest.raises(InvalidTicket):
            _id_of(urlsafe_b64encode(other).decode(), Purpose.INVITATION, SECRET)


@given(st.text() | st.binary().map(lambda raw: urlsafe_b64encode(raw).decode()))
def test_no_text_is_an_error_of_ours(text: str) -> None:
    with pytest.raises(InvalidTicket):
        _id_of(text, Purpose.INVITATION, SECRET)
