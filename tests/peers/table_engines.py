"""DuckDB with its Lance extension and lance-ray read tables of ours: plain ones, with deletions and updates, added columns, lists
and structs, and after a compaction. What each returns is compared value by value. Both come from PyPI in check-all."""
import datetime
import logging
import os
import pathlib

import lancelet
import pyarrow as pa
from generated import same_rows


def rows(first, n):
    ids = range(first, first + n)
    return pa.table({
        "id": pa.array(ids, pa.int64()),
        "text": pa.array([f"picture {i}" if i % 3 else None for i in ids]),
        "vector": pa.array([[float(i), 1, 2, 3] for i in ids], pa.list_(pa.float32(), 4)),
        "taken": pa.array([datetime.datetime(2020, 1, 1) + datetime.timedelta(minutes=i) for i in ids], pa.timestamp("us")),
        "tags": pa.array([None if i % 7 == 0 else ["a", None, f"t{i}"][:i % 4] for i in ids], pa.list_(pa.utf8())),
        "place": pa.array([None if i % 5 == 0 else {"lat": i / 2, "name": f"n{i}"} for i in ids],
                          pa.struct([("lat", pa.float64()), ("name", pa.utf8())])),
        "bytes": pa.array([bytes([i % 256]) * (i % 900) for i in ids], pa.binary()),
    })


def tables(t):
    """name, path and what the table holds"""
    path = str(t.tmp / "plain.lance")
    lancelet.create(path, rows(0, 3000))
    yield "plain", path, rows(0, 3000)
    path = str(t.tmp / "past.lance")
    lancelet.create(path, rows(0, 2000))
    lancelet.open(path).commit(rows=rows(2000, 10))
    lancelet.open(path).delete("id % 10 = 3 or id > 2007")
    lancelet.open(path).update({"text": "'new'"}, "id < 20")
    table = lancelet.open(path)
    table.add_columns(pa.table({"more": [str(i) for i in table.scan(["id"])["id"].to_pylist()]}))
    yield "past", path, lancelet.open(path).scan()
    lancelet.open(path).compact()
    yield "compacted", path, lancelet.open(path).scan()


def duckdb_with_lance(t):
    t.need("duckdb")
    t.need("duckdb_extension_lance")
    import duckdb
    import duckdb_extension_lance
    (extension,) = pathlib.Path(os.path.dirname(duckdb_extension_lance.__file__)).rglob("lance.duckdb_extension")
    db = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    db.execute(f"load '{extension}'")
    return db


def test_duckdb_reads_tables_of_ours(t):
    t.only_check_all()
    db = duckdb_with_lance(t)
    for name, path, want in tables(t):
        got = db.execute(f"select * from '{path}'").to_arrow_table()
        same_rows(got.select(want.schema.names).cast(want.schema), want, name)
        some = db.execute(f"select count(*) from '{path}' where id < 100 and text is not null").fetchone()[0]
        assert some == lancelet.open(path).count("id < 100 and text is not null"), name


def test_duckdb_takes_a_scan_of_ours_as_it_stands(t):
    t.only_check_all()
    t.need("duckdb")
    import duckdb
    for name, path, want in tables(t):
        reader = lancelet.open(path).reader()
        got = duckdb.connect().execute("select * from reader").to_arrow_table()
        same_rows(got.cast(want.schema), want, name)


def test_lance_ray_reads_tables_of_ours(t):
    t.only_check_all()
    t.need("lance_ray")
    import lance_ray
    import ray
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # each step of a read is told otherwise
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    try:
        for name, path, want in tables(t):
            batches = lance_ray.read_lance(path).iter_batches(batch_format="pyarrow", batch_size=None)
            got = pa.concat_tables([b if isinstance(b, pa.Table) else pa.Table.from_batches([b]) for b in batches])
            same_rows(got.cast(want.schema), want, name)
    finally:
        ray.shutdown()
