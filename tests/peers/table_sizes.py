"""Tables whose sizes lie at the borders of chunks, empty ones among them, with several columns of vectors, null vectors and
vectors that rows lack, in both directions; and ten million rows."""
import lancedb
import lancelet
import numpy
import pyarrow as pa
from generated import same_rows

SIZES = (0, 1, 1023, 1024, 1025)


def rows(n):
    """id, two columns of vectors, of which one has nulls, and text"""
    rng = numpy.random.default_rng(n)

    def vectors(dim, mask=None):
        return pa.FixedSizeListArray.from_arrays(pa.array(rng.standard_normal(n * dim, dtype="float32")), dim, mask=mask)
    return pa.table({"id": pa.array(range(n), pa.int64()), "vector": vectors(8),
                     "other": vectors(96, pa.array([i % 3 == 1 for i in range(n)], pa.bool_())),
                     "text": pa.array([None if i % 5 == 0 else f"picture {i}" for i in range(n)], pa.utf8())})


def check(path, want, where):
    db = lancedb.connect(str(path.parent))
    ours, theirs = lancelet.open(str(path)), db.open_table(path.stem)
    same_rows(ours.scan(), want, ("ours", *where))
    same_rows(theirs.to_arrow(), want, ("theirs", *where))
    assert ours.rows == ours.count() == want.num_rows
    query = numpy.ones(96, "float32")
    hits = ours.search(query, 5, "l2", column="other")
    found = theirs.search(query, vector_column_name="other").distance_type("l2").limit(5).to_list() if want.num_rows else []
    found = [row["id"] for row in found if row["_distance"] is not None]
    assert [row["id"] for row in ours.take([a for a, _ in hits], ["id"]).to_pylist()] == found, where


def test_tables_of_sizes_at_the_borders_of_chunks_are_the_same_to_both(t):
    for n in SIZES:
        want = rows(n)
        path = t.tmp / f"ours{n}.lance"
        lancelet.create(str(path), want)
        check(path, want, (n, "made by ours"))
        for version in ("2.1", "2.2"):
            path = t.tmp / f"theirs{n}_{version[-1]}.lance"
            db = lancedb.connect(str(t.tmp), storage_options={"new_table_data_storage_version": version})
            db.create_table(path.stem, want, on_bad_vectors="null")
            check(path, want, (n, version, "made by LanceDB"))
            # rows without one of the vectors, and then no row at all
            more = rows(3).drop_columns(["other"]).set_column(0, "id", pa.array(range(n, n + 3), pa.int64()))
            lancelet.open(str(path)).commit(rows=more)
            lacking = more.append_column("other", pa.nulls(3, want.schema.field("other").type)).select(want.schema.names)
            check(path, pa.concat_tables([want, lacking]), (n, version, "and three more"))
            lancelet.open(str(path)).delete("id >= 0")
            check(path, want.slice(0, 0), (n, version, "and all deleted"))
            lancelet.open(str(path)).commit(rows=want)
            check(path, want, (n, version, "and filled again"))


def test_ten_million_rows_are_written_searched_and_read(t):
    t.only_check_all()
    n, dim, batch = 10_000_000, 8, 100_000
    path = str(t.tmp / "large.lance")
    schema = pa.schema([("id", pa.int64()), ("vector", pa.list_(pa.float32(), dim))])

    def part(first):
        values = numpy.random.default_rng(first).standard_normal(batch * dim, dtype="float32")
        return pa.record_batch([pa.array(range(first, first + batch), pa.int64()),
                                pa.FixedSizeListArray.from_arrays(pa.array(values), dim)], schema=schema)
    lancelet.create(path, pa.RecordBatchReader.from_batches(schema, (part(i) for i in range(0, n, batch))))
    ours, theirs = lancelet.open(path), lancedb.connect(str(t.tmp)).open_table("large")
    assert ours.rows == theirs.count_rows() == n
    seen = 0
    for got in ours.reader(batch_rows=batch):
        first = got["id"][0].as_py()
        assert first == seen
        if seen % (20 * batch) == 0 and got.num_rows == batch:
            assert got.equals(part(seen))
        seen += got.num_rows
    assert seen == n
    rng = numpy.random.default_rng(1)
    some = sorted(map(int, rng.choice(n, 1000, replace=False)))
    assert ours.scan(["id"], condition=f"id in ({', '.join(map(str, some))})")["id"].to_pylist() == some
    query = rng.standard_normal(dim).astype("float32")
    hits = ours.search(query, 10)
    found = theirs.search(query).distance_type("cosine").limit(10).select(["id", "_distance"]).to_list()
    assert ours.take([a for a, _ in hits], ["id"])["id"].to_pylist() == [row["id"] for row in found]
    ours.delete("id % 1000 = 7")
    assert lancelet.open(path).rows == lancedb.connect(str(t.tmp)).open_table("large").count_rows() == n - n // 1000
