"""Where the real blogs, exports and hostile inputs are that some tests read. They are not part of this project."""

import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("BYLINE_CORPORA", Path(__file__).resolve().parents[2] / "shared" / "corpora"))


def corpus(name: str) -> Path:
    """The folder of one corpus; skips the test where it is absent."""
    folder = ROOT / name
    if not folder.is_dir():
        pytest.skip(f"no corpus {name!r}: set BYLINE_CORPORA to the folder that holds it")
    return folder
