from typing import Literal

from pydantic import Field

from byline.core.schemas import Output


class Token(Output):
    """What RFC 6749 §5.1 says that a sign-in answers."""

    access_token: str = Field(description="Send it as `Authorization: Bearer …`. It is shown only now.")
    token_type: Literal["bearer"]
    expires_in: int = Field(description="Seconds.", examples=[1209600])
    scope: str = Field(description="The scopes it carries, with spaces between.", examples=["posts:read posts:write"])
