"""The vector search tutorial from start to end: examples/gta.sh against a stand-in for the hub, with a data set as Hugging Face
publishes them; and the table that the tutorial's own Python code makes."""
import json
import os
import pathlib
import subprocess

import lancedb
import numpy
import pyarrow as pa
import pyarrow.parquet as pq

from hub_stand_in import HubStandIn

HERE = pathlib.Path(__file__).resolve().parent
EXAMPLES = HERE.parent.parent / "examples"
DATA_SET = "vipulmaheshwari/GTA-Image-Captioning-Dataset"
# captions written for these CC BY pictures of examples/pictures (ATTRIBUTION.md)
CAPTIONS = {
    "000000000285.jpg": "a brown bear in the grass",
    "000000252332.jpg": "a stop sign among the leaves",
    "000000377575.jpg": "a dog tied to a fire hydrant",
    "000000408805.jpg": "a kitchen with a microwave",
    "000000196393.jpg": "a cat and a canary",
    "000000013004.jpg": "a banana on a plate",
}
FEATURES = {"info": {"features": {"image": {"_type": "Image"}, "text": {"dtype": "string", "_type": "Value"}}}}


def write_data_set(folder):
    """As datasets.push_to_hub writes it: a struct of bytes and path, and the features in the schema's metadata."""
    rows = [{"image": {"bytes": (EXAMPLES / "pictures" / name).read_bytes(), "path": name}, "text": text}
            for name, text in CAPTIONS.items()]
    schema = pa.schema([("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("text", pa.string())],
                       metadata={"huggingface": json.dumps(FEATURES)})
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows, schema), folder / "train-00000-of-00001.parquet")


def run_script(t, folder, source, **more):
    folder.mkdir(exist_ok=True)
    env = dict(os.environ, PICASK=str((t.build / "picask").resolve()), HOME=str(folder), HF_HOME=str(folder / "hf"))
    for name in ("PICASK_DB", "PICASK_TABLE", "PICASK_MODEL", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN"):
        env.pop(name, None)
    env.update(more)
    done = subprocess.run([EXAMPLES / "gta.sh", *source], cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout, done.stderr


def looks_right(folder, out, rows):
    assert f"{rows} embedded" in out, out
    assert "a stop sign among the leaves" in out
    table = lancedb.connect(str(folder / "data" / "tables")).open_table("gta_data")
    found = table.to_arrow().to_pylist()
    assert len(found) == rows and sorted(r["id"] for r in found) == list(range(rows))
    assert {r["text"] for r in found} == set(CAPTIONS.values())
    assert not any("525891" in (r["uri"] or "") for r in found), "the picture that was added went again"
    best = table.search(found[1]["vector"]).distance_type("cosine").limit(1).to_list()[0]
    assert best["text"] == found[1]["text"] and best["_distance"] < 1e-6


def test_the_script_runs_to_its_end_against_the_hub_and_lancedb_opens_its_table(t):
    write_data_set(t.tmp / "hub" / "datasets" / pathlib.Path(DATA_SET) / "data")
    folder = t.tmp / "tutorial"
    with HubStandIn(t.tmp / "hub") as hub:
        rc, out, err = run_script(t, folder, [], HF_ENDPOINT=hub.endpoint)
        assert rc == 0, err + out
        looks_right(folder, out, len(CAPTIONS))
        asked = len(hub.requests)
        assert asked > 0
    # what was fetched serves without the hub, and the pictures are in the table
    rc, out, err = run_script(t, folder, [f"hf://datasets/{DATA_SET}"], HF_ENDPOINT=hub.endpoint, HF_HUB_OFFLINE="1")
    assert rc == 0, err + out
    looks_right(folder, out, len(CAPTIONS))


def test_the_script_takes_a_parquet_file_and_a_caption_file_of_ones_own(t):
    write_data_set(t.tmp / "own")
    parquet = t.tmp / "own" / "train-00000-of-00001.parquet"
    rc, out, err = run_script(t, t.tmp / "a", [str(parquet)])
    assert rc == 0, err + out
    looks_right(t.tmp / "a", out, len(CAPTIONS))
    lines = [f"{EXAMPLES / 'pictures' / name},{text}\n" for name, text in CAPTIONS.items()]
    (t.tmp / "captions.csv").write_text("path,caption\n" + "".join(lines))
    rc, out, err = run_script(t, t.tmp / "b", [str(t.tmp / "captions.csv")])
    assert rc == 0, err + out
    looks_right(t.tmp / "b", out, len(CAPTIONS))


def embed(t, pictures):
    arguments = [word for name in pictures for word in ("--image", EXAMPLES / "pictures" / name)]
    rc, out, err = t.run(["embed", *arguments])
    assert rc == 0, err
    return [json.loads(line)["embedding"] for line in out.splitlines()]


def test_a_table_made_by_the_tutorials_own_python_is_searched_shown_and_added_to(t):
    """schema vector, text, id int32; raw vectors, not of unit length."""
    rc, out, err = t.run(["embed", "--text", "x"])
    if rc != 0:
        t.skip("the built-in model is not on this machine")
    names = list(CAPTIONS)
    vectors = numpy.array(embed(t, names), "f4") * 9.5
    schema = pa.schema([pa.field("vector", pa.list_(pa.float32(), vectors.shape[1])), pa.field("text", pa.string()),
                        pa.field("id", pa.int32())])
    db = lancedb.connect(str(t.tmp / "data"))
    table = db.create_table("gta_data", schema=schema, mode="overwrite")
    table.add([{"vector": v, "text": CAPTIONS[name], "id": i} for i, (name, v) in enumerate(zip(names, vectors))])
    where = ["-d", t.tmp / "data", "-t", "gta_data"]
    rc, out, err = t.run(["search", "a road with a stop sign", "-n", "3", "--json", "-m", "mini", *where])
    assert rc == 0, err
    found = [json.loads(line) for line in out.splitlines()]
    assert len(found) == 3 and found[0]["text"] == "a stop sign among the leaves" and found[0]["id"] == 1, found
    write_data_set(t.tmp / "own")
    parquet = t.tmp / "own" / "train-00000-of-00001.parquet"
    rc, out, err = t.run(["show", "1", "--pictures", parquet, "-o", t.tmp / "shown.jpg", *where])
    assert rc == 0, err
    assert (t.tmp / "shown.jpg").read_bytes() == (EXAMPLES / "pictures" / names[1]).read_bytes()
    rc, out, err = t.run(["index", EXAMPLES / "pictures" / "000000525891.jpg", "--append", "-m", "mini", *where])
    assert rc == 0, err
    rows = table.to_arrow().to_pylist() if table.checkout_latest() is None else []
    assert len(rows) == 7 and rows[-1]["id"] == 6 and set(rows[-1]) == {"vector", "text", "id"}
    assert 8 < numpy.linalg.norm(rows[-1]["vector"]) < 11, "raw as the others"
