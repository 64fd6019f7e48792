from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import DateTime, String, func, inspect, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import InvalidRequestError

from byline.authors.models import Author
from byline.core.database import Base, Database
from byline.core.settings import Settings
from byline.posts.models import Post
from byline.tags.models import Tag
from tests import make
from tests.conftest import Sessions


def test_without_an_address_it_says_what_to_set() -> None:
    with pytest.raises(ValueError, match="BYLINE_DATABASE_URL"):
        Database(Settings(_env_file=None))


async def test_a_transaction_is_kept_whole(committing: Sessions) -> None:
    async with committing.begin() as session:
        await make.tag(session, "Kept")
    with pytest.raises(ZeroDivisionError):
        async with committing.begin() as session:
            await make.tag(session, "Lost")
            raise ZeroDivisionError
    async with committing.begin() as session:
        assert (await session.scalars(select(Tag.name))).all() == ["Kept"]


async def test_what_was_loaded_can_be_read_after_the_commit(committing: Sessions) -> None:
    async with committing.begin() as session:
        tag = await make.tag(session)
    assert (tag.name, tag.version) == ("Measurement", 1)


async def test_relations_are_never_loaded_by_accident(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        post = await make.post(session)
        with pytest.raises(InvalidRequestError):
            _ = post.tags
    relations = [relation for mapper in Base.registry.mappers for relation in mapper.relationships]
    assert {relation.lazy for relation in relations} <= {"raise"}


async def test_json_is_sent_as_it_is_read(app: FastAPI) -> None:
    value: dict[str, Any] = {"é": ["😀", None, 1.5, True]}
    async with app.state.database.engine.connect() as connection:
        sent, back = (await connection.execute(select(literal(value, JSONB).cast(String), literal(value, JSONB)))).one()
    assert back == value
    assert "é" in sent and "😀" in sent


async def test_times_are_in_utc(app: FastAPI) -> None:
    async with app.state.database.engine.connect() as connection:
        now = (await connection.execute(select(func.now()))).scalar_one()
    assert now.utcoffset() == datetime.now(UTC).utcoffset()


def test_every_constraint_has_a_name() -> None:
    for table in Base.metadata.sorted_tables:
        assert all(constraint.name for constraint in table.constraints)
        assert all(index.name for index in table.indexes)


def test_no_text_has_a_length_and_no_time_is_without_a_zone() -> None:
    columns = [column for table in Base.metadata.sorted_tables for column in table.columns]
    assert all(getattr(column.type, "length", None) is None for column in columns)
    times = [column.type for column in columns if isinstance(column.type, DateTime)]
    assert times and all(time.timezone for time in times)


@pytest.mark.parametrize(
    ("fields", "version"), [({}, 1), ({"name": "Ada"}, 1), ({"name": "Grace"}, 2), ({"name": "Grace", "bio": "x"}, 2)]
)
def test_a_change_is_a_new_version(fields: dict[str, str], version: int) -> None:
    before = datetime(2020, 1, 1, tzinfo=UTC)
    author = Author(name="Ada", slug="ada", bio=None, version=1, updated_at=before)
    author.change(fields)
    assert author.version == version
    assert {name: getattr(author, name) for name in fields} == fields
    assert (author.updated_at > before) == (version == 2)


def test_rows_have_a_key_before_they_are_stored() -> None:
    assert inspect(Post).primary_key[0].default is not None
