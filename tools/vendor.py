"""Fetch the files behind /docs and /redoc into the package: `python -m tools.vendor` (needs npm).

Browsers get them from Byline, so that the pages work without any other host. To move to another version, change it in
PACKAGES and run this again; `tests/core/test_docs.py` opens the pages in a browser.
"""

import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

ASSETS = Path(__file__).resolve().parents[1] / "src" / "byline" / "core" / "docs_assets"

# Redoc stays on 2.x: 3.x is twice the size and carries telemetry.
PACKAGES: dict[tuple[str, str], list[str]] = {
    ("swagger-ui-dist", "5.35.0"): [
        "swagger-ui-bundle.js",
        "swagger-ui.css",
        "favicon-32x32.png",
        "LICENSE",
        "NOTICE",
        "swagger-ui-bundle.js.LICENSE.txt",
    ],
    ("redoc", "2.5.4"): [
        "bundles/redoc.standalone.js",
        "LICENSE",
        "bundles/redoc.standalone.js.LICENSE.txt",
        "bundles/d87bcbdbea8f8f5aa26f.worker.js.LICENSE.txt",
    ],
}


def read_package(name: str, version: str, members: list[str]) -> dict[str, bytes]:
    """Return the wanted files of one npm package, by their path inside it."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", f"{name}@{version}", "--pack-destination", folder, "--silent"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        [tarball] = Path(folder).iterdir()
        with tarfile.open(tarball) as archive:
            archive.extractall(folder, filter="data")
        return {member: (Path(folder) / "package" / member).read_bytes() for member in members}


def main() -> None:
    shutil.rmtree(ASSETS, ignore_errors=True)
    manifest = {}
    for (name, version), members in PACKAGES.items():
        files = read_package(name, version, ["package.json", *members])
        licence = json.loads(files.pop("package.json"))["license"]
        for member, content in files.items():
            target = ASSETS / name / Path(member).name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            manifest[f"{name}/{target.name}"] = {
                "package": name,
                "version": version,
                "sha256": hashlib.sha256(content).hexdigest(),
                "licence": licence,
            }
            print(f"{name} {version}: {target.name}, {len(content):,} bytes")
    (ASSETS / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    main()
