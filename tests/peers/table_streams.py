"""Scans, conditions and searches of ours over tables that LanceDB changed in every way it has: as streams that pyarrow, DuckDB and
polars take without copying, beside what LanceDB itself returns."""
import random

import lancedb
import lancelet
import pyarrow as pa
from generated import same_rows


def rows(first, n):
    ids = range(first, first + n)
    return pa.table({
        "id": pa.array(ids, pa.int64()),
        "text": pa.array([None if i % 9 == 4 else f"picture {i % 50}" for i in ids]),
        "a": pa.array([[float(i % 13), 1, -2, 3] for i in ids], pa.list_(pa.float32(), 4)),
        "b": pa.array([None if i % 6 == 1 else [i % 7, 2.5] for i in ids], pa.list_(pa.float32(), 2)),
        "tags": pa.array([[f"t{k}" for k in range(i % 3)] for i in ids], pa.list_(pa.utf8())),
    })


def table_with_a_past(t, name="past"):
    """Several fragments with deletions, updates, and columns that came later, were renamed and dropped."""
    table = lancedb.connect(str(t.tmp)).create_table(name, rows(0, 3000))
    table.add(rows(3000, 500))
    table.delete("id % 17 = 3")
    table.add_columns({"double": "id * 2"})
    table.add(rows(3500, 40).append_column("double", pa.array([None] * 40, pa.int64())))
    table.update(where="id between 100 and 110", values={"text": "changed"})
    table.alter_columns({"path": "text", "rename": "caption"})
    table.add_columns({"gone": "cast(id as string)"})
    table.drop_columns(["gone"])
    table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all().execute(
        table.search().where("id in (5, 6)").to_arrow())
    return table, str(t.tmp / f"{name}.lance")


CONDITIONS = ["id > 3400", "caption like '%4_' and double is not null", "b is null and id < 100", "id % 100 = 7 or caption = 'changed'",
              "double = id * 2 and id between 2990 and 3010", "id < 0", "caption is null"]


def test_scans_by_condition_limit_and_offset_equal_those_of_lancedb(t):
    theirs, path = table_with_a_past(t)
    ours = lancelet.open(path)
    assert ours.info["fragments"] > 3
    same_rows(ours.scan(), theirs.to_arrow(), "all")
    for condition in CONDITIONS:
        want = theirs.search().where(condition).limit(10**6).to_arrow()
        same_rows(ours.scan(condition=condition), want, condition)
        assert ours.count(condition) == theirs.count_rows(condition) == want.num_rows
        for limit, offset in ((5, 0), (7, 3), (10**6, want.num_rows - 2), (3, 10**6)):
            got = ours.scan(["id"], condition=condition, limit=limit, offset=max(0, offset), batch_rows=4)
            assert got["id"].to_pylist() == want["id"].to_pylist()[max(0, offset):][:limit], (condition, limit, offset)
    pairs = list(zip(*(ours.scan(["id"], row_address=True)[c].to_pylist() for c in ("id", "_rowid"))))
    some = random.Random(3).sample(pairs, 200)
    same_rows(ours.take([a for _, a in some], batch_rows=64),
              pa.concat_tables([theirs.search().where(f"id = {i}").to_arrow() for i, _ in some]), "taken")


def test_searches_with_a_condition_find_what_a_prefiltered_search_of_lancedb_finds(t):
    theirs, path = table_with_a_past(t)
    ours, rng = lancelet.open(path), random.Random(5)
    ids = {a: i for i, a in zip(*(ours.scan(["id"], row_address=True)[c].to_pylist() for c in ("id", "_rowid")))}
    for column, dim in (("a", 4), ("b", 2)):
        for metric in ("l2", "cosine", "dot"):
            for condition in CONDITIONS + [None]:
                query, k = [rng.uniform(-9, 9) for _ in range(dim)], rng.choice([1, 5, 60])
                search = theirs.search(query, vector_column_name=column).distance_type(metric).limit(k)
                if condition:
                    search = search.where(condition, prefilter=True)
                want = search.select(["id", "_distance"]).to_list()
                got = ours.search(query, k, metric, column, condition=condition)
                where = (column, metric, condition, k)
                assert len(got) == len(want), where
                for (address, distance), row in zip(got, want):  # rows at one distance have no order of LanceDB's
                    assert abs(distance - row["_distance"]) <= 1e-4 * max(1, abs(distance)), where
                    assert not condition or ours.count(f"({condition}) and id = {ids[address]}") == 1, where


def test_vectors_come_as_they_lie_in_the_file(t):
    n, dim = 2000, 256  # a page that is a plain matrix
    values = pa.array([float(i % 1009) for i in range(n * dim)], pa.float32())
    path = str(t.tmp / "plain.lance")
    ours = lancelet.create(path, pa.table({"vector": pa.FixedSizeListArray.from_arrays(values, dim)}))
    batches = list(ours.reader())
    del ours
    with open("/proc/self/maps") as f:
        mapped = [tuple(int(x, 16) for x in line.split()[0].split("-")) for line in f if "plain.lance/data/" in line]
    for batch in batches:
        address = batch.column(0).values.buffers()[1].address
        assert any(begin <= address < end for begin, end in mapped)
    assert pa.Table.from_batches(batches)["vector"].combine_chunks().values.equals(values)


def test_polars_takes_a_scan_of_ours(t):
    t.need("polars")
    import polars
    theirs, path = table_with_a_past(t)
    frame = polars.from_arrow(lancelet.open(path).reader())
    assert frame["id"].to_list() == theirs.to_arrow()["id"].to_pylist()
    assert frame["tags"].to_list() == theirs.to_arrow()["tags"].to_pylist()


def test_duckdb_takes_a_scan_of_ours(t):
    t.need("duckdb")
    import duckdb
    theirs, path = table_with_a_past(t)
    reader = lancelet.open(path).reader(condition="id < 1000")
    got = duckdb.sql("select count(*), sum(id), sum(len(tags)) from reader").fetchone()
    want = theirs.search().where("id < 1000").limit(10**6).to_arrow()
    assert got == (want.num_rows, sum(want["id"].to_pylist()), sum(map(len, want["tags"].to_pylist())))


def test_tags_of_either_library_are_used_moved_and_deleted_by_the_other(t):
    theirs, path = table_with_a_past(t)
    lancelet.open(path, version=2).tag("ours.of-2")
    theirs.tags.create("theirs", 3)
    assert lancelet.tags(path) == {k: v["version"] for k, v in theirs.tags.list().items()} == {"ours.of-2": 2, "theirs": 3}
    assert lancelet.open(path, tag="theirs").info["version"] == 3
    old = lancedb.connect(str(t.tmp)).open_table("past")
    old.checkout("ours.of-2")
    assert old.count_rows() == lancelet.open(path, tag="ours.of-2").rows == 3500
    theirs.tags.update("ours.of-2", 1)
    lancelet.open(path, version=4).tag("theirs")
    assert lancelet.tags(path) == {k: v["version"] for k, v in theirs.tags.list().items()} == {"ours.of-2": 1, "theirs": 4}
    theirs.tags.delete("ours.of-2")
    lancelet.tag_delete(path, "theirs")
    assert lancelet.tags(path) == theirs.tags.list() == {}


def test_versions_are_those_that_lancedb_lists(t):
    theirs, path = table_with_a_past(t)
    ours = lancelet.versions(path)
    assert [v["version"] for v in ours] == sorted(v["version"] for v in theirs.list_versions())
    times = {v["version"]: v["timestamp"].timestamp() for v in theirs.list_versions()}
    for v in ours:
        assert v["problem"] is None and v["operation"], v
        assert abs(v["timestamp_us"] / 1e6 - times[v["version"]]) < 0.002, v
        theirs.checkout(v["version"])
        assert theirs.count_rows() == v["rows"] == lancelet.open(path, v["version"]).rows
        same_rows(lancelet.open(path, v["version"]).scan(), theirs.to_arrow(), v)


def test_a_table_with_a_past_has_nothing_wrong_with_it(t):
    _, path = table_with_a_past(t)
    report, findings = lancelet.verify(path)
    assert findings == [] and report["damaged"] == report["unchecked"] == 0
    assert report["versions"] == len(lancelet.versions(path)) and report["bytes"] > 10000


def test_indexes_are_told_as_lancedb_tells_them(t):
    theirs, path = table_with_a_past(t)
    theirs.create_scalar_index("id")
    theirs.create_scalar_index("caption", index_type="BITMAP")
    theirs.create_index("l2", vector_column_name="a", index_type="IVF_FLAT", num_partitions=2)
    theirs.add(rows(5000, 3).rename_columns(["id", "caption", "a", "b", "tags"]).append_column("double", pa.array([1] * 3, pa.int64())))
    ours = lancelet.open(path)
    assert {i["name"]: i["columns"] for i in ours.indices} == {i.name: i.columns for i in theirs.list_indices()}
    assert {i["type"] for i in ours.indices} == {"BTreeIndex", "BitmapIndex", "VectorIndex"}
    assert all(i["fragments"] == ours.info["fragments"] - 1 and i["segments"] == 1 for i in ours.indices)
    assert ours.index_metric("a") == "l2" and ours.index_metric("b") is None


def test_a_branch_is_refused_by_name_and_leaves_the_table_readable(t):
    t.only_check_all()
    t.need("lance")
    import lance
    path = str(t.tmp / "branched.lance")
    dataset = lance.write_dataset(rows(0, 10), path)
    branch = dataset.create_branch("dev")
    lance.write_dataset(rows(10, 5), branch, mode="append")
    dataset.tags.create("there", ("dev", 2))
    dataset.tags.create("here", 1)
    ours = lancelet.open(path)
    assert ours.rows == 10 and lancelet.tags(path) == {"here": 1}
    for call in (lambda: lancelet.open(path + "/tree/dev"), lambda: lancelet.open(path, tag="there")):
        try:
            call()
            raise AssertionError("a branch was opened")
        except lancelet.Error as e:
            assert e.status == "UNSUPPORTED" and "branch" in str(e)
