from uuid import uuid4

import pytest

from byline.accounts.caller import ROLES, Caller, Role
from byline.authors.models import Author
from byline.authors.policy import may_add_and_remove, may_change


@pytest.mark.parametrize(
    ("role", "others"),
    [
        (Role.OWNER, True),
        (Role.ADMIN, True),
        (Role.EDITOR, True),
        (Role.AUTHOR, False),
        (Role.CONTRIBUTOR, False),
        (Role.READER, False),
    ],
)
def test_whose_bylines_a_role_looks_after(role: Role, others: bool) -> None:
    caller = Caller(uuid4(), "Ada", role, ROLES[role].scopes)
    assert may_change(caller, Author(user_id=caller.user_id))
    assert may_change(caller, Author(user_id=uuid4())) == others
    assert may_change(caller, Author(user_id=None)) == others
    assert may_add_and_remove(caller) == others
