"""Tables that LanceDB made, with few, odd or hostile columns: ours reads, searches, appends and deletes, or says in one
sentence what it cannot do; LanceDB then reads the same rows."""
import datetime
import json

import lancedb
import numpy as np
import pyarrow as pa

MODEL = ["-m", "./tests/fixtures/model/toy.safetensors"]
DIM = 24


def vectors(n, kind=np.float32, dim=DIM, fill=None):
    rng = np.random.default_rng(n + dim)
    v = rng.normal(size=(n, dim))
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    if fill is not None:
        v[:] = fill
    elif kind is np.uint8:
        v = v * 100 + 100
    return pa.FixedSizeListArray.from_arrays(pa.array(v.astype(kind).reshape(-1)), dim)


def picture(folder, name, seed):
    path = folder / name
    path.write_bytes(b"P6 8 8 255\n" + np.random.default_rng(seed).bytes(192))
    return path


def run(t, db, codes, *arguments):
    code, out, err = t.run([*arguments, "-d", db])
    assert code in codes, (arguments, code, err)
    assert code != 2 or len(err.splitlines()) == 1, (arguments, err)
    assert "\033" not in out + err, (arguments, out, err)
    return code, out, err


def go(t, name, table, version, added=3, searched=True, deleted=()):
    """Every verb on a table with these rows; the number of rows is LanceDB's each time."""
    db = t.tmp / f"{name}-{version}"
    theirs = lancedb.connect(str(db)).create_table("pictures", table, storage_options={"new_table_data_storage_version": version})
    for condition in deleted:
        theirs.delete(condition)

    def same():
        rows = lancedb.connect(str(db)).open_table("pictures").to_arrow()
        _, out, _ = run(t, db, (0,), "table", "export")
        ours = [json.loads(x) for x in out.splitlines()]
        assert len(ours) == len(rows), (name, len(ours), len(rows))
        if "text" in rows.column_names:
            assert [x["text"] for x in ours] == rows["text"].to_pylist()
        return len(rows)

    n = same()
    run(t, db, (0,), "table", "info")
    run(t, db, (2,), "search", "a road")
    code, out, _ = run(t, db, (0, 1) if searched else (2,), "search", "a road", "-n", "1000", *MODEL)
    assert not searched or (code == 1) == (out == ""), out
    run(t, db, (0, 1), "sample", "-n", "2")
    pictures = [picture(t.tmp, f"{name}{version}{i}.ppm", i) for i in range(3)]
    run(t, db, (2,), "index", pictures[0], *MODEL)  # no uri and sha256 to look things up
    run(t, db, (0,) if added else (2,), "index", "--append", *pictures, *MODEL)
    assert same() == n + added, name
    if n:
        code, _, _ = run(t, db, (0, 1), "remove", "0")
        assert same() <= n + added - (code == 0)


def each_version(t, name, make, **how):
    for version in ("2.1", "2.2"):
        go(t, name, make(), version, **how)


def test_just_vector_text_and_an_int32_id(t):
    each_version(t, "usual", lambda: pa.table({"vector": vectors(10), "text": [f"t{i}" for i in range(10)],
                                                "id": pa.array(range(10), pa.int32())}), deleted=["id = 3", "id = 4"])


def test_only_a_vector(t):
    each_version(t, "bare", lambda: pa.table({"vector": vectors(10)}))


def test_vectors_of_other_widths(t):
    for name, kind in (("half", np.float16), ("double", np.float64)):
        each_version(t, name, lambda kind=kind: pa.table({"vector": vectors(10, kind), "id": pa.array(range(10), pa.int64())}))
    each_version(t, "bytes", lambda: pa.table({"vector": vectors(10, np.uint8)}), added=0, searched=False)
    each_version(t, "wide", lambda: pa.table({"vector": vectors(10, dim=DIM + 1)}), added=0, searched=False)
    each_version(t, "none", lambda: pa.table({"a": [1, 2, 3]}), added=0, searched=False)


def test_vectors_of_zeros_and_infinities(t):
    each_version(t, "zeros", lambda: pa.table({"vector": vectors(5, fill=0), "id": [-5, 1, 2, 3, 4]}))
    each_version(t, "infinite", lambda: pa.table({"vector": vectors(5, fill=np.inf), "id": [7, 1, 2, 3, 4]}))


def test_ids_that_are_no_ids(t):
    each_version(t, "words", lambda: pa.table({"vector": vectors(4), "id": ["a", "b", "c", "d"]}))
    each_version(t, "twice", lambda: pa.table({"vector": vectors(4), "id": [0, 0, 0, 1]}))
    each_version(t, "nulls", lambda: pa.table({"vector": vectors(4), "id": pa.array([None, None, 2, None], pa.int64())}))
    each_version(t, "largest", lambda: pa.table({"vector": vectors(4), "id": pa.array([2**63 - 1, 0, 1, 2])}), added=0)
    each_version(t, "narrow", lambda: pa.table({"vector": vectors(128), "id": pa.array(range(128), pa.int8())}), added=0)


def test_no_rows(t):
    each_version(t, "empty", lambda: pa.table({"vector": vectors(4), "id": range(4)}).slice(0, 0))
    each_version(t, "deleted", lambda: pa.table({"vector": vectors(4), "id": range(4)}), deleted=["id >= 0"])


def test_columns_of_every_type(t):
    day = datetime.datetime(2020, 1, 1)
    each_version(t, "types", lambda: pa.table({
        "vector": vectors(4), "id": pa.array(range(4), pa.uint8()), "text": pa.array(["a\033[31m"] * 4, pa.large_string()),
        "list": pa.array([[1], [], None, [2, 3]], pa.list_(pa.int32())), "struct": pa.array([{"a": 1}] * 4),
        "words": pa.array(["x", "y", "x", None]).dictionary_encode(), "time": pa.array([day] * 4, pa.timestamp("ns", "UTC")),
        "decimal": pa.array([1, 2, 3, 4]).cast(pa.decimal128(38, 2)), "truth": pa.array([True, None, False, True]),
        "bytes": pa.array([b"\xff\0"] * 4), "date": pa.array([day.date()] * 4), "nothing": pa.nulls(4)}))


def test_older_file_versions_are_refused_in_one_sentence_where_they_must_be(t):
    add = ["index", "--append", picture(t.tmp, "a.ppm", 1), *MODEL]
    for version in ("legacy", "2.0"):
        lancedb.connect(str(t.tmp / version)).create_table("pictures", pa.table({"vector": vectors(4), "text": ["a"] * 4}),
                                                           storage_options={"new_table_data_storage_version": version})
    for command in (["search", "x", *MODEL], ["table", "export"], ["show", "0"], add):
        _, _, err = run(t, t.tmp / "legacy", (2,), *command)
        assert "lance.write_dataset(" in err, err
    db = t.tmp / "2.0"
    for command in (["search", "x", *MODEL], ["table", "export"], ["sample"]):
        run(t, db, (0,), *command)
    _, _, err = run(t, db, (2,), *add)
    assert "picask table optimize --upgrade 2.1" in err, err
    run(t, db, (0,), "table", "optimize", "--upgrade", "2.1")
    run(t, db, (0,), *add)
