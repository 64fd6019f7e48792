"""The second factor of one's own account."""

from fastapi import APIRouter, Response, status

from byline.accounts import sessions, throttle, totp
from byline.accounts.deps import CrossSiteRequest, FreshFactorRequired, FreshPerson, OwnUser, SessionRequired
from byline.accounts.idempotency import IdempotentRoute
from byline.accounts.schemas import RecoveryCodes, TotpCode, TotpEnrolment
from byline.core.deps import SessionDep, SettingsDep
from byline.core.errors import Unauthenticated
from byline.core.problems import problems

router = APIRouter(
    prefix="/v1/account",
    tags=["Your account"],
    route_class=IdempotentRoute,
    responses=problems(Unauthenticated, sessions.InvalidToken, CrossSiteRequest, SessionRequired, FreshFactorRequired),
)


@router.post("/totp", status_code=status.HTTP_201_CREATED, responses=problems(totp.TotpEnabled))
async def enrol_totp(caller: FreshPerson, user: OwnUser, settings: SettingsDep, response: Response) -> TotpEnrolment:
    """Begin with an authenticator app: a new secret, which counts once it has been enabled with a code."""
    response.headers["Cache-Control"] = "no-store"
    totp_secret = totp.enrol(user, secret=settings.secret_key.get_secret_value())
    return TotpEnrolment(secret=totp_secret, uri=totp.address(totp_secret, name=user.email, issuer=settings.site_title))


@router.post(
    "/totp/enable",
    responses=problems(
        FreshFactorRequired,
        Unauthenticated,
        sessions.InvalidToken,
        totp.WrongCode,
        totp.TotpEnabled,
        totp.TotpNotEnrolled,
        throttle.TooManyAttempts,
    ),
)
async def enable_totp(
    caller: FreshPerson, user: OwnUser, proof: TotpCode, settings: SettingsDep, session: SessionDep, response: Response
) -> RecoveryCodes:
    """Show that the app works. From now on signing in takes its code too; the recovery codes are shown only now."""
    response.headers["Cache-Control"] = "no-store"
    codes = await totp.enable(session, user, proof.code, secret=settings.secret_key.get_secret_value())
    return RecoveryCodes(recovery_codes=codes)


@router.delete("/totp", status_code=status.HTTP_204_NO_CONTENT, response_class=Response)
async def disable_totp(caller: FreshPerson, user: OwnUser, session: SessionDep) -> None:
    """Sign in without an authenticator app again. The recovery codes are gone too."""
    await totp.disable(session, user)


@router.post("/recovery-codes", status_code=status.HTTP_201_CREATED, responses=problems(totp.TotpNotEnabled))
async def renew_recovery_codes(
    caller: FreshPerson, user: OwnUser, session: SessionDep, response: Response
) -> RecoveryCodes:
    """Make new recovery codes, shown only now. The earlier ones are good for nothing any more."""
    response.headers["Cache-Control"] = "no-store"
    return RecoveryCodes(recovery_codes=await totp.renew_recovery_codes(session, user))
