"""`python -m tests.faults --kills 200 --seed 1`: kills Byline at random moments, and looks whether anything is lost."""

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

from byline.core.embedded import EmbeddedPostgres
from tests.faults.run import run


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    arguments.add_argument("--kills", type=int, default=200)
    arguments.add_argument(
        "--seed", type=int, default=random.randrange(10**6), help="the same moments and wishes again"
    )
    arguments.add_argument("--writers", type=int, default=6)
    given = arguments.parse_args()
    print(f"{given.kills} kills, seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "postgres") as server:
        report = asyncio.run(
            run(server.url(), Path(folder), kills=given.kills, seed=given.seed, writers=given.writers, say=print)
        )
    print(report.table())
    sys.exit(1 if report.wrongs else 0)


main()
