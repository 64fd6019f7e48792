"""What receivers get, for the `webhooks` of the OpenAPI document. None of this is ever called."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response

from byline.webhooks.payloads import MESSAGES, Message

router = APIRouter(tags=["Webhooks"])

MessageId = Annotated[str, Header(description="The same for each try of a message: receive each once by it.")]
Timestamp = Annotated[int, Header(description="Of this try, in Unix seconds. Refuse what is minutes old.")]
Signature = Annotated[
    str,
    Header(
        description="`v1,` and the HMAC-SHA256, in base64, of `{webhook-id}.{webhook-timestamp}.{body}` under the "
        "secret (base64 after `whsec_`); while that is rotated, two with a space between. One that fits is enough."
    ),
]


_ANSWERS: dict[int | str, dict[str, Any]] = {
    410: {"description": "Received, and no more of it, please: the webhook is disabled."},
    "default": {
        "description": "Not received: it is tried again for three days. So it is where there is no answer within ten "
        "seconds. Redirects are not followed."
    },
}


def _receiver(message: type[Message]) -> Callable[..., None]:
    def receive(
        body: Message, webhook_id: MessageId, webhook_timestamp: Timestamp, webhook_signature: Signature
    ) -> None:
        pass

    receive.__annotations__["body"] = message
    receive.__doc__ = message.__doc__
    return receive


for _type, _message in MESSAGES.items():
    router.add_api_route(
        _type,
        _receiver(_message),
        methods=["POST"],
        name=f"receive_{_type.replace('.', '_')}",
        response_class=Response,
        response_description="Received, as is said by any 2xx.",
        responses=_ANSWERS,
    )
