"""What a caller may do to another user. Pure: no session, no await."""

from byline.accounts.caller import Caller, Role


def may_manage(caller: Caller, role: Role) -> bool:
    """Whether the caller stands as high as a user of this role, so may change them, and may give that role."""
    return caller.role.rank <= role.rank
