"""What a caller may do to a post within their reach. Pure: no session, no await."""

from byline.accounts.caller import ROLES, Caller, Scope
from byline.posts.models import Post


def may_trash(caller: Caller, post: Post) -> bool:
    """Whoever may not publish may not take from the readers what others published either."""
    return not post.is_live or Scope.POSTS_PUBLISH in ROLES[caller.role].scopes


def may_review(caller: Caller) -> bool:
    """Whoever may publish any post, so their own too: somebody alone at the desk needs nobody else. An author is only
    ever within reach of their own posts, and approves none of them.
    """
    return not caller.own_only and Scope.POSTS_PUBLISH in ROLES[caller.role].scopes
