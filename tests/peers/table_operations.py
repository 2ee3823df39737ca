"""Seeded sequences of operations on one table, each done by ours or by LanceDB as the dice fall, beside a plain Python model
that says what must be there: after every step both libraries read every value, LanceDB also through its indexes; at the end
every version is read again by both."""
import datetime
import random
import subprocess

import lancedb
import lancelet
import pyarrow as pa

CHECK, CHECK_ALL = 40, 400  # sequences
STEPS = 14

TYPES = {"id": pa.int64(), "n": pa.int32(), "text": pa.string(), "flag": pa.bool_(), "vector": pa.list_(pa.float32(), 4)}
MADE = {"whole": pa.int64(), "real": pa.float64(), "words": pa.large_string(), "when": pa.timestamp("us")}
WORDS = ["dog", "cat", "a red car", "", "two trees", "Straße"]


def value(dice, type_):
    if dice.random() < 0.2:
        return None
    if pa.types.is_boolean(type_):
        return dice.random() < 0.5
    if pa.types.is_integer(type_):
        return dice.randrange(-50, 50)
    if pa.types.is_floating(type_):
        return dice.randrange(-400, 400) / 8
    if pa.types.is_timestamp(type_):
        return datetime.datetime(2026, 1, 1) + datetime.timedelta(seconds=dice.randrange(10**7), microseconds=dice.randrange(10**6))
    if pa.types.is_fixed_size_list(type_):
        return [dice.randrange(-64, 64) / 4 for _ in range(type_.list_size)]
    return dice.choice(WORDS) + str(dice.randrange(30))


class Sequence:
    def __init__(self, t, seed):
        self.dice = random.Random(seed)
        self.folder = str(t.tmp / f"s{seed}")
        self.path = self.folder + "/t.lance"
        self.types = dict(TYPES)
        self.rows = {}  # id: {column: value}
        self.next_id = 0
        self.made = 0  # columns that were added
        self.past = {}  # version: (types, rows)
        self.indexed = set()
        self.log = []

    # ---- the model ----

    def fresh(self, n):
        rows = []
        for _ in range(n):
            rows.append({c: self.next_id if c == "id" else value(self.dice, y) for c, y in self.types.items()})
            self.next_id += 1
        return rows

    def table(self, rows, columns=None):
        columns = columns or list(self.types)
        return pa.table({c: pa.array([r.get(c) for r in rows], self.types[c]) for c in columns})

    def condition(self):
        """Text, and which rows it takes."""
        choices = [("id % 3 = 1", lambda r: r["id"] % 3 == 1)]
        low = self.dice.randrange(0, self.next_id + 1)
        high = low + self.dice.randrange(0, 40)
        choices += [(f"id >= {low} and id < {high}", lambda r: low <= r["id"] < high), (f"id = {low}", lambda r: r["id"] == low)]
        if "n" in self.types:
            k = self.dice.randrange(-50, 50)
            choices += [(f"n > {k}", lambda r: r["n"] is not None and r["n"] > k), ("n is null", lambda r: r["n"] is None)]
        if "text" in self.types:
            w = self.dice.choice(WORDS)
            choices += [(f"text like '{w}%'", lambda r: r["text"] is not None and r["text"].startswith(w)),
                        (f"text is not null and id < {low}", lambda r: r["text"] is not None and r["id"] < low)]
        if "flag" in self.types:
            choices += [("flag", lambda r: r["flag"] is True), (f"not flag or id = {low}", lambda r: r["flag"] is False or r["id"] == low)]
        return self.dice.choice(choices)

    def mean(self):
        condition, takes = self.condition()
        return condition, [r for r in self.rows.values() if takes(r)]

    # ---- both libraries ----

    def db(self, version="2.2"):
        return lancedb.connect(self.folder, storage_options={"new_table_data_storage_version": version})

    def theirs(self):
        return self.db().open_table("t")

    def ours(self, version=0):
        return lancelet.open(self.path, version)

    def create(self):
        rows = self.fresh(self.dice.randrange(1, 60))
        if self.dice.random() < 0.5:
            lancelet.create(self.path, self.table(rows))
        else:
            self.db(self.dice.choice(["2.1", "2.2"])).create_table("t", self.table(rows), on_bad_vectors="null")
        self.rows = {r["id"]: r for r in rows}

    # ---- operations: `mine` says whose hands ----

    def append(self, mine):
        rows = self.fresh(self.dice.choice([1, 3, 20, 50]))
        if mine and self.dice.random() < 0.3 and "n" in self.types:
            for r in rows:
                r["n"] = None
            self.ours().commit(rows=self.table(rows, [c for c in self.types if c != "n"]))
        elif mine:
            self.ours().commit(rows=self.table(rows))
        else:
            self.theirs().add(self.table(rows), on_bad_vectors="null")
        self.rows.update({r["id"]: r for r in rows})

    def delete(self, mine):
        condition, meant = self.mean()
        if len(meant) == len(self.rows):
            return self.append(mine)
        if mine:
            _, n = self.ours().delete(condition)
            assert n == len(meant), (condition, n, len(meant))
        else:
            self.theirs().delete(condition)
        for r in meant:
            del self.rows[r["id"]]

    def update(self, mine):
        condition, meant = self.mean()
        k = self.dice.randrange(-9, 9)
        sets = [(c, e, f) for c, e, f in [
            ("n", f"n + {k}", lambda r: None if r["n"] is None else r["n"] + k), ("n", str(k), lambda r: k),
            ("text", "'it''s new'", lambda r: "it's new"), ("text", "lower(text)", lambda r: r["text"] and r["text"].lower()),
            ("flag", "n > 0" if "n" in self.types else "false", lambda r: (None if r["n"] is None else r["n"] > 0)
             if "n" in self.types else False), ("text", "null", lambda r: None)] if c in self.types]
        if not sets:
            return self.append(mine)
        column, expression, new = self.dice.choice(sets)
        if mine:
            _, n = self.ours().update({column: expression}, condition)
            assert n == len(meant), (condition, n, len(meant))
        else:
            self.theirs().update(where=condition, values_sql={column: expression})
        for r in [dict(r) for r in meant]:
            self.rows[r["id"]] = {**r, column: new(r)}

    def upsert(self, mine):
        ids = self.dice.sample(sorted(self.rows), min(len(self.rows), self.dice.randrange(0, 12)))
        rows = self.fresh(self.dice.randrange(0 if ids else 1, 6))
        for i in ids:
            rows.append({c: i if c == "id" else value(self.dice, y) for c, y in self.types.items()})
        self.dice.shuffle(rows)
        if mine:
            _, report = self.ours().upsert(["id"], self.table(rows))
            assert report == {"inserted": len(rows) - len(ids), "updated": len(ids)}, report
        else:
            merge = self.theirs().merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
            merge.execute(self.table(rows), on_bad_vectors="null")
        self.rows.update({r["id"]: r for r in rows})

    def add_column(self, mine):
        kind, type_ = self.dice.choice(list(MADE.items()))
        self.made += 1
        name = f"{kind}{self.made}"
        if mine and self.dice.random() < 0.7:
            order = self.ours().scan(["id"])["id"].to_pylist()
            values = {i: value(self.dice, type_) for i in order}
            self.ours().add_columns(pa.table({name: pa.array([values[i] for i in order], type_)}))
        elif mine:
            values = dict.fromkeys(self.rows)
            self.ours().add_columns(pa.schema([(name, type_)]).empty_table())
        else:
            type_ = pa.int64()
            values = {i: i + 1 for i in self.rows}
            self.theirs().add_columns({name: "id + 1"})
        self.types[name] = type_
        for i, r in self.rows.items():
            self.rows[i] = {**r, name: values[i]}

    def drop_column(self, mine):
        names = [c for c in self.types if c not in ("id", "vector")]
        if not names:
            return self.add_column(mine)
        name = self.dice.choice(names)
        if mine:
            self.ours().drop_columns([name])
        else:
            self.theirs().drop_columns([name])
        del self.types[name]
        self.indexed.discard(name)
        for i, r in self.rows.items():
            self.rows[i] = {c: v for c, v in r.items() if c != name}

    def restore(self, mine):
        version = self.dice.choice(list(self.past))
        if mine:
            self.ours(version).restore()
        else:
            self.theirs().restore(version)
        types, rows, indexed = self.past[version]
        self.types, self.rows, self.indexed = dict(types), dict(rows), set(indexed)

    def compact(self, mine):
        if mine:
            self.ours().compact()
        else:
            self.theirs().optimize()

    def index(self, mine):
        """LanceDB's to make in both cases."""
        name, config = self.dice.choice([("id", lancedb.index.BTree()), ("n", lancedb.index.Bitmap()), ("text", lancedb.index.FTS())])
        if name in self.types:
            self.theirs().create_index(name, config=config)
            self.indexed.add(name)

    def tag(self, mine):
        version = self.dice.choice(list(self.past))
        name = f"tag{len(self.log)}"
        if mine:
            self.ours(version).tag(name)
        else:
            self.theirs().tags.create(name, version)
        assert lancelet.tags(self.path)[name] == self.theirs().tags.list()[name]["version"] == version

    # ---- checks ----

    def same(self, read, types, rows, who):
        assert read.schema.names == list(types), (who, read.schema.names, list(types), self.log)
        assert list(read.schema.types) == list(types.values()), (who, read.schema.types, self.log)
        got = {r["id"]: r for r in read.to_pylist()}
        assert len(got) == read.num_rows, (who, "an id is there twice", self.log)
        assert got == rows, (who, self.log, [(got.get(i), rows.get(i)) for i in sorted({*got, *rows}) if got.get(i) != rows.get(i)][:3])

    def check(self):
        ours, theirs = self.ours(), self.theirs()
        assert ours.info["version"] == theirs.version, self.log
        self.same(ours.scan(), self.types, self.rows, "ours")
        self.same(theirs.to_arrow(), self.types, self.rows, "LanceDB's")
        for _ in range(2 if self.indexed else 0):  # through its indexes
            condition, meant = self.mean()
            found = sorted(r["id"] for r in theirs.search().where(condition).select(["id"]).limit(10**6).to_list())
            assert found == sorted(r["id"] for r in meant), (condition, self.log)
            assert ours.count(condition) == len(meant), (condition, self.log)
        if "text" in self.indexed and self.rows:
            found = sorted(r["id"] for r in theirs.search("trees2", query_type="fts").select(["id"]).limit(10**6).to_list())
            assert found == sorted(i for i, r in self.rows.items() if "trees2" in (r["text"] or "").split()), self.log
        self.past[ours.info["version"]] = dict(self.types), dict(self.rows), set(self.indexed)

    def run(self):
        self.create()
        self.check()
        operations = [self.append, self.append, self.delete, self.delete, self.update, self.update, self.upsert, self.upsert,
                      self.add_column, self.drop_column, self.restore, self.compact, self.compact, self.index, self.tag]
        for _ in range(STEPS):
            operation, mine = self.dice.choice(operations), self.dice.random() < 0.6
            self.log.append(f"{self.theirs().version} {operation.__name__} {'ours' if mine else 'LanceDB'}")
            operation(mine)
            self.check()
        for version, (types, rows, _) in self.past.items():
            self.same(self.ours(version).scan(), types, rows, f"ours, version {version}")
            theirs = self.theirs()
            theirs.checkout(version)
            self.same(theirs.to_arrow(), types, rows, f"LanceDB's, version {version}")


def test_sequences_of_operations_by_both_libraries_leave_what_a_model_says(t):
    for seed in range(CHECK_ALL if t.run_all else CHECK):
        sequence = Sequence(t, seed)
        try:
            sequence.run()
        except Exception as e:
            raise AssertionError(f"sequence {seed}: {e}; {sequence.log}") from e
        subprocess.run(["rm", "-r", sequence.folder], check=True)
