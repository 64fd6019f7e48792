"""A short run of `python -m tests.faults`."""

from pathlib import Path

import pytest

from byline.core.embedded import EmbeddedPostgres
from tests.conftest import create_database
from tests.faults.run import run


@pytest.mark.timeout(300)
async def test_what_was_acknowledged_outlives_the_processes(
    postgres: EmbeddedPostgres, worker_id: str, tmp_path: Path
) -> None:
    url = await create_database(postgres, f"byline_{worker_id}_faults")
    report = await run(url, tmp_path, kills=3, seed=18, writers=3, between=1.5, own_rescue=True)
    assert report.wrongs == [], report.table()
    for figure in ("saves acknowledged", "requests sent again", "messages told"):
        assert report.figures[figure], report.table()
