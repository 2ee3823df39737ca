"""table_race.py FUNCTION FOLDER FIRST COMMITS - what one of the processes does that race in table_lancedb.py."""
import sys

import lancedb
import lancelet
from table_rows import pictures


def adder(folder, first, commits):
    for i in range(commits):
        lancelet.open(folder + "/t.lance").commit(rows=pictures(first + 10 * i, 10))


def deleter(folder, first, commits):
    for i in range(commits):
        ours = lancelet.open(folder + "/t.lance")
        rows = ours.scan(["id"], row_address=True)
        ours.commit(delete=[rows["_rowid"][rows["id"].to_pylist().index(first + i)].as_py()])


def lancedb_adder(folder, first, commits):
    table = lancedb.connect(folder).open_table("t")
    for i in range(commits):
        table.checkout_latest()
        table.add(pictures(first + 10 * i, 10))


def lancedb_deleter(folder, first, commits):
    table = lancedb.connect(folder).open_table("t")
    for i in range(commits):
        table.checkout_latest()
        table.delete(f"id = {first + i}")


if __name__ == "__main__":
    globals()[sys.argv[1]](sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
