"""Nearly all encodings that the real writers use: the columns of tests/golden/lance_file.py in tables that LanceDB and pylance
write, scanned and taken by us; and the same columns through us, read by LanceDB."""
import importlib.util
import pathlib
import random
import sys
import types

import lancedb
import lancelet
import pyarrow as pa
import pyarrow.compute as pc
from table_rows import check_equal

VERSIONS = ("2.1", "2.2")
SIZES = (1, 2, 100, 1024, 6000, 20000)


def columns():
    """The module that makes the columns; its writer, for which it imports pylance, is not needed here."""
    script = pathlib.Path(__file__).resolve().parent.parent / "golden" / "lance_file.py"
    stand_in = types.ModuleType("lance.file")
    stand_in.LanceFileReader = stand_in.LanceFileWriter = None
    names = {name: module for name, module in sys.modules.items() if name == "lance" or name.startswith("lance.")}
    sys.modules.update({"lance": types.ModuleType("lance"), "lance.file": stand_in})
    spec = importlib.util.spec_from_file_location("golden_lance_file", script)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules["lance"], sys.modules["lance.file"]
        sys.modules.update(names)
    return module


def kinds(n):
    """name, table of n rows with an id"""
    module = columns()
    for name in ("varied", "narrow", "compressed"):
        def made(rows):
            columns = getattr(module, name)(rows)
            return columns if isinstance(columns, pa.Table) else pa.table(columns)
        # pyarrow gives a column of one None the null type
        table = made(n) if n > 50 else made(n).cast(made(50).schema)
        yield name, table.append_column("id", pa.array(range(n), pa.int64()))


def path(t, name):
    return str(t.tmp / f"{name}.lance")


def parts(table):
    n = max(1, table.num_rows // 3)
    return [table.slice(i, n) for i in range(0, table.num_rows, n)]


def gone_of(n):
    return [i for i in range(n) if i % 97 == 5 or 200 <= i < 230]


def check(name, rows):
    """Scan in several batch sizes, and take in any order, against the rows that must be there."""
    n = rows.num_rows
    ours = lancelet.open(name)
    for batch in (0, 1000) if n > 1000 else (0, 7):
        check_equal(ours.scan(batch_rows=batch), rows)
    address = ours.scan(["id"], row_address=True)["_rowid"].to_pylist()
    order = random.Random(n)
    for some in (order.choices(range(n), k=min(200, n)), sorted(order.sample(range(n), min(50, n))), [n - 1, 0, n - 1]):
        check_equal(ours.take([address[i] for i in some]), rows.take(pa.array(some)))


def live(rows, gone):
    return rows.filter(pc.invert(pc.is_in(rows["id"], pa.array(gone, pa.int64()))))


def test_columns_of_nearly_every_encoding_written_by_lancedb_are_read(t):
    for version in VERSIONS:
        db = lancedb.connect(str(t.tmp), storage_options={"new_table_data_storage_version": version})
        for n in SIZES:
            for kind, rows in kinds(n):
                first, *more = parts(rows)
                table = db.create_table(kind, first, mode="overwrite", on_bad_vectors="null")
                for part in more:
                    table.add(part)
                gone = gone_of(n)
                if gone:
                    table.delete(f"id in ({', '.join(map(str, gone))})")
                stored = table.to_arrow()
                assert lancelet.open(path(t, kind)).info["data_version"].decode() == version
                check(path(t, kind), stored)
                assert stored["id"].to_pylist() == live(rows, gone)["id"].to_pylist()


def test_nested_columns_and_rare_types_written_by_lancedb_are_read(t):
    module = columns()
    for version in VERSIONS:
        db = lancedb.connect(str(t.tmp), storage_options={"new_table_data_storage_version": version})
        for n in (1, 2, 1023, 1025):
            rows = module.nested(n, version == "2.2").append_column("id", pa.array(range(n), pa.int64()))
            if "list_fixed_struct" in rows.schema.names:  # LanceDB does not read such a table itself
                rows = rows.drop(["list_fixed_struct"])
            db.create_table("nested", rows, mode="overwrite")
            ours = lancelet.open(path(t, "nested"))
            stored = db.open_table("nested").to_arrow()
            for batch in (0, 7) if n < 100 else (0, 600):
                check_nested(ours.scan(batch_rows=batch), stored)
            address = ours.scan(["id"], row_address=True)["_rowid"].to_pylist()
            order = random.Random(n).choices(range(n), k=min(100, n))
            check_nested(ours.take([address[i] for i in order]), stored.take(pa.array(order)))


def check_nested(ours, theirs):
    """Of dictionaries the values count, not how they are numbered."""
    assert ours.schema.names == theirs.schema.names and ours.num_rows == theirs.num_rows
    for name in theirs.schema.names:
        assert str(ours.schema.field(name).type) == str(theirs.schema.field(name).type), name
        assert ours[name].to_pylist() == theirs[name].to_pylist(), name


def test_columns_of_nearly_every_encoding_written_by_pylance_are_read(t):
    t.need("lance")
    import lance
    for version in VERSIONS:
        for n in SIZES:
            for kind, rows in kinds(n):
                name = path(t, f"{kind}_{version}_{n}")
                first, *more = parts(rows)
                lance.write_dataset(first, name, data_storage_version=version)
                for part in more:
                    lance.write_dataset(part, name, mode="append")
                check(name, rows)
                gone = gone_of(n)
                if gone:
                    lance.dataset(name).delete(f"id in ({', '.join(map(str, gone))})")
                    check(name, live(rows, gone))


def written_here(rows):
    """Without what lancelet does not write: fixed-size binary, and vectors with a null among their numbers."""
    return rows.drop([c for c in rows.schema.names if c == "fixed_binary" or "item_nulls" in c])


def test_columns_that_we_write_are_read_by_lancedb(t):
    for n in SIZES:
        for kind, rows in kinds(n):
            name, rows = f"{kind}_{n}", written_here(rows)
            first, *more = parts(rows)
            ours = lancelet.create(path(t, name), first)
            for part in more:
                ours = ours.commit(rows=part)
            address = ours.scan(["id"], row_address=True)["_rowid"].to_pylist()
            gone = gone_of(n)
            if gone:
                ours = ours.commit(delete=[address[i] for i in gone])
            check_equal(lancedb.connect(str(t.tmp)).open_table(name).to_arrow(), live(rows, gone))
            check(path(t, name), live(rows, gone))


def test_texts_that_unfold_to_more_than_a_batch_may_hold_come_in_smaller_batches(t):
    rows = pa.table({"id": pa.array(range(2700), pa.int64()), "text": pa.array(["x" * 100000] * 2700)})
    lancedb.connect(str(t.tmp)).create_table("t", rows)
    ours = lancelet.open(path(t, "t"))
    assert ours.info["data_bytes"] < 1 << 20
    read = 0
    for batch in ours.reader():
        assert batch["text"].equals(rows["text"].slice(read, batch.num_rows).combine_chunks())
        read += batch.num_rows
    assert read == 2700
    taken = ours.take(list(range(2700)))
    assert taken["id"].equals(rows["id"]) and pc.all(pc.equal(taken["text"], rows["text"][0])).as_py()


def test_a_dictionary_column_is_read_and_rows_are_added_to_it_and_beside_it(t):
    rows = pa.table({"id": [1, 2, 3], "kind": pa.array(["cat", "dog", "cat"]).dictionary_encode()})
    db = lancedb.connect(str(t.tmp))
    db.create_table("t", rows)
    ours = lancelet.open(path(t, "t"))
    assert ours.scan()["kind"].to_pylist() == ["cat", "dog", "cat"]
    ours.commit(rows=pa.table({"id": [4], "kind": ["cow"]})).commit(rows=pa.table({"id": [5]}))
    stored, kinds = db.open_table("t").to_arrow(), ["cat", "dog", "cat", "cow", None]
    assert stored["id"].to_pylist() == [1, 2, 3, 4, 5] and stored["kind"].to_pylist() == kinds
    assert lancelet.open(path(t, "t")).scan()["kind"].to_pylist() == kinds


def test_metadata_and_config_with_a_nul_survive_our_commits(t):
    schema = pa.schema([pa.field("id", pa.int64(), metadata={"m": "a\0b"})], metadata={"k": "a\0b"})
    db = lancedb.connect(str(t.tmp))
    db.create_table("t", pa.table({"id": [1]}, schema=schema))
    ours = lancelet.open(path(t, "t"))
    assert ours.schema.equals(schema, check_metadata=True) and ours.scan().schema.equals(schema, check_metadata=True)
    ours.commit(rows=pa.table({"id": [2]}), config={"a": "b"})
    assert db.open_table("t").schema.equals(schema, check_metadata=True)
    lancelet.create(path(t, "u"), pa.table({"id": [1]}, schema=schema))
    assert db.open_table("u").schema.equals(schema, check_metadata=True)
