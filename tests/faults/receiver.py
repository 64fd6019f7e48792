"""A receiver that is at times late, at times broken: the first try of a message may fail, the next one does not."""

import asyncio
import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from tests.webhooks.conftest import Receiver


@dataclass
class Inbox:
    """What arrived: each message at its first arrival, in order."""

    receiver: Receiver
    dice: random.Random
    secret: str = ""
    arrivals: int = 0
    refused: int = 0
    forged: list[str] = field(default_factory=list)
    firsts: dict[UUID, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    _seen: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.receiver.meanwhile = self.receive

    async def receive(self, message: dict[str, Any]) -> None:
        arrived = self.receiver.got.pop()
        message_id = arrived.headers["webhook-id"]
        self.arrivals += 1
        try:
            Webhook(self.secret).verify(arrived.body, arrived.headers)
        except WebhookVerificationError as error:
            self.forged.append(f"{message_id}: {error}")
        if message_id in self._seen:
            if self._seen[message_id] != arrived.body:
                self.forged.append(f"{message_id}: another body at another try")
            return
        self._seen[message_id] = arrived.body
        self.firsts[UUID(message["data"]["id"])].append(message)
        chance = self.dice.random()
        if chance < 0.25:
            await asyncio.sleep(self.dice.uniform(0.1, 1.5))
        if chance < 0.08:
            self.refused += 1
            self.receiver.answers.append((500, "not now"))

    @property
    def messages(self) -> int:
        return len(self._seen)


def happened(message: dict[str, Any]) -> tuple[str, datetime]:
    return message["type"], datetime.fromisoformat(message["timestamp"])
