from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI


@pytest.fixture
def configure(app: FastAPI) -> Iterator[Callable[..., None]]:
    """Changes settings of the running service for one test."""
    before = app.state.settings

    def change(**settings: Any) -> None:
        app.state.settings = app.state.settings.model_copy(update=settings)

    yield change
    app.state.settings = before
