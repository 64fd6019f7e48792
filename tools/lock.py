"""Pin the dependencies, each with its hashes: `python -m tools.lock` (needs uv on PATH).

Pins that still fit are kept. More arguments go to `uv pip compile`: `--upgrade` takes the newest of everything.

    runtime.lock    Byline with its embedded PostgreSQL
    server.lock     Byline for a server with a PostgreSQL of its own: the container image
    dev.lock        runtime.lock and the tools; what `make setup` installs
    build.lock      what makes a wheel of Byline

The locks hold for every supported Python and platform, agree with each other, and name no package index.
"""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUNTIME = "requirements/runtime.lock"
FORMAT = ["--universal", "--python-version=3.11", "--generate-hashes", "--no-header", "--no-annotate"]
PRIVATE = ["--no-emit-index-url", "--no-emit-find-links"]


def pin(lock: str, *arguments: str, requirements: str | None = None) -> None:
    """Write one lock file; `requirements` is the text that stands for the file name `-`."""
    command = ["uv", "pip", "compile", "--quiet", *FORMAT, *PRIVATE, *sys.argv[1:], f"--output-file={lock}", *arguments]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, input=requirements, text=True)


def main() -> None:
    if shutil.which("uv") is None:
        sys.exit("tools.lock needs uv on PATH")
    build_system = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]
    pin(RUNTIME, "pyproject.toml", "--extra=local")
    pin("requirements/server.lock", "pyproject.toml", f"--constraints={RUNTIME}")
    pin("requirements/dev.lock", "pyproject.toml", "--extra=local", "--group=dev", f"--constraints={RUNTIME}")
    requirements = "\n".join(build_system["requires"])
    pin("requirements/build.lock", "-", "--constraints=requirements/dev.lock", requirements=requirements)


if __name__ == "__main__":
    main()
