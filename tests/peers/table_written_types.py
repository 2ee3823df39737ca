"""Every type that ours writes, in the shapes that are hard to lay out in pages, read by LanceDB value by value: tables of a
seed in file versions 2.1 and 2.2, then lists longer than a chunk and than a page, long runs of lists without values, deep
nesting, vectors with null numbers, dictionaries. LanceDB also takes, filters and rewrites what ours wrote, and each library
adds rows to the other's table."""
import os
import random

import lancedb
import lancelet
import pyarrow as pa
from generated import Maker, same_rows

CHECK, CHECK_ALL = 30, 600  # seeds
VERSIONS = ("2.1", "2.2")


class Place:
    """A table that both libraries know under one name."""
    def __init__(self, t, name, version):
        self.db, self.name, self.version = lancedb.connect(str(t.tmp)), name, version
        self.path = str(t.tmp / f"{name}.lance")

    def create(self, rows):
        """By ours in 2.1, by LanceDB without rows in 2.2; ours writes the rows."""
        if self.version == "2.1":
            lancelet.create(self.path, rows)
        else:
            self.db.create_table(self.name, schema=rows.schema)
            lancelet.open(self.path).commit(rows=rows)

    def theirs(self):
        return self.db.open_table(self.name)

    def ours(self):
        return lancelet.open(self.path)

    def file_version(self):
        return self.ours().info["data_version"].decode()


def batches(table, n):
    return pa.Table.from_batches(table.to_batches(max(1, table.num_rows // n)), table.schema)


def rows_at(table, at):
    return pa.concat_tables([table.slice(i, 1) for i in at]) if at else table.slice(0, 0)


def take_and_filter(place, rows, seed, where):
    at = sorted(random.Random(seed).sample(range(rows.num_rows), min(7, rows.num_rows)))
    if not at:
        return
    want = rows_at(rows, at)
    same_rows(place.theirs().take_offsets(at).to_arrow().select(rows.column_names), want, (where, "taken"))
    ids = ", ".join(str(i) for i in want["id"].to_pylist())
    same_rows(place.theirs().search().where(f"id in ({ids})").to_arrow(), want, (where, "filtered"))


def test_tables_of_a_seed_written_by_ours_are_read_taken_and_rewritten_by_lancedb(t):
    for seed in range(CHECK_ALL if t.run_all else CHECK):
        version = VERSIONS[seed % 2]
        maker, where = Maker(seed, version), (seed, version)
        schema = maker.schema()
        first, second, third = (maker.rows(schema, n, maker.size(schema)) for n in (0, 10_000, 20_000))
        place = Place(t, f"t{seed}", version)
        place.create(first)
        assert place.file_version() == version
        same_rows(place.theirs().to_arrow(), first, (where, "created"))
        place.ours().commit(rows=batches(second, 3))
        rows = pa.concat_tables([first, second])
        same_rows(place.theirs().to_arrow(), rows, (where, "added to by ours"))
        take_and_filter(place, rows, seed, where)
        place.theirs().add(third)
        place.theirs().optimize()
        rows = pa.concat_tables([rows, third])
        same_rows(place.theirs().to_arrow(), rows, (where, "added to by LanceDB and compacted"))
        same_rows(place.ours().scan(), rows, (where, "read by ours"))


def lists(sizes, item, value, large=False):
    """sizes: items of each list, None: a null list. value(i): item i."""
    values, offsets, nulls = [], [0], []
    for size in sizes:
        values += [value(len(values) + i) for i in range(size or 0)]
        offsets.append(len(values))
        nulls.append(size is None)
    kind, width = (pa.LargeListArray, pa.int64()) if large else (pa.ListArray, pa.int32())
    t = pa.large_list(item) if large else pa.list_(item)
    return kind.from_arrays(pa.array(offsets, width), pa.array(values, item), t, mask=pa.array(nulls, pa.bool_()))


def seldom(i):
    return None if i % 7 == 3 else i % 100


def hard_columns():
    text, vector = pa.utf8(), pa.list_(pa.float32(), 4)
    longer = [5000, 0, 1, None, 20_000, 4096, 2, 0, 0, 3]
    empty = [3] + [0] * 30_000 + [None] * 5_000 + [2] + [0] * 20_000
    yield "longer than chunks", lists(longer, pa.int32(), seldom)
    yield "longer than chunks, bool", lists(longer, pa.bool_(), lambda i: i % 3 == 0)
    yield "longer than chunks, text", lists(longer, text, lambda i: "x" * (i % 40), True)
    yield "longer than chunks, long text", lists([500, None, 0, 3], text, lambda i: "y" * (i * 5))
    some = [500, None, 0, 3]
    yield "longer than chunks, vectors", lists(some, vector, lambda i: None if i % 9 == 4 else [i, i + .5, None, 0])
    yield "longer than chunks, long vectors", lists(some, pa.list_(pa.float32(), 200), lambda i: [float(i)] * 200)
    yield "longer than chunks, dictionary", lists(longer, pa.dictionary(pa.int16(), text), lambda i: f"word {i % 50}")
    yield "hardly a value", lists(empty, pa.int64(), seldom)
    yield "hardly a value, bool", lists(empty, pa.bool_(), lambda i: i == 1)
    yield "hardly a value, text", lists(empty, text, str)
    yield "no value", lists([0, None] * 5000, pa.int16(), seldom)
    yield "longer than a page", lists([900_000, None, 400_000, 0, 5], pa.int64(), lambda i: i)
    yield "more than a page", lists([300] * 4000, pa.int64(), lambda i: i)
    yield "list of lists", pa.array([[[1] * 3000, [], None, [2] * 5000], None, [], [[]] * 9000 + [[3]], [None] * 3],
                                    pa.list_(pa.list_(pa.int32())))
    structs = [{"a": i, "b": None if i % 5 == 0 else str(i)} if i % 11 else None for i in range(9000)]
    yield "list of structs", pa.array([structs, None, [], [None]], pa.list_(pa.struct([("a", pa.int32()), ("b", text)])))
    yield "struct of lists", pa.array([{"a": list(range(i % 3000)), "b": {"c": None if i % 4 == 0 else "z" * i}} if i % 6 else None
                                       for i in range(200)],
                                      pa.struct([("a", pa.list_(pa.int16())), ("b", pa.struct([("c", text)]))]))
    innermost = pa.struct([("c", pa.int64())])
    yield "structs in structs", pa.array([None if i % 9 == 0 else {"a": None if i % 7 == 0 else {"b": {"c": i} if i % 5 else None}}
                                          for i in range(5000)], pa.struct([("a", pa.struct([("b", innermost)]))]))
    yield "null numbers", pa.array([[None if i % 3 == 0 and k == i % 100 else i + k / 4 for k in range(100)] if i % 50 else None
                                    for i in range(3000)], pa.list_(pa.float64(), 100))
    yield "null bits", pa.array([[None if k == i % 9 else k % 2 == 0 for k in range(9)] if i % 50 else None for i in range(9000)],
                                pa.list_(pa.bool_(), 9))
    pair = pa.list_(pa.list_(pa.float32(), 3), 2)
    yield "lists of a fixed size in one another", pa.array([[[i, i + 1, i + 2], [3, 4, 5]] for i in range(9000)], pair)
    yield "the same with nulls", pa.array([None if i % 50 == 0 else [None if i % 7 == 0 else [i, None if i % 5 == 0 else 1, 2],
                                           None if i % 9 == 0 else [3, 4, i]] for i in range(9000)], pair)
    wide = pa.list_(pa.list_(pa.float64(), 9), 11)
    yield "the same, wide", pa.array([[[i + k] * 9 for k in range(11)] for i in range(3000)], wide)
    yield "the same, wide, with nulls", pa.array([None if i % 50 == 0 else [
        None if k == i % 30 else [None if k == i % 20 else i, *range(8)] for k in range(11)] for i in range(3000)], wide)
    yield "lists of such lists", pa.array([None if i % 9 == 0 else [[[i, 1, None], None]] * (i % 4) for i in range(5000)],
                                          pa.list_(pair))
    yield "dictionary", pa.array([None if i % 13 == 0 else f"kind {i % 90}" for i in range(20_000)]).dictionary_encode()
    yield "null", pa.nulls(5000)
    yield "no fields", pa.array([{}] * 50, pa.struct([]))


def test_what_is_hard_to_lay_out_in_pages_is_read_by_lancedb_and_by_ours(t):
    for version in VERSIONS:
        for i, (name, column) in enumerate(hard_columns()):
            rows = pa.table({"id": pa.array(range(len(column)), pa.int64()), "c": column})
            place = Place(t, f"hard{i}_{version[2]}", version)
            place.create(rows)
            same_rows(place.theirs().to_arrow(), rows, (name, version))
            take_and_filter(place, rows, i, (name, version))
            same_rows(place.ours().scan(), rows, (name, version, "ours"))


def test_a_new_table_with_a_map_is_of_2_2_and_a_table_of_2_1_takes_none(t):
    maps = pa.array([[("a", 1), ("b", None)], None, []] * 3000, pa.map_(pa.utf8(), pa.int32()))
    rows = pa.table({"id": pa.array(range(9000), pa.int64()), "m": maps})
    place = Place(t, "maps", "2.2")
    place.create(rows)
    same_rows(place.theirs().to_arrow(), rows, "maps")
    same_rows(place.ours().scan(), rows, "maps, ours")
    ours = Place(t, "ours", "2.1")
    deep = rows.append_column("s", pa.array([{"l": [{}, None]}] * 9000, pa.struct([("l", pa.list_(pa.struct([])))])))
    for column in (rows, rows.set_column(1, "m", pa.array([{"l": [m]} for m in maps.to_pylist()],
                                                          pa.struct([("l", pa.list_(maps.type))])))):
        lancelet.create(ours.path, column)
        assert ours.file_version() == "2.2"
        same_rows(ours.theirs().to_arrow(), column, "created by ours")
        ours.theirs().add(column)
        ours.theirs().optimize()
        ours.ours().commit(rows=column)
        same_rows(ours.theirs().to_arrow(), pa.concat_tables([column] * 3), "added to by both")
        lancelet.drop(ours.path)
    lancelet.create(ours.path, deep.select(["id", "s"]))
    assert ours.file_version() == "2.1"
    try:
        ours.ours().commit(rows=rows, overwrite=True)
        raise AssertionError("overwritten")
    except lancelet.Error as e:
        assert e.status == "UNSUPPORTED" and "'m'" in str(e) and "2.2" in str(e), e


def test_tables_of_lancedb_with_lists_of_a_fixed_size_in_one_another_are_compacted_by_ours(t):
    pair = pa.list_(pa.list_(pa.float32(), 3), 2)
    for version in VERSIONS:
        for name, values in (("whole", lambda i: [[i, i, i], [1, 2, 3]]),
                             ("nulls", lambda i: None if i % 9 == 0 else [None if i % 4 == 0 else [i, None, 2], [1, 2, 3]])):
            place = Place(t, f"{name}{version[2]}", version)
            rows = pa.table({"id": pa.array(range(2000), pa.int64()), "c": pa.array([values(i) for i in range(2000)], pair)})
            theirs = place.db.create_table(place.name, rows.slice(0, 500), storage_options={"new_table_data_storage_version": version})
            for i in range(500, 2000, 500):
                theirs.add(rows.slice(i, 500))
            theirs.delete("id in (3, 700)")
            want = theirs.to_arrow()
            place.ours().compact(target_rows=2000)
            assert place.ours().info["fragments"] == 1 and place.file_version() == version
            same_rows(place.theirs().to_arrow(), want, (name, version))
            same_rows(place.ours().scan(), want, (name, version, "ours"))


def test_fields_of_a_struct_are_found_by_name_and_list_items_by_where_they_are(t):
    inner = pa.struct([("a", pa.int32()), ("b", pa.utf8())])
    rows = pa.table({"id": [1], "s": pa.array([{"a": 1, "b": "x"}], inner),
                     "l": pa.array([[{"a": 2, "b": "y"}]], pa.list_(inner))})
    for version in VERSIONS:
        place = Place(t, f"names{version[2]}", version)
        place.create(rows)
        turned = pa.struct([("b", pa.utf8()), ("a", pa.int32())])
        less = pa.list_(pa.field("element", pa.struct([("b", pa.utf8())])))
        place.ours().commit(rows=pa.table({"l": pa.array([[{"b": "z"}, None]], less), "id": [2],
                                           "s": pa.array([{"b": "u", "a": 3}], turned)}))
        want = [{"id": 1, "s": {"a": 1, "b": "x"}, "l": [{"a": 2, "b": "y"}]},
                {"id": 2, "s": {"a": 3, "b": "u"}, "l": [{"a": None, "b": "z"}, None]}]
        assert place.theirs().to_arrow().to_pylist() == want, place.theirs().to_arrow().to_pylist()
        assert place.ours().scan().to_pylist() == want, place.ours().scan().to_pylist()
        packed = pa.schema([pa.field("id", pa.int64()), pa.field("s", inner, metadata={"lance-encoding:packed": "true"})])
        place.ours().commit(rows=pa.table({"id": [3], "s": pa.array([{"a": 4, "b": "v"}], inner)}, schema=packed))
        want.append({"id": 3, "s": {"a": 4, "b": "v"}, "l": None})
        assert place.theirs().to_arrow().to_pylist() == want, place.theirs().to_arrow().to_pylist()
        for bad in (pa.array([{"a": 1, "c": "x"}]), pa.array([{"a": "1"}]), pa.array([1]), pa.array([{}], pa.struct([]))):
            try:
                place.ours().commit(rows=pa.table({"id": [3], "s": bad}))
                raise AssertionError("committed")
            except lancelet.Error as e:
                assert e.status == "INVALID" and "'s'" in str(e), e


def test_a_column_stored_as_a_dictionary_takes_plain_values_and_a_plain_one_takes_dictionaries(t):
    plain = pa.table({"id": [1, 2], "c": ["cat", None]})
    coded = pa.table({"id": [3, 4, 5], "c": pa.array(["dog", None, "cat"]).dictionary_encode()})
    for version in VERSIONS:
        place = Place(t, f"coded{version[2]}", version)
        place.create(coded)
        place.ours().commit(rows=plain)
        assert place.theirs().to_arrow()["c"].to_pylist() == ["dog", None, "cat", "cat", None]
        place = Place(t, f"plain{version[2]}", version)
        place.create(plain)
        place.ours().commit(rows=coded)
        stored = place.theirs().to_arrow()["c"]
        assert stored.type == pa.utf8() and stored.to_pylist() == ["cat", None, "dog", None, "cat"]


def test_extension_types_are_written_as_their_storage_and_keep_their_names(t):
    metadata = {"ARROW:extension:name": "arrow.uuid", "ARROW:extension:metadata": ""}
    field = pa.field("u", pa.binary(16), metadata=metadata)
    inner = pa.field("s", pa.struct([pa.field("j", pa.utf8(), metadata={"ARROW:extension:name": "our.note"})]))
    rows = pa.table({"u": pa.array([os.urandom(16), None], pa.binary(16)), "s": pa.array([{"j": "{}"}, None], inner.type)},
                    schema=pa.schema([field, inner]))
    path = str(t.tmp / "extension.lance")
    lancelet.create(path, rows)
    stored = lancedb.connect(str(t.tmp)).open_table("extension").to_arrow()
    kept = stored.schema.field("u")
    assert "uuid" in str(kept.type) or kept.metadata[b"ARROW:extension:name"] == b"arrow.uuid", kept
    got = [v.bytes if hasattr(v, "bytes") else v for v in stored["u"].to_pylist()]  # pyarrow may know the type as a UUID
    assert got == rows["u"].to_pylist(), got
    assert stored["s"].to_pylist() == [{"j": "{}"}, None]
