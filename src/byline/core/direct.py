"""Routes whose endpoints get what the request says, and nothing that has to be put together for them."""

from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from byline.core.reads import delivered

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class DirectRoute(APIRoute):
    """A GET of what is the same for all readers. FastAPI documents it as any other; but its endpoint takes the request,
    texts of the path and of single headers, and a model of the query, and answers with a response: to look for
    dependencies, and to check what may be any text, takes longer than to ask the database.
    """

    def get_route_handler(self) -> Handler:
        headers = [(field.name, field.alias, field.default) for field in self.dependant.header_params]
        models = [(field.name, field.field_info.annotation) for field in self.dependant.query_params]

        async def handle(request: Request) -> Response:
            await delivered()
            told = {name: request.headers.get(alias, default) for name, alias, default in headers}
            asked = {name: _query(request, model) for name, model in models}
            response: Response = await self.endpoint(request, **request.path_params, **told, **asked)
            return response

        return handle


def shortcuts(routes: Iterable[BaseRoute]) -> Iterator[Route]:
    """To the direct ones among them, for the application to try first: to find and to enter one as FastAPI does takes
    half as long as all else.
    """
    direct = (route for route in routes if isinstance(route, DirectRoute))
    return (Route(route.path, _Direct(route), methods=["GET"], include_in_schema=False) for route in direct)


class _Direct:
    def __init__(self, route: DirectRoute) -> None:
        self.handle = route.get_route_handler()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.handle(Request(scope, receive, send))
        await response(scope, receive, send)


def _query(request: Request, model: Any) -> BaseModel:
    """Raises RequestValidationError, as FastAPI does."""
    try:
        asked: BaseModel = model.model_validate(dict(request.query_params))
    except ValidationError as error:
        raise RequestValidationError([{**one, "loc": ("query", *one["loc"])} for one in error.errors()]) from error
    return asked
