"""Making passkeys, and signing in with them (Web Authentication Level 3, §7).

Every passkey names its user and was made with the person verified, by a PIN or a finger: so one alone stands for both
factors. A challenge is kept in a ticket, which is good once.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import webauthn
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, options_to_json_dict
from webauthn.helpers import structs as spec
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.registration.verify_registration_response import VerifiedRegistration

from byline.accounts import sessions, throttle, tickets
from byline.accounts.caller import Caller
from byline.accounts.models import Session, User
from byline.accounts.sessions import Client, Lifetime
from byline.accounts.tickets import InvalidTicket, Purpose
from byline.core import events
from byline.core.addresses import origin
from byline.core.errors import Conflict, Invalid, NotFound, Unauthenticated
from byline.core.settings import Settings
from byline.passkeys import queries
from byline.passkeys.models import Passkey
from byline.passkeys.schemas import Assertion, PasskeyCreate, PasskeyProof, Registration

logger = logging.getLogger(__name__)

TIME_TO_ANSWER = timedelta(minutes=5)
MAX_CREDENTIAL_ID = 1023
"""Bytes, by §5.8.3."""


class PasskeyRefused(Unauthenticated):
    """Says no more, whatever is wrong: the ticket and the try are used up."""

    commits = True
    code = "passkey_refused"
    title = "This passkey was not accepted"


class UnfitPasskey(Invalid):
    commits = True
    code = "unfit_passkey"
    title = "This credential cannot become a passkey here"


class PasskeyTaken(Conflict):
    code = "passkey_taken"
    title = "This passkey is registered already"
    constraints = ("uq_passkeys_credential_id",)


class PasskeyNotFound(NotFound):
    code = "passkey_not_found"
    title = "There is no such passkey"


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Whom passkeys are made for: the host `id`. Pages of the origins may ask for them."""

    id: str
    name: str
    origins: list[str]

    @classmethod
    def of(cls, settings: Settings) -> "RelyingParty":
        """The host of the site; its origin, and those allowed by CORS which are on that host or below it."""
        host = _host(settings.site_url)
        origins = [
            origin(url)
            for url in (settings.site_url, *settings.cors_origins)
            if _host(url) == host or _host(url).endswith(f".{host}")
        ]
        return cls(id=host, name=settings.site_title or host, origins=origins)


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


async def registration_options(
    session: AsyncSession, caller: Caller, site: RelyingParty, *, secret: str
) -> tuple[str, dict[str, Any]]:
    """The ticket, and what a browser needs to make a passkey."""
    user = await session.get_one(User, caller.user_id)
    own = (await session.scalars(queries.passkeys_of(user.id))).all()
    options = webauthn.generate_registration_options(
        rp_id=site.id,
        rp_name=site.name,
        user_id=user.id.bytes,
        user_name=user.email,
        user_display_name=user.name,
        timeout=int(TIME_TO_ANSWER.total_seconds() * 1000),
        authenticator_selection=spec.AuthenticatorSelectionCriteria(
            resident_key=spec.ResidentKeyRequirement.REQUIRED,
            user_verification=spec.UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[
            spec.PublicKeyCredentialDescriptor(
                id=passkey.credential_id,
                transports=[spec.AuthenticatorTransport(transport) for transport in passkey.transports],
            )
            for passkey in own
        ],
    )
    ticket = await _issue(session, Purpose.PASSKEY_REGISTRATION, options.challenge, secret, caller.user_id)
    return ticket, options_to_json_dict(options)


async def register(
    session: AsyncSession, new: PasskeyCreate, caller: Caller, site: RelyingParty, *, secret: str
) -> Passkey:
    """Raises InvalidTicket, UnfitPasskey, PasskeyTaken."""
    ticket = await tickets.redeem(session, Purpose.PASSKEY_REGISTRATION, new.ticket, secret=secret)
    if ticket.user_id != caller.user_id:
        raise InvalidTicket()
    verified = verify_registration(new.credential, base64url_to_bytes(str(ticket.data["challenge"])), site)
    known = {transport.value for transport in spec.AuthenticatorTransport}
    passkey = Passkey(
        user_id=caller.user_id,
        name=new.name,
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        transports=sorted(known.intersection(new.credential.response.transports)),
    )
    session.add(passkey)
    await session.flush()
    events.record(session, "passkey.created", passkey, events.created(passkey, "name", "transports"))
    return passkey


async def delete_passkey(session: AsyncSession, user: User, passkey_id: UUID) -> None:
    """The user has to be locked, as for signing in. Raises PasskeyNotFound, for another's passkey too."""
    deleted = delete(Passkey).where(Passkey.id == passkey_id, Passkey.user_id == user.id).returning(Passkey)
    found = await session.scalar(deleted)
    if found is None:
        raise PasskeyNotFound()
    events.record(session, "passkey.deleted", found, {"name": {"before": found.name, "after": None}})


async def assertion_options(session: AsyncSession, site: RelyingParty, *, secret: str) -> tuple[str, dict[str, Any]]:
    """The ticket, and what a browser needs to offer its passkeys: the same whoever asks, so nobody is given away."""
    options = webauthn.generate_authentication_options(
        rp_id=site.id,
        timeout=int(TIME_TO_ANSWER.total_seconds() * 1000),
        user_verification=spec.UserVerificationRequirement.REQUIRED,
    )
    ticket = await _issue(session, Purpose.PASSKEY_SIGN_IN, options.challenge, secret)
    return ticket, options_to_json_dict(options)


async def sign_in(
    session: AsyncSession,
    proof: PasskeyProof,
    site: RelyingParty,
    *,
    client: Client,
    lifetime: Lifetime,
    secret: str,
    instead_of: str | None = None,
) -> tuple[str, Session]:
    """The token and its session; that whose token is `instead_of` ends.

    Raises InvalidTicket, TooManyAttempts, PasskeyRefused.
    """
    session.info["actor"] = events.Actor(address=client.address)
    user = await _prove(session, proof, site, address=client.address, secret=secret)
    if instead_of is not None:
        await sessions.forget(session, instead_of)
    return await sessions.start(session, user, client, lifetime)


async def confirm(
    session: AsyncSession, caller: Caller, proof: PasskeyProof, site: RelyingParty, *, address: str | None, secret: str
) -> None:
    """The caller proves again who they are. Raises InvalidTicket, TooManyAttempts, PasskeyRefused."""
    await _prove(session, proof, site, address=address, secret=secret, expected=caller.user_id)
    await sessions.confirm(session, caller)


async def _prove(
    session: AsyncSession,
    proof: PasskeyProof,
    site: RelyingParty,
    *,
    address: str | None,
    secret: str,
    expected: UUID | None = None,
) -> User:
    """The user whose passkey it is: the `expected` one, or anybody. Their row stays locked, so counters only grow."""
    ticket = await tickets.redeem(session, Purpose.PASSKEY_SIGN_IN, proof.ticket, secret=secret)
    credential_id = base64url_to_bytes(proof.credential.rawId)
    user = await session.scalar(queries.owner_of(credential_id).with_for_update())
    await throttle.count(session, throttle.address_key(address))
    passkey = await session.scalar(queries.passkey(credential_id))
    handle = base64url_to_bytes(proof.credential.response.userHandle or "")
    if user is None or passkey is None or handle != user.id.bytes or expected not in {None, user.id}:
        raise PasskeyRefused()
    challenge = base64url_to_bytes(str(ticket.data["challenge"]))
    sign_count = verify_assertion(proof.credential, challenge, passkey.public_key, site)
    if (sign_count or passkey.sign_count) and sign_count <= passkey.sign_count:
        # Signed by the right key, but not by the only one: somebody has a copy of it (§6.1.1).
        went_back = {"sign_count": {"before": passkey.sign_count, "after": sign_count}}
        events.record(session, "passkey.counter_went_back", passkey, went_back)
        raise PasskeyRefused()
    passkey.sign_count, passkey.last_used_at = sign_count, datetime.now(UTC)
    await throttle.forgive(session, throttle.address_key(address))
    return user


async def _issue(
    session: AsyncSession, purpose: Purpose, challenge: bytes, secret: str, user_id: UUID | None = None
) -> str:
    data = {"challenge": bytes_to_base64url(challenge)}
    token, _ = await tickets.issue(session, purpose, secret=secret, lifetime=TIME_TO_ANSWER, user_id=user_id, data=data)
    return token


def verify_registration(credential: Registration, challenge: bytes, site: RelyingParty) -> VerifiedRegistration:
    """Raises UnfitPasskey."""
    try:
        verified = webauthn.verify_registration_response(
            credential=credential.model_dump(),
            expected_challenge=challenge,
            expected_rp_id=site.id,
            expected_origin=site.origins,
            require_user_verification=True,
        )
    except WebAuthnException as error:
        # It may quote what the client sent: as much as fits into a line, and into UTF-8.
        detail = str(error)[:300].encode(errors="replace").decode()
        raise UnfitPasskey(detail, pointer="/credential") from error
    except Exception as error:  # CBOR and keys made to break a decoder break it in ways that nobody has listed
        logger.info("a credential could not be read: %r", error)
        raise UnfitPasskey(pointer="/credential") from error
    if len(verified.credential_id) > MAX_CREDENTIAL_ID:
        raise UnfitPasskey(f"its id is longer than {MAX_CREDENTIAL_ID} bytes", pointer="/credential")
    return verified


def verify_assertion(credential: Assertion, challenge: bytes, public_key: bytes, site: RelyingParty) -> int:
    """The counter of the authenticator, which is not judged here. Raises PasskeyRefused."""
    try:
        verified = webauthn.verify_authentication_response(
            credential=credential.model_dump(),
            expected_challenge=challenge,
            expected_rp_id=site.id,
            expected_origin=site.origins,
            credential_public_key=public_key,
            credential_current_sign_count=0,  # the library would look at the counter before the signature
            require_user_verification=True,
        )
    except Exception as error:  # as above
        logger.info("an assertion was refused: %r", error)
        raise PasskeyRefused() from error
    return verified.new_sign_count
