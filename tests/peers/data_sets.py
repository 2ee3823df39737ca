"""Data sets as Hugging Face's `datasets` writes them, from a file and from the hub (hub_stand_in.py): row by row what pyarrow
reads and what lancedb finds in the table."""
import contextlib
import datetime
import decimal
import hashlib
import json
import os
import pathlib
import shutil

import lancedb
import pyarrow as pa
import pyarrow.parquet as pq

from hub_stand_in import HubStandIn

PICTURES = sorted((pathlib.Path(__file__).resolve().parents[2] / "examples" / "pictures").glob("*.jpg"))
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
STRING = {"dtype": "string", "_type": "Value"}
# Of the columns beside picture and text, as pyarrow reads them back: Parquet has no time of whole seconds and no date64.
COLUMNS = {"score": pa.float32(), "count": pa.int16(), "big": pa.uint64(), "good": pa.bool_(), "day": pa.date32(),
           "when": pa.timestamp("us", "UTC"), "author": pa.string(), "wide": pa.float64(), "half": pa.float16(), "tiny": pa.int8(),
           "time": pa.time64("us"), "seconds": pa.time32("ms"), "price": pa.decimal128(9, 2), "large": pa.decimal256(50, 3),
           "key": pa.binary(4), "blob": pa.binary(), "took": pa.duration("ms"), "old": pa.date32(),
           "nanos": pa.timestamp("ns"), "many": pa.int64(), "unsigned": pa.uint32()}


def features(**columns):
    return {"huggingface": json.dumps({"info": {"features": columns}})}


def data_set(pictures, first=0, text="a picture, number %d"):
    """As datasets.Dataset.to_parquet has it: one row a picture."""
    n = len(pictures)
    rows = range(first, first + n)
    day = datetime.date(2026, 1, 1)
    table = pa.table({
        "image": pa.array([{"bytes": p.read_bytes(), "path": p.name} for p in pictures], IMAGE),
        "text": pa.array([text % i for i in rows]),
        "score": pa.array([None if i == 2 else i / 7 for i in rows], COLUMNS["score"]),
        "count": pa.array([-i for i in rows], COLUMNS["count"]),
        "big": pa.array([2 ** 64 - 1 - i for i in rows], COLUMNS["big"]),
        "good": pa.array([i % 3 == 0 for i in rows]),
        "day": pa.array([day + datetime.timedelta(i) for i in rows]),
        "when": pa.array([datetime.datetime(2026, 1, 1, i % 24, tzinfo=datetime.timezone.utc) for i in rows], COLUMNS["when"]),
        "author": pa.array([f"Ünï {i}" for i in rows]),
        "wide": pa.array([i / 3 for i in rows]),
        "half": pa.array([i / 2 for i in rows], pa.float16()),
        "tiny": pa.array([None if i == 1 else -i % 100 for i in rows], pa.int8()),
        "time": pa.array([datetime.time(i % 24, 30, 15, i) for i in rows], COLUMNS["time"]),
        "seconds": pa.array([datetime.time(i % 24, 30, 15) for i in rows], pa.time32("s")),
        "price": pa.array([None if i == 3 else decimal.Decimal(i) / 4 - 2 for i in rows], COLUMNS["price"]),
        "large": pa.array([decimal.Decimal(10) ** 40 - i for i in rows], COLUMNS["large"]),
        "key": pa.array([b"key%c" % (65 + i % 26) for i in rows], COLUMNS["key"]),
        "blob": pa.array([bytes(i % 5) for i in rows]),
        "took": pa.array([1000 * i for i in rows], COLUMNS["took"]),
        "old": pa.array([day - datetime.timedelta(i) for i in rows], pa.date64()),
        "nanos": pa.array([10 ** 18 + i for i in rows], COLUMNS["nanos"]),
        "many": pa.array([-2 ** 62 + i for i in rows]),
        "unsigned": pa.array([2 ** 32 - 1 - i for i in rows], COLUMNS["unsigned"])})
    return table.replace_schema_metadata(features(image={"_type": "Image"}, text=STRING))


def index(t, *arguments, env=None, table="pics"):
    rc, out, err = t.run(["--db", t.tmp / "db", "index", *arguments, "-t", table, "--json"], env=env)
    assert rc == 0, (rc, out, err)
    return json.loads(out.splitlines()[-1])


def rows_of(t, table="pics"):
    rows = lancedb.connect(str(t.tmp / "db")).open_table(table).to_arrow()
    return rows.take(pa.compute.sort_indices(rows["id"])) if rows.num_rows else rows


def same_rows(t, expected, uri, table="pics"):
    """The table's rows are those of a data set, counted from 0."""
    rows = rows_of(t, table)
    assert rows["id"].to_pylist() == list(range(expected.num_rows))
    assert rows["text"].to_pylist() == expected["text"].to_pylist()
    assert rows["uri"].to_pylist() == [uri % i for i in range(expected.num_rows)]
    pictures = [r["bytes"] for r in expected["image"].to_pylist()]
    assert rows["sha256"].to_pylist() == [hashlib.sha256(p).hexdigest() for p in pictures]
    assert rows["image"].to_pylist() == pictures, "a picture without a file of its own is kept in the table"
    for name, type in COLUMNS.items():
        assert rows.schema.field(name).type == type, (name, rows.schema.field(name).type)
        assert rows[name].equals(expected[name].cast(type)), name


def shown(t, id, env=None, table="pics"):
    out = t.tmp / "shown.jpg"
    rc, _, err = t.run(["--db", t.tmp / "db", "show", id, "-t", table, "-o", out], env=env)
    assert rc == 0, err
    return out.read_bytes()


def test_rows_of_a_parquet_file_are_rows_of_the_table(t):
    expected, path = data_set(PICTURES), t.tmp / "x.parquet"
    pq.write_table(expected, path, row_group_size=4)
    assert index(t, path)["added"] == len(PICTURES)
    same_rows(t, expected, f"{path}#row=%d")
    assert shown(t, 7) == PICTURES[7].read_bytes()
    again = index(t, path)
    assert (again["added"], again["changed"], again["unchanged"]) == (0, 0, len(PICTURES)), again


def test_pictures_that_stay_in_the_file_are_read_from_it(t):
    expected, path = data_set(PICTURES), t.tmp / "x.parquet"
    pq.write_table(expected, path, row_group_size=5, compression="zstd", data_page_version="2.0")
    index(t, path, "--store-images=none")
    assert "image" not in rows_of(t).schema.names or rows_of(t)["image"].null_count == len(PICTURES)
    assert shown(t, 9) == PICTURES[9].read_bytes()
    rc, out, err = t.run(["--db", t.tmp / "db", "show", f"{path}#row=9", "-t", "pics", "--json"])
    assert rc == 0 and json.loads(out)["id"] == 9, (out, err)


def test_several_files_of_a_folder_have_the_columns_of_all(t):
    folder = t.tmp / "folder"
    folder.mkdir()
    one, two = data_set(PICTURES[:3]), data_set(PICTURES[3:6], 3).drop_columns(["score", "author"])
    two = two.append_column("more", pa.array([decimal.Decimal("1.25"), None, decimal.Decimal("-3.50")], pa.decimal128(8, 2)))
    pq.write_table(one, folder / "a.parquet")
    pq.write_table(two, folder / "b.parquet")
    shutil.copy(PICTURES[6], folder / "c.jpg")
    assert index(t, folder)["added"] == 7
    rows = rows_of(t)
    assert rows["author"].to_pylist() == one["author"].to_pylist() + [None] * 4
    assert rows["count"].to_pylist() == [0, -1, -2, -3, -4, -5, None]
    assert rows["more"].to_pylist() == [None] * 3 + two["more"].to_pylist() + [None]
    assert rows["uri"].to_pylist()[2:4] == [f"{folder}/a.parquet#row=2", f"{folder}/b.parquet#row=0"]


def test_options_name_the_columns(t):
    path = t.tmp / "x.parquet"
    table = data_set(PICTURES[:3])
    other = pa.array([{"bytes": p.read_bytes(), "path": None} for p in PICTURES[3:6]], IMAGE)
    pq.write_table(table.append_column("second", other), path)
    index(t, path, "--image-column", "second.bytes", "--text-column", "author")
    assert rows_of(t)["sha256"].to_pylist() == [hashlib.sha256(p.read_bytes()).hexdigest() for p in PICTURES[3:6]]
    assert rows_of(t)["text"].to_pylist() == table["author"].to_pylist()
    rc, _, err = t.run(["--db", t.tmp / "db", "index", path, "-t", "other", "--image-column", "author_"])
    assert rc != 0 and "has no column 'author_' with pictures; its columns: image, text" in err, err


def test_pictures_of_a_column_that_only_the_option_names_are_kept(t):
    """A row's uri does not say which column: the rules would show the other one."""
    path = t.tmp / "x.parquet"
    for p in PICTURES[:4]:
        (t.tmp / p.name).write_bytes(p.read_bytes())
    names = [p.name for p in PICTURES]
    pq.write_table(pa.table({"file_name": names[:2], "other": names[2:4]}), path)
    out = t.tmp / "shown.jpg"
    for column, expected in (("other", PICTURES[2]), ("file_name", PICTURES[0])):
        index(t, path, "--image-column", column, table=column)
        rows = rows_of(t, column)
        assert (rows["image"][0].as_py() is None) == (column == "file_name")
        rc, _, err = t.run(["--db", t.tmp / "db", "show", rows["id"][0].as_py(), "-t", column, "-o", out])
        assert rc == 0 and out.read_bytes() == expected.read_bytes(), (column, err)
        out.unlink()
        rc, _, err = t.run(["--db", t.tmp / "db", "index", path, "-t", column + "2", "--image-column", column, "--store-images=none"])
        assert rc == 0 and ("keep them: --store-images=original" in err) == (column == "other"), err


def test_a_data_set_of_the_hub_as_it_is_published(t):
    t.need_shared()
    path = t.shared / "data" / "parquet" / "pokemon-gba.parquet"
    expected = pq.read_table(path)
    assert index(t, path)["added"] + index(t, path)["unchanged"] >= expected.num_rows
    rows = rows_of(t)
    assert rows["text"].to_pylist() == expected["text"].to_pylist()
    assert rows["sha256"].to_pylist() == [hashlib.sha256(p["bytes"]).hexdigest() for p in expected["image"].to_pylist()]


def test_rows_whose_pictures_are_elsewhere_are_named(t):
    t.need_shared()
    path = t.shared / "data" / "parquet" / "r1-multimodal.parquet"
    rc, out, err = t.run(["--db", t.tmp / "db", "index", path, "-t", "pics"])
    assert rc != 0 and "r1-multimodal.parquet#row=7: the picture that row 7 names is not there: /lpai/" in err, err[-500:]


# ---- the hub ----

@contextlib.contextmanager
def hub_of(t):
    folder = t.tmp / "repos" / "datasets" / "org" / "pics"
    (folder / "data").mkdir(parents=True)
    (folder / "README.md").write_text("# pictures\n")
    pq.write_table(data_set(PICTURES[:6]), folder / "data" / "train-00000-of-00001.parquet")
    pq.write_table(data_set(PICTURES[6:9], 6), folder / "data" / "test-00000-of-00001.parquet")
    with HubStandIn(t.tmp / "repos") as hub:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "XDG_")) and "proxy" not in k.lower()}
        yield folder, hub, dict(clean, HOME=str(t.tmp / "home"), HF_HOME=str(t.tmp / "hf"), HF_ENDPOINT=hub.endpoint)


URI = "hf://datasets/org/pics@main/data/%s-00000-of-00001.parquet#row=%d"


def test_the_size_of_a_data_set_is_said_before_it_is_fetched_and_only_then(t):
    with hub_of(t) as (folder, hub, env):
        how = ["--db", t.tmp / "db", "index", "hf://datasets/org/pics"]
        rc, _, err = t.run(how, env=env)
        assert rc == 0 and err.startswith("fetching from Hugging Face: ") and err.count("\n") == 1, err
        rc, _, err = t.run(how, env=env)
        assert rc == 0 and err == "", err


def test_a_data_set_of_the_hub_is_a_source(t):
    with hub_of(t) as (folder, hub, env):
        assert index(t, "hf://datasets/org/pics", env=env)["added"] == 9
        rows = rows_of(t)
        assert rows["uri"].to_pylist() == [URI % ("train", i) for i in range(6)] + [URI % ("test", i) for i in range(3)]
        assert rows["text"].to_pylist() == ["a picture, number %d" % i for i in range(9)]
        hub.forget()
        again = index(t, "hf://datasets/org/pics", env=env)
        assert (again["added"], again["changed"], again["unchanged"]) == (0, 0, 9), again
        assert not hub.seen(path="/resolve/"), "nothing is fetched twice"
    offline = dict(env, HF_HUB_OFFLINE="1")  # the hub is gone
    again = index(t, env=offline)  # without SOURCE: what the table remembers
    assert (again["added"], again["unchanged"]) == (0, 9), again
    assert shown(t, 8, env=offline) == PICTURES[8].read_bytes()
    rc, out, err = t.run(["--db", t.tmp / "db", "sample", "hf://datasets/org/pics", "-n", "3", "--json"], env=offline)
    assert rc == 0 and out.count("hf://datasets/org/pics@main/data/") == 3, (out, err)
    rc, _, err = t.run(["--db", t.tmp / "db", "sample", "hf://datasets/org/pics", "-n", "3", "--show"], env=offline)
    assert rc == 0 and "no picture" not in err, err


def test_a_new_commit_changes_what_it_changes(t):
    with hub_of(t) as (folder, hub, env):
        index(t, "hf://datasets/org/pics", "--store-images=none", env=env)
        before = rows_of(t)
        pq.write_table(data_set(PICTURES[:2] + PICTURES[9:10] + PICTURES[3:6]), folder / "data" / "train-00000-of-00001.parquet")
        hub.forget()
        report = index(t, "hf://datasets/org/pics", "--store-images=none", env=env)
        assert (report["added"], report["changed"], report["unchanged"]) == (0, 1, 8), report
        assert {r["path"].rsplit("/", 1)[1] for r in hub.seen(server="hub", path="/resolve/")} == {"train-00000-of-00001.parquet"}
        rows = rows_of(t)
        assert rows["uri"] == before["uri"] and rows["id"] == before["id"]
        differs = [a != b for a, b in zip(rows["sha256"].to_pylist(), before["sha256"].to_pylist())]
        assert differs == [i == 2 for i in range(9)]
        assert shown(t, 2, env=env) == PICTURES[9].read_bytes()


def test_a_glob_takes_some_files_of_a_data_set(t):
    with hub_of(t) as (folder, hub, env):
        assert index(t, "hf://datasets/org/pics@main/data/test*", env=env)["added"] == 3
        assert not hub.seen(path="train-00000"), "what is not read is not fetched"
        assert index(t, "hf://datasets/org/pics/data/train-00000-of-00001.parquet", env=env, table="other")["added"] == 6
        rc, _, err = t.run(["--db", t.tmp / "db", "index", "hf://datasets/org/pics/*.zip", "-t", "none"], env=env)
        assert rc != 0 and "no Parquet, picture, video or caption file that is called *.zip" in err, err
        rc, _, err = t.run(["--db", t.tmp / "db", "index", "hf://org/pics", "-t", "none"], env=env)
        assert rc != 0 and "names a model of the hub, not a data set; those are called hf://datasets/org/pics" in err, err


def test_a_folder_of_pictures_on_the_hub_has_its_captions(t):
    folder = t.tmp / "repos" / "datasets" / "org" / "folder" / "train"
    folder.mkdir(parents=True)
    for p in PICTURES[:4]:
        shutil.copy(p, folder)
    (folder / "metadata.csv").write_text("file_name,text,rank\n" + "".join(
        f"{p.name},words of {i},{i}\n" for i, p in enumerate(PICTURES[:3])))
    with HubStandIn(t.tmp / "repos") as hub:
        env = dict(os.environ, HOME=str(t.tmp / "home"), HF_HOME=str(t.tmp / "hf"), HF_ENDPOINT=hub.endpoint)
        assert index(t, "hf://datasets/org/folder", env=env)["added"] == 4
        rows = rows_of(t)
        assert rows["uri"].to_pylist() == [f"hf://datasets/org/folder@main/train/{p.name}" for p in PICTURES[:4]]
        assert rows["text"].to_pylist() == ["words of 0", "words of 1", "words of 2", None]
        assert rows["rank"].to_pylist() == [0, 1, 2, None]
        assert shown(t, 3, env=env) == PICTURES[3].read_bytes()


def test_a_table_of_captions_on_the_hub_brings_its_pictures(t):
    folder = t.tmp / "repos" / "datasets" / "org" / "listed"
    (folder / "images").mkdir(parents=True)
    for p in PICTURES[:3]:
        shutil.copy(p, folder / "images")
    for name, part in (("train.jsonl", PICTURES[:2]), ("test.jsonl", PICTURES[2:3])):
        (folder / name).write_text("".join(json.dumps({"image": "images/" + p.name, "text": name}) + "\n" for p in part))
    with HubStandIn(t.tmp / "repos") as hub:
        env = dict(os.environ, HOME=str(t.tmp / "home"), HF_HOME=str(t.tmp / "hf"), HF_ENDPOINT=hub.endpoint)
        assert index(t, "hf://datasets/org/listed", env=env)["added"] == 3
        rows = rows_of(t)
        assert rows["uri"].to_pylist() == [f"hf://datasets/org/listed@main/images/{p.name}" for p in PICTURES[:3]]
        assert rows["text"].to_pylist() == ["train.jsonl", "train.jsonl", "test.jsonl"]


def test_without_the_cache_a_picture_of_the_hub_says_how_to_get_it(t):
    with hub_of(t) as (folder, hub, env):
        index(t, "hf://datasets/org/pics", "--store-images=none", env=env)
        shutil.rmtree(t.tmp / "hf")
        rc, _, err = t.run(["--db", t.tmp / "db", "show", "1", "-t", "pics", "-o", t.tmp / "x.jpg"], env=env)
        assert rc != 0 and "picask dataset pull org/pics" in err, err
