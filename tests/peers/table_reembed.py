"""Re-embedded tables in LanceDB's hands: the new version, the old one, tags, columns that LanceDB added."""
import json
import subprocess
import sys

import lancedb
import numpy
import pyarrow as pa

TOY = "./tests/fixtures/model/toy.safetensors"


def ours(t, *arguments, code=0):
    rc, out, err = t.run([*arguments, "-d", t.tmp])
    assert rc == code, err
    return out, err


def indexed(t):
    ours(t, "index", "examples/pictures/captions.tsv", "-m", TOY)
    return lancedb.connect(str(t.tmp)).open_table("pictures")


def small_clip(t, name, shape="ViT-B-32", form="hf", dtype="f16"):
    """A CLIP of a quarter's width and two layers with random weights; the path of its folder."""
    script = t.fixtures.parent / "golden" / "clip_weights.py"
    folder = t.tmp / name
    subprocess.run([sys.executable, script, folder, "--model", shape, "--format", form, "--dtype", dtype], check=True,
                   capture_output=True)
    return folder


def without_vectors(table):
    return table.drop_columns(["vector"])


def test_lancedb_opens_the_new_version_and_checks_out_the_old_one(t):
    table = indexed(t)
    table.add_columns({"score": "cast(id as double) / 2", "shout": "upper(text)"})
    table.delete("id = 7")
    before, old = table.to_arrow(), table.version
    table.tags.create("before", old)
    out, err = ours(t, "table", "reembed", "-m", "mini", "--json")
    report = json.loads(out)
    assert (report["rows"], report["old_version"], report["version"]) == (before.num_rows, old, old + 1), report
    table = lancedb.connect(str(t.tmp)).open_table("pictures")
    after = table.to_arrow()
    assert table.version == old + 1
    assert after.schema.field("vector").type.list_size == 384
    assert without_vectors(after).equals(without_vectors(before)), "all but the vectors is as it was, in the same order"
    assert after.schema.names == before.schema.names
    assert after.schema.metadata[b"picask.model"] == b"mini-1"
    assert {name: tag["version"] for name, tag in table.tags.list().items()} == {"before": old}
    out, err = ours(t, "embed", "--text", "a dog")
    dog = numpy.float32(json.loads(out)["embedding"])
    theirs = [r["id"] for r in table.search(dog).distance_type("cosine").limit(5).to_list()]
    out, err = ours(t, "search", "--json", "-n", "5", "a dog")
    assert [json.loads(line)["id"] for line in out.splitlines()] == theirs
    table.checkout("before")
    assert table.to_arrow().equals(before)
    table.checkout_latest()
    table.add([{"vector": dog.tolist(), "text": "added", "id": 500, "uri": "/n.jpg"}])
    assert table.count_rows() == before.num_rows + 1
    table.optimize()
    table.restore(old)
    assert table.to_arrow().equals(before)


def test_vectors_are_those_that_index_gives(t):
    indexed(t)
    ours(t, "table", "reembed", "-m", "mini")
    ours(t, "index", "examples/pictures/captions.tsv", "-m", "mini", "-t", "fresh")
    db = lancedb.connect(str(t.tmp))
    a, b = (db.open_table(name).to_arrow() for name in ("pictures", "fresh"))
    assert a["id"].equals(b["id"])
    assert numpy.allclose(numpy.stack(a["vector"].to_numpy()), numpy.stack(b["vector"].to_numpy()), atol=1e-5)
    assert without_vectors(a).equals(without_vectors(b))
    keys = [b"picask.model", b"picask.preprocess", b"picask.normalized", b"picask.probe"]
    assert [a.schema.metadata[k] for k in keys] == [b.schema.metadata[k] for k in keys]


def test_an_index_of_the_old_vectors_goes_and_is_told(t):
    table = indexed(t)
    table.create_index("cosine", num_partitions=2, vector_column_name="vector", index_type="IVF_FLAT")
    _, err = ours(t, "table", "reembed", "-m", "mini")
    assert "has no index" in err
    table = lancedb.connect(str(t.tmp)).open_table("pictures")
    assert table.list_indices() == []
    table.create_index("cosine", num_partitions=2, vector_column_name="vector", index_type="IVF_FLAT")
    assert len(table.search(numpy.ones(384, "f4")).limit(3).to_list()) == 3


def test_a_column_that_is_not_written_is_named_before_anything_starts(t):
    table = indexed(t)
    table.add_columns(pa.field("pair", pa.json_()))
    version = table.version
    _, err = ours(t, "table", "reembed", "-m", "mini", code=2)
    assert "'pair'" in err, err
    table = lancedb.connect(str(t.tmp)).open_table("pictures")
    assert table.version == version


def test_vectors_under_another_name_and_type_are_replaced_where_they_are(t):
    pictures = sorted(str(p) for p in (t.fixtures.parent.parent / "examples" / "pictures").glob("*.jpg"))[:4]
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(numpy.ones(40, "f2")), 10)
    db = lancedb.connect(str(t.tmp))
    db.create_table("t", pa.table({"path": pictures, "embedding": vectors, "stars": pa.array([1, 2, 3, 4], pa.int8())}))
    ours(t, "table", "reembed", "-m", "mini", "-t", "t")
    table = db.open_table("t").to_arrow()
    assert table.schema.names == ["path", "embedding", "stars"]
    assert table["stars"].to_pylist() == [1, 2, 3, 4] and table["path"].to_pylist() == pictures
    out, _ = ours(t, "embed", "--image", pictures[2])
    assert numpy.allclose(table["embedding"][2].as_py(), json.loads(out)["embedding"], atol=1e-5)


def test_vectors_of_a_clip_are_those_that_each_picture_gives_alone(t):
    clip = small_clip(t, "clip")
    files = sorted(str(p) for p in (t.fixtures.parent.parent / "examples" / "pictures").glob("*.jpg"))
    ours(t, "index", "examples/pictures", "-m", clip)
    table = lancedb.connect(str(t.tmp)).open_table("pictures").to_arrow()
    vectors = dict(zip(table["uri"].to_pylist(), table["vector"].to_pylist()))
    assert sorted(vectors) == files
    out, _ = ours(t, "embed", "-m", clip, *(a for f in files[:20] for a in ("--image", f)))
    for line, f in zip(out.splitlines(), files):
        assert numpy.allclose(json.loads(line)["embedding"], vectors[f], atol=1e-5), f


def test_from_the_built_in_model_to_a_clip_to_a_larger_one(t):
    small, larger = small_clip(t, "small"), small_clip(t, "larger", "ViT-L-14")
    ours(t, "index", "examples/pictures/captions.tsv")
    for model, dim in ((small, 128), (larger, 192)):
        out, _ = ours(t, "table", "reembed", "-m", model, "--json")
        assert json.loads(out)["embedded"] == 69
        table = lancedb.connect(str(t.tmp)).open_table("pictures")
        assert table.schema.field("vector").type.list_size == dim
        out, _ = ours(t, "search", "a dog", "-m", model, "--json", "-n", "3")
        ids = [json.loads(line)["id"] for line in out.splitlines()]
        out, _ = ours(t, "embed", "--text", "a dog", "-m", model)
        dog = numpy.float32(json.loads(out)["embedding"])
        assert [r["id"] for r in table.search(dog).distance_type("cosine").limit(3).to_list()] == ids
    ours(t, "sample", "-n", "2")
    ours(t, "show", "3", "-o", t.tmp / "3.jpg")
    ours(t, "ask", "a dog?", "-m", larger)
    ours(t, "table", "export", "--npy", t.tmp / "v.npy")
    assert numpy.load(t.tmp / "v.npy").shape == (69, 192)
    ours(t, "remove", "3")
    ours(t, "table", "info")
    out, _ = ours(t, "index", "-m", larger, "--json")
    report = json.loads(out)
    assert (report["unchanged"], report["added"]) == (68, 1), "what was removed is found again"


def test_the_same_clip_in_another_format_and_precision_is_the_tables_model(t):
    ours(t, "index", "examples/pictures", "-m", small_clip(t, "clip", dtype="f32"))
    for form, dtype in (("openai", "f16"), ("openclip", "f16"), ("hf-bin", "f32")):
        other = small_clip(t, form, form=form, dtype=dtype)
        out, _ = ours(t, "table", "reembed", "-m", other / "small.pt" if form == "openai" else other, "--json")
        assert json.loads(out)["unchanged"], form
