"""What a caller may do to a post within their reach. Pure: no session, no await."""

from byline.accounts.caller import ROLES, Caller, Scope
from byline.posts.models import Post


def may_trash(caller: Caller, post: Post) -> bool:
    """Whoever may not publish may not take from the readers what others published either."""
    return not post.is_live or Scope.POSTS_PUBLISH in ROLES[caller.role].scopes
