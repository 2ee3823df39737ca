"""Tables whose data files are of version 2.0, as LanceDB wrote them by default until 2026: every type and nesting that it writes,
random ones too, reads to LanceDB's own values under exactly its schema; and the schemas of all versions."""
import datetime
import decimal
import random

import lancedb
import lancelet
import pyarrow as pa

OLD = {"new_table_data_storage_version": "2.0"}
BYTES = {"lance-encoding:compression": "zstd"}


def same(ours, theirs, what):
    assert ours.schema.equals(theirs.schema, check_metadata=True), (what, ours.schema, theirs.schema)
    assert ours.to_pylist() == theirs.to_pylist(), what


def kinds(r):
    """A type, and a function that makes a value of it."""
    text = lambda: "".join(r.choice("abcäö€𝄞") for _ in range(r.choice([0, 1, 5, r.randrange(60)])))
    day = datetime.date(2000, 1, 1)
    return [
        (pa.int8(), lambda: r.randrange(-128, 128)), (pa.uint64(), lambda: r.randrange(1 << 64)),
        (pa.int32(), lambda: r.randrange(-9, 9)), (pa.bool_(), lambda: r.random() < 0.5),
        (pa.float16(), lambda: r.randrange(-999, 999) / 4), (pa.float64(), r.random), (pa.null(), lambda: None),
        (pa.string(), text), (pa.large_string(), text), (pa.string(), lambda: r.choice(["red", "green"])),
        (pa.binary(), lambda: text().encode()), (pa.large_binary(), lambda: text().encode()),
        (pa.binary(3), lambda: r.randbytes(3)), (pa.decimal128(12, 3), lambda: decimal.Decimal(r.randrange(10**6)) / 8),
        (pa.date32(), lambda: day + datetime.timedelta(r.randrange(9999))),
        (pa.timestamp("us", "UTC"), lambda: datetime.datetime(2020, 1, 1, microsecond=r.randrange(10**6))),
        (pa.list_(pa.float32(), 3), lambda: [r.randrange(9) / 2 if r.random() < 0.9 else None for _ in range(3)]),
        (pa.list_(pa.list_(pa.int16(), 2), 2), lambda: [[1, r.randrange(9)], [3, 4]]),
        (pa.list_(pa.bool_(), 2), lambda: [True, r.random() < 0.5]),
    ]


def nested(r, depth):
    choice = r.randrange(3 + 2 * depth) if depth else 0
    if choice < 3:
        return r.choice(kinds(r))
    if choice < 5:
        inner, make = nested(r, depth - 1)
        some = lambda: [make() if r.random() < 0.8 else none(inner) for _ in range(r.choice([0, 0, 1, 3, 9]))]
        none = lambda t: make() if pa.types.is_struct(t) else None
        return (pa.list_ if choice == 3 else pa.large_list)(inner), some
    fields = [nested(r, depth - 1) for _ in range(r.randint(1, 3))]
    return (pa.struct([(f"f{i}", t) for i, (t, _) in enumerate(fields)]),
            lambda: {f"f{i}": make() for i, (_, make) in enumerate(fields)})


def column(r, rows, depth):
    t, make = nested(r, depth)
    nulls = 0 if pa.types.is_struct(t) else r.choice([0, 0.1, 0.5, 1])  # 2.0 has no null structs
    return pa.array([None if r.random() < nulls else make() for _ in range(rows)], t)


def test_generated_tables_of_version_2_0_are_read_as_lancedb_reads_them(t):
    db = lancedb.connect(str(t.tmp))
    for seed in range(60):
        r = random.Random(seed)
        rows = r.choice([0, 1, 2, 100, 101, 1023, 1024, 1025])
        table = pa.table({f"c{i}": column(r, rows, i % 4) for i in range(4)})
        theirs = db.create_table(f"t{seed}", table, storage_options=OLD)
        if rows and seed % 3 == 0:
            theirs.add(table)
            theirs.delete("true" if seed % 2 else "false")
        ours = lancelet.open(str(t.tmp / f"t{seed}.lance"))
        assert ours.info["data_version"] == b"2.0"
        want = theirs.to_arrow()
        same(ours.scan(), want, seed)
        if want.num_rows:
            low, n = r.randrange(want.num_rows), r.randrange(1, 50)
            same(ours.scan(offset=low, limit=n), want.slice(low, n), seed)


def test_large_and_compressed_columns_of_version_2_0_are_read(t):
    r = random.Random(20)
    rows = 40000
    schema = pa.schema([pa.field("z", pa.string(), metadata=BYTES), pa.field("v", pa.list_(pa.float32(), 64)),
                        pa.field("l", pa.list_(pa.int64()))])
    table = pa.table([pa.array(["again" * r.randrange(40) for _ in range(rows)]),
                      pa.FixedSizeListArray.from_arrays(pa.array([float(i % 251) for i in range(rows * 64)], pa.float32()), 64),
                      pa.array([list(range(i % 5)) if i % 7 else None for i in range(rows)], pa.list_(pa.int64()))],
                     schema=schema)
    theirs = lancedb.connect(str(t.tmp)).create_table("t", table, storage_options=OLD)
    ours = lancelet.open(str(t.tmp / "t.lance"))
    same(ours.scan(), theirs.to_arrow(), "scan")
    query = table["v"][12345].as_py()
    assert ours.search(query, 1, column="v")[0][1] == 0


def test_a_table_of_version_2_0_is_not_written_and_the_refusal_names_the_way_out(t):
    lancedb.connect(str(t.tmp)).create_table("t", pa.table({"a": [1]}), storage_options=OLD)
    try:
        lancelet.open(str(t.tmp / "t.lance")).commit(rows=pa.table({"a": [2]}))
        raise AssertionError("written")
    except lancelet.Error as e:
        assert e.status == "UNSUPPORTED" and "2.0" in str(e), e


def test_the_schema_of_every_type_is_the_one_that_lancedb_shows(t):
    meta = {"k": "v", "": ""}
    extension = {"ARROW:extension:name": "x.y", "ARROW:extension:metadata": "z"}
    fields = [pa.field(f"a{i}", x, metadata=meta if i % 2 else None) for i, (x, _) in enumerate(kinds(random.Random(1)))]
    fields += [
        pa.field("required", pa.int8(), False), pa.field("extension", pa.binary(16), metadata=extension),
        pa.field("item", pa.list_(pa.field("element", pa.int8(), False, metadata=meta))),
        pa.field("large", pa.large_list(pa.struct([pa.field("x", pa.string(), False, metadata=meta), ("y", pa.date64())]))),
        pa.field("negative", pa.decimal128(9, -2)), pa.field("wide", pa.decimal256(76, 5)),
        pa.field("dictionary", pa.dictionary(pa.uint16(), pa.large_string()), metadata=meta),
        pa.field("numbers", pa.dictionary(pa.int8(), pa.float64())),
    ]
    fields += [pa.field(str(x), x) for u in ("s", "ms", "us", "ns") for x in
               (pa.timestamp(u), pa.timestamp(u, "+05:30"), pa.timestamp(u, "Europe/Berlin"), pa.duration(u))]
    fields += [pa.field(str(x), x) for x in (pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"))]
    newest = [pa.field("map", pa.map_(pa.string(), pa.field("v", pa.int32(), metadata=meta))),
              pa.field("structs", pa.list_(pa.struct([("a", pa.int8())]), 3))]
    db = lancedb.connect(str(t.tmp))
    for version, more in (("2.0", []), ("2.1", []), ("2.2", newest)):
        schema = pa.schema(fields + more, metadata={"whole": "table"})
        name = "s" + version.replace(".", "")
        theirs = db.create_table(name, schema=schema, storage_options={"new_table_data_storage_version": version})
        ours = lancelet.open(str(t.tmp / f"{name}.lance")).schema
        assert theirs.schema.equals(ours, check_metadata=True), (version, ours, theirs.schema)
