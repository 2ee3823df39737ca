"""LanceDB's indexes in a table that ours changes: how many rows they cover, what searches through them find, and that LanceDB's
optimize() works on such a table afterwards."""
import datetime

import lancedb
import lancelet
import numpy
import pyarrow as pa

DIM = 16


def rows(rng, first, n):
    ids = range(first, first + n)
    vectors = [pa.FixedSizeListArray.from_arrays(pa.array(rng.standard_normal(n * DIM).astype("f4")), DIM) for _ in range(2)]
    return pa.table({"id": pa.array(ids, pa.int64()), "kind": [f"c{i % 5}" for i in ids],
                     "text": [f"word{i % 17} thing{i % 3} row{i}" for i in ids], "vector": vectors[0], "exact": vectors[1]})


CONDITIONS = (("id >= 700 and id < 1700", lambda i, k: 700 <= i < 1700), ("kind = 'c2'", lambda i, k: k == "c2"),
              ("id = 1234", lambda i, k: i == 1234), (None, lambda i, k: True))


def check_nearest(table, rng, column, ids, kinds, matrix):
    for condition, takes in CONDITIONS:
        meant = [n for n, (i, k) in enumerate(zip(ids, kinds)) if takes(i, k)]
        query = rng.standard_normal(DIM).astype("f4")
        nearest = sorted(meant, key=lambda n: ((matrix[n] - query) ** 2).sum())[:10]
        search = table.search(query, vector_column_name=column).nprobes(4).limit(10)
        if column == "vector":  # the values in the index are rounded; in the other one dead rows would take a place of ten
            search = search.refine_factor(300)
        found = (search.where(condition, prefilter=True) if condition else search).to_list()
        assert [r["id"] for r in found] == [ids[n] for n in nearest], (column, condition)


def check(table, rng, covered=None):
    """Every search through an index finds what a look at all rows finds. covered: (indexed, unindexed) rows of each index."""
    table.checkout_latest()
    all_rows = table.to_arrow()
    ids, kinds, texts = (all_rows[c].to_pylist() for c in ("id", "kind", "text"))
    assert len(set(ids)) == len(ids)
    for column in ("vector", "exact"):
        check_nearest(table, rng, column, ids, kinds, numpy.array(all_rows[column].to_pylist()))
    for w in (0, 3, 16):
        found = table.search(f"word{w}", query_type="fts").limit(10**6).to_list()
        assert sorted(r["id"] for r in found) == sorted(i for i, x in zip(ids, texts) if f"word{w}" in x.split())
    for condition, takes in CONDITIONS[:3]:
        found = table.search().where(condition).limit(10**6).to_list()
        assert sorted(r["id"] for r in found) == sorted(i for i, k in zip(ids, kinds) if takes(i, k)), condition
    for index in table.list_indices():
        stats = table.index_stats(index.name)
        if covered:
            assert (stats.num_indexed_rows, stats.num_unindexed_rows) == covered, (index.name, stats)
    return sorted(i.name for i in table.list_indices())


def make(t, version, rng):
    db = lancedb.connect(str(t.tmp), storage_options={"new_table_data_storage_version": version})
    table = db.create_table("t" + version, rows(rng, 0, 1000))
    for i in range(3):
        table.add(rows(rng, 1000 + 500 * i, 500))
    table.create_index("vector", config=lancedb.index.IvfPq(distance_type="l2", num_partitions=4, num_sub_vectors=4))
    table.create_index("exact", config=lancedb.index.IvfFlat(distance_type="l2", num_partitions=4))
    table.create_index("id", config=lancedb.index.BTree())
    table.create_index("kind", config=lancedb.index.Bitmap())
    table.create_index("text", config=lancedb.index.FTS())
    return table, str(t.tmp / f"t{version}.lance")


NAMES = ["exact_idx", "id_idx", "kind_idx", "text_idx", "vector_idx"]


def test_indexes_stay_right_whatever_ours_does_to_the_rows(t):
    for version in ("2.1", "2.2"):
        rng = numpy.random.default_rng(1)
        table, path = make(t, version, rng)
        check(table, rng, (2500, 0))
        ours = lancelet.open(path).commit(rows=rows(rng, 5000, 300))
        check(table, rng, (2500, 300))
        ours, _ = ours.delete("id in (5, 1234, 1235, 5001)")
        check(table, rng, (2497, 299))
        ours, _ = ours.delete("id >= 1000 and id < 1500")  # a fragment
        check(table, rng, (1999, 299))
        ours, _ = ours.update({"text": "'word3 new'", "kind": "'c2'"}, "id >= 100 and id < 200")
        check(table, rng, (1899, 399))
        ours, _ = ours.upsert(["id"], rows(rng, 190, 20))
        check(table, rng, (1889, 409))
        ours, _ = ours.compact()
        check(table, rng, (0, 2298))
        ours.commit(rows=rows(rng, 9000, 10))
        assert check(table, rng, (0, 2308)) == NAMES
        table.optimize()
        assert check(table, rng, (2308, 0)) == NAMES
        table.delete("id < 50")
        table.add(rows(rng, 20000, 100))
        lancelet.open(path).update({"id": "id + 100000"}, "id >= 1500 and id < 1600")
        table.checkout_latest()
        table.optimize(cleanup_older_than=datetime.timedelta(0))
        check(table, rng, (2359, 0))


def test_a_compaction_of_a_part_leaves_the_indexes_of_the_rest(t):
    rng = numpy.random.default_rng(2)
    table, path = make(t, "2.2", rng)
    ours, _ = lancelet.open(path).delete("id >= 1000 and id < 1400")  # 100 of 500 rows are left
    ours, report = ours.compact(target_rows=500)
    assert report["fragments_before"] == 1, report
    check(table, rng, (2000, 100))
    table.add(rows(rng, 9000, 200))
    lancelet.open(path).delete("id < 1000")  # the whole of a fragment
    check(table, rng, (1000, 300))
    table.optimize()
    check(table, rng, (1300, 0))


def test_an_index_goes_with_its_column_and_comes_back_with_a_restore(t):
    rng = numpy.random.default_rng(3)
    table, path = make(t, "2.2", rng)
    version = table.version
    lancelet.open(path).drop_columns(["kind"])
    table.checkout_latest()
    assert sorted(i.name for i in table.list_indices()) == ["exact_idx", "id_idx", "text_idx", "vector_idx"]
    assert sorted(i["name"] for i in lancelet.open(path).indices) == ["exact_idx", "id_idx", "text_idx", "vector_idx"]
    table.optimize()
    lancelet.open(path).add_columns(pa.table({"kind": ["c2"] * 2500}))
    lancelet.open(path, version).restore()
    assert check(table, rng, (2500, 0)) == NAMES
    lancelet.open(path).commit(rows=rows(rng, 0, 10), overwrite=True)
    table.checkout_latest()
    assert list(table.list_indices()) == [] and lancelet.open(path).indices == []
