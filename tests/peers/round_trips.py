"""Tables of a seed through both libraries: made, appended to, deleted from, updated, widened, narrowed, compacted and indexed by
ours and by LanceDB in turn, beside a plain pyarrow table that says what must be there. After every step both read all of it;
at the end every version is read again. Three stories a seed: LanceDB's alone, read by ours (file versions 2.0, 2.1, 2.2); ours
alone, read by LanceDB; and both in turn on one table."""
import datetime
import random

import lancedb
import lancelet
import pyarrow as pa
import pyarrow.compute as pc
from generated import Maker, same_rows

CHECK, CHECK_ALL = 110, 1050  # seeds of each story


class Ours:
    def __init__(self, path):
        self.path = path

    def create(self, rows):
        lancelet.create(self.path, rows)

    def open(self):
        return lancelet.open(self.path)

    def read(self, version=0):
        return lancelet.open(self.path, version).scan()

    def version(self):
        return self.open().info["version"]

    def append(self, rows):
        self.open().commit(rows=rows)

    def delete(self, condition):
        self.open().delete(condition)

    def upsert(self, rows):
        self.open().upsert(["id"], rows)

    def update(self, column, expression, condition):
        self.open().update({column: expression}, condition)

    def add_column(self, name, ids):
        column = pa.table({name: pc.add(ids, 1)})
        self.open().add_columns(column)

    def drop_column(self, name):
        self.open().drop_columns([name])

    def compact(self):
        self.open().compact()

    def order(self):
        return self.open().scan(["id"])["id"]


class LanceDB:
    def __init__(self, path, version):
        folder, self.name = path.rsplit("/", 1)
        self.name = self.name.removesuffix(".lance")
        self.db = lancedb.connect(folder, storage_options={"new_table_data_storage_version": version})

    def create(self, rows):
        self.db.create_table(self.name, rows, on_bad_vectors="null")

    def open(self):
        return self.db.open_table(self.name)

    def read(self, version=None):
        table = self.open()
        if version is not None:
            table.checkout(version)
        return table.to_arrow()

    def append(self, rows):
        self.open().add(rows, on_bad_vectors="null")

    def delete(self, condition):
        self.open().delete(condition)

    def upsert(self, rows):
        self.open().merge_insert("id").when_matched_update_all().when_not_matched_insert_all() \
            .execute(rows, on_bad_vectors="null")

    def update(self, column, expression, condition):
        self.open().update(where=condition, values_sql={column: expression})

    def add_column(self, name, ids):
        self.open().add_columns({name: "id + 1"})

    def drop_column(self, name):
        self.open().drop_columns([name])

    def compact(self):
        self.open().optimize(cleanup_older_than=datetime.timedelta(days=99))

    def index(self):
        self.open().create_index("id", config=lancedb.index.BTree())


class Story:
    """One table, the two who work on it, and what it must hold."""

    def __init__(self, path, seed, version, hands):
        self.r = random.Random(seed)
        self.make = Maker(seed, version)
        self.ours, self.theirs = Ours(path), LanceDB(path, version)
        self.hands = {"ours": [self.ours], "theirs": [self.theirs], "both": [self.ours, self.theirs]}[hands]
        self.next_id, self.past, self.done = 0, {}, []
        self.schema = self.make.schema()
        self.rows = self.fresh(self.make.size(self.schema))
        self.step("create", self.rows)
        self.where = (seed, version, hands)

    def fresh(self, n):
        rows = self.make.rows(self.schema, self.next_id, n)
        self.next_id += n
        return rows

    def step(self, what, *arguments):
        # ours makes tables of 2.1 only
        who = self.theirs if what == "create" and self.make.version == "2.2" else self.r.choice(self.hands)
        self.done.append((type(who).__name__, what))
        getattr(who, what)(*arguments)

    def some(self):
        """A condition on ids, and the rows that meet it."""
        low = self.r.randrange(max(1, self.next_id))
        high = low + self.r.choice((0, 3, 50, 600))
        text = self.r.choice((f"id >= {low} and id <= {high}", f"id between {low} and {high}"))
        return text, pc.and_(pc.greater_equal(self.rows["id"], low), pc.less_equal(self.rows["id"], high))

    def append(self):
        rows = self.fresh(self.r.choice((1, 2, 40)))
        self.step("append", rows)
        self.rows = pa.concat_tables([self.rows, rows])

    def delete(self):
        condition, met = self.some()
        self.step("delete", condition)
        self.rows = self.rows.filter(pc.invert(met))

    def upsert(self):
        ids = self.rows["id"].to_pylist()
        new = self.fresh(self.r.choice((0, 1, 20)))
        old = self.r.sample(ids, min(len(ids), self.r.choice((1, 10))))
        rows = pa.concat_tables([self.make.rows(self.schema, 0, len(old)).set_column(0, "id", pa.array(old, pa.int64())), new])
        if rows.num_rows == 0:
            return
        self.step("upsert", rows)
        kept = self.rows.filter(pc.invert(pc.is_in(self.rows["id"], pa.array(old, pa.int64()))))
        self.rows = pa.concat_tables([kept, rows])

    def update(self):
        """To null, in a column of any type that can be null in a literal."""
        column = self.r.randrange(1, len(self.schema))
        field = self.schema.field(column)
        if pa.types.is_nested(field.type) or pa.types.is_dictionary(field.type) or not self.rows.num_rows:
            return
        condition, met = self.some()
        self.step("update", field.name, "NULL", condition)
        nulls = pa.chunked_array([pa.nulls(self.rows.num_rows, field.type)])
        self.rows = self.rows.set_column(column, field, choose(met, nulls, self.rows[field.name]))

    def add_column(self):
        name = f"added{len(self.done)}"
        self.step("add_column", name, self.ours.order())
        self.schema = self.schema.append(pa.field(name, pa.int64()))
        self.rows = self.rows.append_column(name, pc.add(self.rows["id"], 1))

    def drop_column(self):
        if len(self.schema) < 3:
            return
        name = self.schema.field(self.r.randrange(1, len(self.schema))).name
        self.step("drop_column", name)
        self.rows = self.rows.drop_columns([name])
        self.schema = self.rows.schema

    def compact(self):
        self.step("compact")

    def index(self):
        if self.theirs in self.hands and self.rows.num_rows:
            self.theirs.index()
            self.done.append(("LanceDB", "index"))

    def check(self):
        where = (*self.where, *self.done[-3:])
        same_rows(self.ours.read(), self.rows, ("ours", *where))
        same_rows(self.theirs.read(), self.rows, ("theirs", *where))
        self.past[self.ours.version()] = self.rows

    def tell(self):
        self.check()
        steps = [self.append, self.append, self.delete, self.upsert, self.update, self.add_column, self.drop_column,
                 self.compact, self.index]
        for step in self.r.choices(steps, k=self.r.randint(1, 5)):
            step()
            self.check()
        if self.theirs in self.hands:  # an index answers for rows that ours wrote, updated and compacted
            for some in self.r.sample(self.rows["id"].to_pylist(), min(3, self.rows.num_rows)):
                found = self.theirs.open().search().where(f"id = {some}").select(["id"]).to_arrow()
                assert found["id"].to_pylist() == [some], (self.where, self.done, some)
        for version, rows in self.past.items():
            same_rows(self.ours.read(version), rows, ("ours", *self.where, "version", version))
            same_rows(self.theirs.read(version), rows, ("theirs", *self.where, "version", version))


def choose(met, yes, no):
    """if_else for any type."""
    picked = pa.concat_tables([pa.table({"v": yes}), pa.table({"v": no})])
    n = len(no)
    met = met.combine_chunks().to_pylist()
    return picked.take(pa.array([i if m else n + i for i, m in enumerate(met)], pa.int64()))["v"]


def tell(t, hands, versions):
    for seed in range(CHECK_ALL if t.run_all else CHECK):
        version = versions[seed % len(versions)]
        story = None
        try:
            story = Story(str(t.tmp / f"{hands}{seed}.lance"), seed, version, hands)
            story.tell()
        except Exception as e:
            done = story.done if story else "at its beginning"
            raise AssertionError(f"seed {seed}, file version {version}, {hands}, {done}: {e}") from e


def test_tables_that_lancedb_worked_on_are_read_value_by_value(t):
    tell(t, "theirs", ("2.0", "2.1", "2.2"))


def test_tables_that_ours_worked_on_are_read_by_lancedb_value_by_value(t):
    tell(t, "ours", ("2.1",))


def test_tables_that_both_worked_on_in_turn_hold_what_they_must(t):
    tell(t, "both", ("2.1", "2.2"))
