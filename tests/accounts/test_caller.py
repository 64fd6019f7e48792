"""The table of roles and scopes, and the page that shows it."""

from pathlib import Path

from byline.accounts.caller import ROLES, SCOPES, Role, Scope

PAGE = Path(__file__).resolve().parents[2] / "docs" / "security.md"
OF_SOMEBODY = {scope for scope in Scope if scope.startswith("posts:")} | {Scope.AUTHORS_WRITE}


def cell(role: Role, scope: Scope) -> str:
    if scope not in ROLES[role].scopes:
        return ""
    return "own" if ROLES[role].own_only and scope in OF_SOMEBODY else "yes"


def table() -> str:
    rows = [["scope", *Role], ["---"] * (len(Role) + 1)]
    rows += [[f"`{scope}`: {what}", *(cell(role, scope) for role in Role)] for scope, what in SCOPES.items()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def test_every_scope_is_described() -> None:
    assert list(SCOPES) == list(Scope)


def test_a_higher_role_has_all_that_a_lower_one_has() -> None:
    for higher, lower in zip(list(Role), list(Role)[1:], strict=False):
        assert ROLES[higher].scopes >= ROLES[lower].scopes
        assert ROLES[lower].own_only >= ROLES[higher].own_only


def test_the_page_on_security_shows_the_table() -> None:
    before, _, rest = PAGE.read_text().partition("<!-- roles -->\n")
    shown, _, after = rest.partition("<!-- /roles -->")
    assert before and after
    assert shown == table(), f"docs/security.md should have:\n{table()}"
