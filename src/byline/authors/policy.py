"""What a caller may do to a byline, which everybody may read. Pure: no session, no await."""

from byline.accounts.caller import Caller
from byline.authors.models import Author


def may_change(caller: Caller, author: Author) -> bool:
    """Whether it is their own, or they look after those of everybody."""
    return author.user_id == caller.user_id or not caller.own_only


def may_add_and_remove(caller: Caller) -> bool:
    return not caller.own_only
