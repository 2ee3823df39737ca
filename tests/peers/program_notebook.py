"""The program on tables that a notebook made with LanceDB: no columns of ours, an index, no paths."""
import json

import lancedb
import numpy
import pyarrow as pa

TEXTS = ["a dog", "a cat", "a bear in the grass"]


def vectors(n, dim, seed=1):
    values = numpy.random.default_rng(seed).normal(size=(n, dim)).astype("f4")
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), dim), values


def search(t, *more):
    rc, out, err = t.run(["search", "-d", t.tmp, "-t", "t", "--vector", t.tmp / "q.npy", "--json", *more])
    assert rc == 0, err
    return [json.loads(line) for line in out.splitlines()], err


def test_a_table_is_searched_by_the_metric_of_its_index_else_by_cosine(t):
    column, values = vectors(600, 16)
    numpy.save(t.tmp / "q.npy", values[3] + 0.1)
    db = lancedb.connect(str(t.tmp))
    table = db.create_table("t", pa.table({"other": column, "vector": column}))
    rows, err = search(t)
    assert {r["metric"] for r in rows} == {"cosine"} and not err
    table.create_index("dot", num_partitions=2, vector_column_name="other", index_type="IVF_FLAT")
    assert search(t)[0][0]["metric"] == "cosine", "the index of another column"
    for metric in ("l2", "dot", "cosine"):
        table.create_index(metric, num_partitions=2, vector_column_name="vector", index_type="IVF_FLAT", replace=True)
        rows, err = search(t, "-n", "7", "-v")
        assert {r["metric"] for r in rows} == {metric}
        assert "has an index" in err
        exact = table.search(values[3] + 0.1, vector_column_name="vector").distance_type(metric)
        exact = exact.bypass_vector_index().limit(7).with_row_id(True).to_list()
        assert [r["id"] for r in rows] == [r["_rowid"] for r in exact], metric
        assert search(t, "--metric", "dot")[0][0]["metric"] == "dot"


def test_show_takes_the_picture_of_a_row_without_path_from_a_source(t):
    column, _ = vectors(3, 4)
    lancedb.connect(str(t.tmp)).create_table("t", pa.table({"vector": column, "id": pa.array([0, 1, 7], pa.int32())}))
    pictures = t.fixtures.parent.parent / "examples" / "pictures"
    show = ["show", "-d", t.tmp, "-t", "t", "-o", t.tmp / "x.jpg"]
    rc, out, err = t.run([*show, "1"])
    assert rc == 2 and "--pictures SOURCE" in err, err
    rc, out, err = t.run([*show, "1", "--pictures", pictures])
    assert rc == 0, err
    second = sorted(pictures.glob("*.jpg"))[1]
    assert (t.tmp / "x.jpg").read_bytes() == second.read_bytes()
    (t.tmp / "list.csv").write_text(f"path\n{second}\n{t.tmp}/gone.jpg\n")
    rc, out, err = t.run([*show, "0", "--pictures", t.tmp / "list.csv"])
    assert rc == 0 and (t.tmp / "x.jpg").read_bytes() == second.read_bytes(), err
    rc, out, err = t.run([*show, "1", "--pictures", t.tmp / "list.csv"])
    assert rc == 2 and "gone.jpg" in err, err
    rc, out, err = t.run([*show, "7", "--pictures", t.tmp / "list.csv"])
    assert rc == 2 and "no picture 7" in err, err
