#!/usr/bin/env python3
"""Writes what Trailmark knows about AWS services, from the models in botocore.

Lives here: the versions, the way to the models, and what is written where.
Lives elsewhere: the catalogue (`catalogue.py`), decisions on sensitive members (`decisions.py`),
typed shapes (`shapes.py`).

Run it by `make generate`. It fetches botocore from PyPI into a temporary directory, needs nothing
else, and writes the same bytes for the same versions.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

BOTOCORE = "1.44.5"
ZSTANDARD = "0.25.0"

HERE = Path(__file__).resolve().parent
WIRE = HERE.parent.parent / "crates" / "wire" / "src"


def fetch(directory, dependencies=False):
    """Installs the models, and the compressor that Python lacks, into a directory of their own."""
    packages = [f"botocore=={BOTOCORE}", f"zstandard=={ZSTANDARD}"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", directory]
    options = ["--disable-pip-version-check", "--root-user-action=ignore"]
    options += [] if dependencies else ["--no-deps"]
    subprocess.run([*command, *options, *packages], check=True)
    sys.path.insert(0, directory)


def main():
    """Writes everything, and prints the counts that reviewers compare."""
    sys.path.insert(0, str(HERE))
    with tempfile.TemporaryDirectory(prefix="trailmark-generate-") as directory:
        fetch(directory)
        import catalogue
        import decisions
        import models
        import shapes

        services = models.load(Path(directory) / "botocore" / "data")
        decided = decisions.decide(services, HERE / "redaction.tsv")
        catalogue.write(services, decided, WIRE / "catalogue" / "services.bin")
        shapes.write(services, WIRE / "generated")


if __name__ == "__main__":
    main()
