"""table_race.py FUNCTION FOLDER FIRST COMMITS - what one of the processes does that race in table_lancedb.py; and the race
itself, of writers that append, delete, update and upsert: no row lost, none twice, every value right, every version whole."""
import json
import os
import random
import subprocess
import sys
import time

import lancedb
import lancelet
import pyarrow as pa
from table_rows import pictures

OWN = 1000  # ids that belong to a process: first ... first + OWN - 1; below OWN are the counters, which belong to all
COUNTERS = 3


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


# ---- writers that do everything ----

def numbers(values):
    return pa.table({"id": pa.array(list(values), pa.int64()), "n": pa.array(list(values.values()), pa.int64())})


class Ours:
    def __init__(self, folder):
        self.path = folder + "/t.lance"

    def open(self):
        return lancelet.open(self.path)

    def append(self, values):
        self.open().commit(rows=numbers(values))

    def delete(self, condition):
        self.open().delete(condition)

    def update(self, expression, condition):
        self.open().update({"n": expression}, condition)

    def upsert(self, values):
        self.open().upsert(["id"], numbers(values))

    def compact(self):
        self.open().compact()


class LanceDB:
    def __init__(self, folder):
        self.table = lancedb.connect(folder).open_table("t")

    def open(self):
        self.table.checkout_latest()
        return self.table

    def append(self, values):
        self.open().add(numbers(values))

    def delete(self, condition):
        self.open().delete(condition)

    def update(self, expression, condition):
        self.open().update(where=condition, values_sql={"n": expression})

    def upsert(self, values):
        self.open().merge_insert("id").when_matched_update_all().when_not_matched_insert_all().execute(numbers(values))

    def compact(self):
        self.open().optimize()


def everything(hands, folder, first, commits):
    """Leaves in <folder>/<first>.json what its own rows must be and how often it raised each counter."""
    dice = random.Random(first)
    mine, raised, refused, next_id, done = {}, [0] * COUNTERS, 0, first, 0
    while done < commits:
        kind = dice.choice(["append", "append", "delete", "update", "upsert", "raise", "raise"] + ["compact"] * (dice.random() < 0.2))
        some = dice.sample(sorted(mine), min(len(mine), dice.randrange(1, 6)))
        listed = f"id in ({', '.join(map(str, some))})"
        if kind in ("delete", "update") and not some:
            kind = "append"
        try:
            if kind == "append":
                values = {i: dice.randrange(1000) for i in range(next_id, next_id + dice.randrange(1, 5))}
                hands.append(values)
            elif kind == "delete":
                hands.delete(listed)
            elif kind == "update":
                hands.update("n + 1", listed)
            elif kind == "upsert":
                values = {i: dice.randrange(1000) for i in [*some, next_id]}
                hands.upsert(values)
            elif kind == "raise":
                counter = dice.randrange(COUNTERS)
                hands.update("n + 1", f"id = {counter}")
            else:
                hands.compact()
        except Exception as e:  # who tried often enough in vain may say so; then nothing was done
            if "onflict" not in str(e) and "CONFLICT" not in str(e) and "contention" not in str(e):
                raise
            refused += 1
            continue
        if kind in ("append", "upsert"):
            mine.update(values)
            next_id = max(next_id, *[i + 1 for i in values])
        elif kind == "delete":
            for i in some:
                del mine[i]
        elif kind == "update":
            for i in some:
                mine[i] += 1
        elif kind == "raise":
            raised[counter] += 1
        done += kind != "compact"
    assert next_id < first + OWN
    with open(f"{folder}/{first}.json", "w") as f:
        json.dump({"rows": list(mine.items()), "raised": raised, "refused": refused}, f)


def ours_all(folder, first, commits):
    everything(Ours(folder), folder, first, commits)


def lancedb_all(folder, first, commits):
    everything(LanceDB(folder), folder, first, commits)


def sweeper(folder, first, commits):
    """Cleans up in a loop until <folder>/stop is there; versions of the last seconds stay."""
    while not os.path.exists(folder + "/stop"):
        lancelet.cleanup(folder + "/t.lance", older_than_us=first * 1000)


def slow_adder(folder, first, commits):
    """Pauses while its data file is written, and between the file and the commit."""
    def batches():
        for i in range(4):
            time.sleep(0.05)
            yield from numbers({first + 10 * done + i: i}).to_batches()
        time.sleep(0.1)
    for done in range(commits):
        lancelet.open(folder + "/t.lance").commit(rows=pa.RecordBatchReader.from_batches(numbers({}).schema, batches()))


def start(folder, name, first, commits):
    return subprocess.Popen([sys.executable, os.path.abspath(__file__), name, folder, str(first), str(commits)])


def check_race(folder, firsts):
    want, raised, refused = {}, [0] * COUNTERS, []
    for first in firsts:
        with open(f"{folder}/{first}.json") as f:
            told = json.load(f)
        want.update(map(tuple, told["rows"]))
        raised = [a + b for a, b in zip(raised, told["raised"])]
        refused.append(told["refused"])
    want.update(enumerate(raised))
    ours, table = lancelet.open(folder + "/t.lance"), lancedb.connect(folder).open_table("t")
    assert ours.info["version"] == table.version
    for read in (ours.scan(), table.to_arrow()):
        rows = list(zip(read["id"].to_pylist(), read["n"].to_pylist()))
        assert len(rows) == len(dict(rows)), "a row is there twice"
        assert dict(rows) == want, [(i, dict(rows).get(i), want.get(i)) for i in {*dict(rows), *want} if dict(rows).get(i) != want.get(i)]
    for version in range(1, table.version + 1):
        table.checkout(version)
        theirs, mine = table.to_arrow(), lancelet.open(folder + "/t.lance", version).scan()
        assert theirs.sort_by("id").to_pydict() == mine.sort_by("id").to_pydict(), version
        ids = mine["id"].to_pylist()
        assert len(ids) == len(set(ids)) and set(range(COUNTERS)) <= set(ids), version
    return table.version - 1, refused


def race(t, names, commits):
    folder = str(t.tmp)
    lancelet.create(folder + "/t.lance", numbers(dict.fromkeys(range(COUNTERS), 0)))
    firsts = [OWN * (i + 1) for i in range(len(names))]
    writers = [start(folder, name, first, commits) for name, first in zip(names, firsts)]
    assert [p.wait() for p in writers] == [0] * len(writers)
    made, refused = check_race(folder, firsts)
    assert made >= len(names) * commits, made
    print(f"      {made} commits of {', '.join(names)}; refused after many tries: {refused}", flush=True)


def test_four_writers_of_both_libraries_lose_no_row_and_double_none(t):
    race(t, ["ours_all", "lancedb_all", "ours_all", "lancedb_all"], 150 if t.run_all else 25)


def test_four_writers_of_ours_lose_no_row_and_double_none(t):
    race(t, ["ours_all"] * 4, 150 if t.run_all else 25)


def test_a_cleanup_in_a_loop_takes_nothing_from_writers_beside_it(t):
    folder, commits = str(t.tmp), 20 if t.run_all else 5
    lancelet.create(folder + "/t.lance", numbers({0: 0}))
    sweep = start(folder, "sweeper", 2000, 0)  # milliseconds: longer than a commit takes that builds on a version
    writers = [start(folder, "slow_adder", 1000, commits), start(folder, "slow_adder", 2000, commits)]
    for i in range(commits * 3):
        ours = lancelet.open(folder + "/t.lance")
        ours.update({"n": "n + 1"}, "id = 0")
    assert [p.wait() for p in writers] == [0, 0]
    open(folder + "/stop", "w").close()
    assert sweep.wait() == 0
    time.sleep(0.01)
    lancelet.cleanup(folder + "/t.lance", older_than_us=1)
    want = {0: commits * 3, **{first + 10 * c + i: i for first in (1000, 2000) for c in range(commits) for i in range(4)}}
    for read in (lancelet.open(folder + "/t.lance").scan(), lancedb.connect(folder).open_table("t").to_arrow()):
        assert dict(zip(read["id"].to_pylist(), read["n"].to_pylist())) == want and read.num_rows == len(want)


if __name__ == "__main__":
    globals()[sys.argv[1]](sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
