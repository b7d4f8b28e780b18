"""The service models, as botocore keeps them: one folder per service, one per version."""

import csv
import gzip
import json
import re
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass
class Service:
    """One service in its newest version."""

    name: str
    metadata: dict
    operations: dict
    shapes: dict

    @property
    def signing_name(self):
        return self.metadata.get("signingName") or self.metadata["endpointPrefix"]

    def shape(self, name):
        return self.shapes[name]


def load(directory):
    """Every service, sorted by name."""
    services = []
    for folder in sorted(it for it in Path(directory).iterdir() if it.is_dir()):
        files = sorted(folder.glob("*/service-2.json.gz"))
        if files:
            model = json.loads(gzip.decompress(files[-1].read_bytes()))
            operations = dict(sorted(model["operations"].items()))
            services.append(Service(folder.name, model["metadata"], operations, model["shapes"]))
    return services


def table(name):
    """A table of this folder: rows of cells; lines that begin with `#` are remarks."""
    with open(HERE / name, encoding="utf-8", newline="") as file:
        lines = [line for line in file if line.strip() and not line.startswith("#")]
    return list(csv.reader(lines, delimiter="\t"))


READS = re.compile(
    "^(BatchDescribe|BatchGet|Describe|Get|Head|List|Lookup|Query|Scan|Search|Select)(?![a-z])"
)
WRITES = re.compile("^(Batch)?(Export|Start|Stop)(?![a-z])")


class ReadOnly:
    """What CloudTrail says in `readOnly`: the reviewed table, else the model, else the verb."""

    def __init__(self):
        self.table = {
            (service, name): word == "read" for service, name, word, _ in table("read_only.tsv")
        }

    def __call__(self, service, name):
        said = self.table.get((service.name, name))
        if said is not None:
            return said
        if service.operations[name].get("readonly") and not WRITES.match(name):
            return True
        return bool(READS.match(name))
