#!/usr/bin/env python3
"""Reads the built-in store's table as another engine does, by PyIceberg.

    iceberg_table.py CATALOG_DB LAKE_FOLDER                 prints rows, files and newest event as JSON
    iceberg_table.py CATALOG_DB LAKE_FOLDER --delete FILTER deletes rows first, as their owner may

Needs `pip install 'pyiceberg[sql-sqlite,pyarrow]'`. Fails when what the table says of itself (the
snapshot's summary, the manifests' row counts) is not what its files hold.
"""

import argparse
import json
import sys

from pyiceberg.catalog.sql import SqlCatalog


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("catalog_db")
    arguments.add_argument("lake_folder")
    arguments.add_argument("--delete", metavar="FILTER")
    given = arguments.parse_args()

    catalog = SqlCatalog(
        "trailmark", uri=f"sqlite:///{given.catalog_db}", warehouse=f"file://{given.lake_folder}"
    )
    table = catalog.load_table("lake.events")
    if given.delete:
        table.delete(given.delete)
        table = catalog.load_table("lake.events")

    rows = table.scan().to_arrow()
    tasks = list(table.scan().plan_files())
    counted = sum(task.file.record_count for task in tasks)
    told = int(table.current_snapshot().summary["total-records"])
    newest = table.scan(
        row_filter="category == 'Management' and eventtime >= '2020-01-01T00:00:00+00:00'",
        selected_fields=("eventtime", "eventid", "account", "resourcenames", "record"),
    ).to_arrow()
    print(
        json.dumps(
            {
                "rows": rows.num_rows,
                "files": len(tasks),
                "ids": sorted(rows.column("eventid").to_pylist()),
                "management": newest.num_rows,
                "columns": rows.column_names,
            }
        )
    )
    for record in newest.column("record").to_pylist():
        json.loads(record)
    if not rows.num_rows == counted == told:
        print(f"{rows.num_rows} rows, manifests say {counted}, summary {told}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
