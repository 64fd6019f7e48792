"""Routes whose endpoints get what the request says, and nothing that has to be put together for them."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from byline.core.reads import delivered


class DirectRoute(APIRoute):
    """Of what is the same for all readers. FastAPI finds and documents it as any other; but its endpoint takes the
    request, texts of the path and of single headers, and a model of the query, and answers with a response: to look for
    dependencies, and to check what may be any text, takes longer than to ask the database.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        headers = [(field.name, field.alias, field.default) for field in self.dependant.header_params]
        models = [(field.name, field.field_info.annotation) for field in self.dependant.query_params]

        async def handle(request: Request) -> Response:
            await delivered()
            told = {name: request.headers.get(alias, default) for name, alias, default in headers}
            asked = {name: _query(request, model) for name, model in models}
            response: Response = await self.endpoint(request, **request.path_params, **told, **asked)
            return response

        return handle


def _query(request: Request, model: Any) -> BaseModel:
    """Raises RequestValidationError, as FastAPI does."""
    try:
        asked: BaseModel = model.model_validate(dict(request.query_params))
    except ValidationError as error:
        raise RequestValidationError([{**one, "loc": ("query", *one["loc"])} for one in error.errors()]) from error
    return asked
