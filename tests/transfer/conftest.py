from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

Make = Callable[[Mapping[str, str | bytes]], Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a folder of the files that a mapping of paths to contents describes."""

    def write(files: Mapping[str, str | bytes]) -> Path:
        top = tmp_path / "site"
        for path, contents in files.items():
            file = top / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(contents.encode() if isinstance(contents, str) else contents)
        return top

    return write
