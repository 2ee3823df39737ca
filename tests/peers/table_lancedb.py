"""Tables of ours in LanceDB's hands, and LanceDB's in ours: every operation of one is read by the other."""
import os
import subprocess
import sys

import lancedb
import lancelet
import numpy
import pyarrow as pa
from table_rows import check_equal, every_type, pictures

VERSIONS = ("2.1", "2.2")


def connect(t, version="2.2"):
    return lancedb.connect(str(t.tmp), storage_options={"new_table_data_storage_version": version})


def path(t, name="t"):
    return str(t.tmp / f"{name}.lance")


def same(t, ours):
    """Our newest version and LanceDB's: the same rows (an update may move some, so by id)."""
    check_equal(ours.scan().sort_by("id"), connect(t).open_table("t").to_arrow().sort_by("id"))


def search_same(table, ours, query, metric, k=7, **options):
    theirs = table.search(query).distance_type(metric).limit(k).with_row_id(True)
    for name, value in options.items():
        theirs = getattr(theirs, name)(value)
    theirs = theirs.to_list()
    hits = ours.search(query, k, metric)
    assert [a for a, _ in hits] == [r["_rowid"] for r in theirs], (metric, hits, theirs)
    # both sum float32: unit-size values of 8 to 100 terms
    assert all(abs(d - r["_distance"]) <= 1e-5 * max(1, abs(d)) for (_, d), r in zip(hits, theirs)), metric
    taken = ours.take([a for a, _ in hits])
    assert taken["id"].to_pylist() == [r["id"] for r in theirs]


def test_lancedb_opens_and_reads_a_table_of_ours(t):
    rows = pictures(0, 1000)
    lancelet.create(path(t), rows, {"k": "v"}, no_sync=False)
    table = connect(t).open_table("t")
    assert table.count_rows() == 1000
    check_equal(table.to_arrow(), rows)
    assert connect(t).table_names() == ["t"]


def test_lancedb_searches_a_table_of_ours_with_every_metric(t):
    ours = lancelet.create(path(t), pictures(0, 500, 32))
    ours = ours.commit(rows=pictures(500, 500, 32), delete=list(range(0, 500, 7)))
    query = pictures(9999, 1, 32)["vector"][0].as_py()
    for metric in ("cosine", "l2", "dot"):
        search_same(connect(t).open_table("t"), ours, query, metric)


def test_every_type_of_vector_is_searched_as_numpy_measures_it(t):
    rows = every_type(2000)
    for version in VERSIONS:
        connect(t, version).create_table("t", rows, mode="overwrite", on_bad_vectors="null")
        ours = lancelet.open(path(t))
        addresses = ours.scan([], row_address=True)["_rowid"].to_pylist()
        ours = ours.commit(delete=[addresses[i] for i in (3, 500, 501)])
        for column in (c for c in rows.schema.names if "vector" in c):
            live = [(i, v) for i, v in enumerate(rows[column].to_pylist()) if v is not None and i not in (3, 500, 501)]
            matrix = numpy.array([v for _, v in live], "f8")
            query = (matrix[7] + 0.125).astype("f4")
            q = query.astype("f8")
            distances = {"cosine": 1 - matrix @ q / numpy.linalg.norm(matrix, axis=1) / numpy.linalg.norm(q),
                         "l2": ((matrix - q) ** 2).sum(1), "dot": 1 - matrix @ q}
            for metric, d in distances.items():
                best = numpy.argsort(d, kind="stable")[:9]
                hits = ours.search(query.tolist(), 9, metric, column)
                size = numpy.abs(matrix[best] * q).sum(1).max() + 1
                # the distances in order, to float32 sums of the terms' size; rows as near as that may change places
                assert numpy.allclose([x for _, x in hits], d[best], atol=2e-6 * size, rtol=2e-6), (column, metric)
                for address, x in hits:
                    row = [addresses[i] for i, _ in live].index(address)
                    assert abs(d[row] - x) <= 2e-6 * (size + abs(x)), (column, metric)


def test_each_reads_what_the_other_adds_deletes_updates_and_merges(t):
    for version in VERSIONS:
        db = connect(t, version)
        db.create_table("t", pictures(0, 200), mode="overwrite")
        ours = lancelet.open(path(t))
        assert ours.info["data_version"].decode() == version
        ours = ours.commit(rows=pictures(200, 100))
        same(t, ours)
        db.open_table("t").add(pictures(300, 100))
        same(t, lancelet.open(path(t)))
        db.open_table("t").delete("id % 10 = 3")
        ours = lancelet.open(path(t))
        same(t, ours)
        addresses = ours.scan(["id"], row_address=True)
        gone = [a for i, a in zip(addresses["id"].to_pylist(), addresses["_rowid"].to_pylist()) if i % 10 == 4]
        ours = ours.commit(delete=gone)
        same(t, ours)
        db.open_table("t").update(where="id = 25 or id = 315", values={"text": "new"})
        ours = lancelet.open(path(t))
        same(t, ours)
        assert ours.scan(["text"])["text"].to_pylist().count("new") == 2
        merge = db.open_table("t").merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
        merge.execute(pictures(390, 30, seed=77))
        ours = lancelet.open(path(t))
        same(t, ours)
        last = ours.scan(["id"], row_address=True)["_rowid"].to_pylist()[-5:]
        ours = ours.commit(rows=pictures(1000, 5), delete=last, config={"a": "b"})
        same(t, ours)
        db.open_table("t").optimize()
        ours = lancelet.open(path(t))
        same(t, ours)
        ours = ours.commit(rows=pictures(0, 3), overwrite=True)
        same(t, ours)
        assert ours.config("a") == "b"
        for v in db.open_table("t").list_versions():
            table = db.open_table("t")
            table.checkout(v["version"])
            assert table.count_rows() == lancelet.open(path(t), v["version"]).rows


def test_few_deletions_and_many_of_lancedb_are_read(t):
    db = connect(t)
    table = db.create_table("t", pa.table({"id": pa.array(range(30000), pa.int64())}))
    table.delete("id = 17 or id = 29999")
    assert [x for x in os.listdir(path(t) + "/_deletions") if x.endswith(".arrow")]
    same(t, lancelet.open(path(t)))
    table.delete("id % 2 = 0")
    assert [x for x in os.listdir(path(t) + "/_deletions") if x.endswith(".bin")]
    ours = lancelet.open(path(t))
    same(t, ours)
    assert ours.rows == 30000 - 15000 - 2
    assert ours.info["deleted_rows"] == 15002


def test_every_type_is_written_as_lancedb_reads_it(t):
    rows = every_type(3000)
    ours = lancelet.create(path(t), rows)
    check_equal(ours.scan(batch_rows=777), rows)
    check_equal(connect(t).open_table("t").to_arrow(), rows)


def test_every_type_is_read_and_appended_as_lancedb_writes_it(t):
    for version in VERSIONS:
        rows = every_type(3000)
        db = connect(t, version)
        db.create_table("t", rows.slice(0, 2000), mode="overwrite", on_bad_vectors="null")
        ours = lancelet.open(path(t))
        check_equal(ours.scan(batch_rows=1500), rows.slice(0, 2000))
        first = ours.scan(["int8"], row_address=True)["_rowid"].to_pylist()
        ours = ours.commit(rows=rows.slice(2000))
        check_equal(ours.scan(), rows)
        check_equal(db.open_table("t").to_arrow(), rows)
        some = [5, 1999, 5, 0, 700, 1024, 1023]
        check_equal(ours.take([first[i] for i in some], batch_rows=3), rows.take(pa.array(some)))


def test_a_column_left_out_of_added_rows_is_null_for_both(t):
    ours = lancelet.create(path(t), pictures(0, 10))
    ours = ours.commit(rows=pictures(10, 10).select(["text", "id"]))
    same(t, ours)
    assert ours.scan()["vector"].null_count == 10
    query = pictures(0, 1)["vector"][0].as_py()
    assert len(ours.search(query, 20)) == 10
    assert connect(t).open_table("t").search(query).limit(20).to_arrow().num_rows == 10


def test_columns_that_lancedb_adds_renames_and_drops_are_followed(t):
    lancelet.create(path(t), pictures(0, 10))
    table = connect(t).open_table("t")
    table.add_columns({"twice": "id * 2"})
    ours = lancelet.open(path(t))
    same(t, ours)
    assert ours.scan()["twice"].to_pylist() == [2 * i for i in range(10)]
    table.alter_columns({"path": "text", "rename": "caption"})
    same(t, lancelet.open(path(t)))
    table.drop_columns(["twice"])
    ours = lancelet.open(path(t))
    same(t, ours)
    ours = ours.commit(rows=pictures(10, 5).rename_columns(["id", "caption", "vector"]))
    same(t, ours)


def test_an_index_of_lancedb_goes_on_serving_after_our_commits(t):
    db = connect(t)
    table = db.create_table("t", pictures(0, 2000, 32))
    table.create_index("cosine", num_partitions=2, vector_column_name="vector", index_type="IVF_FLAT")
    ours = lancelet.open(path(t))
    assert ours.info["indices"] == 1
    query = pictures(9999, 1, 32)["vector"][0].as_py()
    best = ours.search(query, 3)
    near = pa.table({"id": pa.array([5000], pa.int64()), "vector": pa.array([query], pa.list_(pa.float32(), 32))})
    ours = ours.commit(rows=near, delete=[best[0][0]])
    assert ours.info["indices"] == 1
    table = db.open_table("t")
    assert [i.name for i in table.list_indices()] == ["vector_idx"]
    search_same(table, ours, query, "cosine", nprobes=2)
    assert ours.search(query, 1)[0][0] == 1 << 32
    table.optimize()
    search_same(db.open_table("t"), lancelet.open(path(t)), query, "cosine", nprobes=2)


def test_an_empty_table_of_either_is_filled_by_the_other(t):
    ours = lancelet.create(path(t), pictures(0, 0))
    connect(t).open_table("t").add(pictures(0, 5))
    ours = lancelet.open(path(t))
    same(t, ours)
    connect(t).create_table("u", schema=pictures(0, 0).schema)
    theirs = lancelet.open(path(t, "u"))
    assert theirs.rows == 0 and theirs.scan().num_rows == 0
    theirs.commit(rows=pictures(0, 5))
    check_equal(connect(t).open_table("u").to_arrow(), pictures(0, 5))


def test_schema_metadata_and_nullability_reach_the_other_side(t):
    schema = pa.schema([pa.field("id", pa.int64(), nullable=False, metadata={"unit": "one"}), pa.field("text", pa.string())],
                       metadata={"embedding_functions": "[]", "é": "ü"})
    rows = pa.table({"id": [1, 2], "text": ["a", None]}, schema=schema)
    ours = lancelet.create(path(t), rows)
    theirs = connect(t).open_table("t").schema
    assert theirs.equals(schema, check_metadata=True), theirs
    assert ours.schema.equals(schema, check_metadata=True), ours.schema
    connect(t).create_table("u", rows)
    assert lancelet.open(path(t, "u")).schema.equals(schema, check_metadata=True)
    assert lancelet.open(path(t, "u")).schema_metadata("é") == "ü"


def test_our_refusals_leave_the_table_as_it_was(t):
    ours = lancelet.create(path(t), pictures(0, 10))
    for rows, status in ((pictures(0, 1).rename_columns(["id", "text", "other"]), "INVALID"),
                         (pa.table({"id": pa.array([1], pa.int32())}), "INVALID")):
        try:
            ours.commit(rows=rows)
            raise AssertionError("committed")
        except lancelet.Error as e:
            assert e.status == status, e
    same(t, lancelet.open(path(t)))
    assert lancelet.open(path(t)).info["version"] == 1


def test_writers_of_both_libraries_that_race_lose_no_commit(t):
    commits = 15
    lancelet.create(path(t), pictures(0, 100))
    writers = [("adder", 1000), ("adder", 2000), ("deleter", 0), ("lancedb_adder", 3000), ("lancedb_deleter", 50)]
    script = os.path.join(os.path.dirname(__file__), "table_race.py")
    processes = [subprocess.Popen([sys.executable, script, name, str(t.tmp), str(first), str(commits)]) for name, first in writers]
    assert [p.wait() for p in processes] == [0] * len(processes)
    ours = lancelet.open(path(t))
    same(t, ours)
    ids = {i for i in range(100) if not (i < commits or 50 <= i < 50 + commits)}
    for first in (1000, 2000, 3000):
        ids |= set(range(first, first + 10 * commits))
    assert sorted(ours.scan(["id"])["id"].to_pylist()) == sorted(ids)
    assert ours.info["version"] == 1 + len(writers) * commits
