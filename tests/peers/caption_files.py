"""caption_files.py - CSV, TSV and JSONL of captions beside Python's csv and json modules, pyarrow.csv and pandas' way of writing: the
rows of the table that `index` makes of files drawn from a seed."""
import csv
import io
import json
import math
import os
import pathlib
import random

import lancedb
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

PICTURE = sorted((pathlib.Path(__file__).resolve().parents[2] / "examples" / "pictures").glob("*.jpg"))[0]
SEED = 11
ROWS = 40
PIECES = ["a dog", "two, words", 'said "stop"', '"', '""', "line\nbreak", "two\n\nbreaks", "tab\there", "é ü 漢字 🙂", " spaces ", "'quoted'", "x" * 300,
          "#hash", "a;b", "NULL", "NA", "nan", "true", "12", "\\n", "back\\slash", "\u2028", "a\u00a0b", ",", "-"]


def _index(t, path, *options):
    name = "t%d" % len(list((t.tmp / "db").glob("*.lance"))) if (t.tmp / "db").is_dir() else "t0"
    rc, out, err = t.run(["--db", t.tmp / "db", "index", path, "-t", name, "--json", *options])
    assert rc == 0, (rc, out, err)
    assert json.loads(out.splitlines()[-1])["skipped"] == [], out
    rows = lancedb.connect(str(t.tmp / "db")).open_table(name).to_arrow()
    return rows.take(pa.compute.sort_indices(rows["id"])).drop(["vector"])


def _pictures(t, n):
    """Names in a folder, all of them one picture: its vector is made once."""
    folder = t.tmp / "pictures"
    folder.mkdir(exist_ok=True)
    if not (folder / "0.jpg").exists():
        (folder / "0.jpg").write_bytes(PICTURE.read_bytes())
    names = [f"{i}.jpg" for i in range(n)]
    for name in names[1:]:
        if not (folder / name).exists():
            os.link(folder / "0.jpg", folder / name)
    return folder, names


def _text(r):
    return "".join(r.choice(PIECES) for _ in range(r.randint(0, 3)))


def _write(path, header, rows, bom=False, **dialect):
    text = io.StringIO(newline="")
    writer = csv.writer(text, **dialect)
    writer.writerow(header)
    writer.writerows(rows)
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + text.getvalue().encode())
    with open(path, newline="", encoding="utf-8-sig") as f:  # what the peer makes of it, not what was meant
        return list(csv.reader(f, **dialect))[1:]


def _null(s):
    return s if s else None


def test_records_of_csv_are_those_of_python(t):
    folder, names = _pictures(t, ROWS)
    for seed in range(8 if t.run_all else 4):
        r = random.Random(SEED + seed)
        dialect = dict(quoting=[csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC][seed % 4],
                       lineterminator=["\n", "\r\n"][seed // 2 % 2])
        rows = [[name, _text(r), "t" + _text(r)] for name in names]
        path = folder / f"{seed}.csv"
        expected = _write(path, ["path", "caption", "note"], rows, bom=seed % 2 == 1, **dialect)
        ours = _index(t, path)
        assert ours["uri"].to_pylist() == [str(folder / x[0]) for x in expected]
        assert ours["text"].to_pylist() == [_null(x[1]) for x in expected], seed
        assert ours["note"].to_pylist() == [_null(x[2]) for x in expected], seed


def test_tables_that_pandas_writes_with_tabs_are_read(t):
    folder, names = _pictures(t, ROWS)
    r = random.Random(SEED)
    pieces = [p for p in PIECES if "\\" not in p and p != "tab\there"]
    rows = [[name, "".join(r.choice(pieces) for _ in range(r.randint(1, 3)))] for name in names] + [[names[0], "a\tb"]]
    path = folder / "p.tsv"
    expected = _write(path, ["path", "caption"], rows, delimiter="\t", lineterminator="\n")
    captions = [x[1] for x in expected]
    captions[0] += "\n" + captions.pop()  # the last line names the first picture again
    assert _index(t, path)["text"].to_pylist() == captions


def test_a_lone_quote_in_a_table_with_tabs_is_a_character(t):
    folder, _ = _pictures(t, 4)
    path = folder / "q.tsv"
    path.write_text('path\tcaption\n0.jpg\t"begins\n1.jpg\tb\n2.jpg\tends"\n3.jpg\t"whole"\n')
    assert _index(t, path)["text"].to_pylist() == ['"begins', "b", 'ends"', "whole"]


def test_columns_have_the_types_that_pyarrow_finds(t):
    folder, names = _pictures(t, ROWS)
    r = random.Random(SEED)
    make = {
        "whole": lambda: str(r.randint(-2 ** 63, 2 ** 63 - 1)), "small": lambda: str(r.randint(-9, 9)),
        "real": lambda: repr(r.uniform(-1e6, 1e6)), "mixed": lambda: r.choice(["1", "2.5", "-3", "1e-7", "6.02e23"]),
        "truth": lambda: r.choice(["true", "false"]), "Truth": lambda: r.choice(["True", "False"]),
        "words": lambda: r.choice(["a", "b 1", "1 b"]), "some": lambda: r.choice(["", "5"]), "part": lambda: r.choice(["", "0.5"]),
        "maybe": lambda: r.choice(["", "true"]), "both": lambda: r.choice(["1", "x"]), "tiny": lambda: r.choice(["5e-324", "1.7976931348623157e308"]),
    }
    path = folder / "types.csv"
    _write(path, ["path", "text", *make], [[name, "c", *[f() for f in make.values()]] for name in names])
    theirs = pyarrow.csv.read_csv(path, convert_options=pyarrow.csv.ConvertOptions(null_values=[""], strings_can_be_null=True))
    ours = _index(t, path)
    for name in make:
        assert ours.schema.field(name).type == theirs.schema.field(name).type, name
        assert ours[name].to_pylist() == theirs[name].to_pylist(), name


def test_numbers_that_would_not_come_back_as_written_are_text(t):
    """Departs from pyarrow, which makes 7 of 007, floats of hashes of 64 bits, and dates of days."""
    folder, names = _pictures(t, 2)
    path = folder / "n.csv"
    columns = {"zip": ["00701", "10115"], "phash": ["18446744073709551615", "3"], "day": ["2026-01-02", "2026-01-03"],
               "plus": ["+1", "+2"], "none": ["nan", "inf"], "hex": ["0x1F", "0x20"]}
    _write(path, ["path", "text", *columns], [[name, "c", *[x[i] for x in columns.values()]] for i, name in enumerate(names)])
    ours = _index(t, path)
    for name, values in columns.items():
        assert ours[name].to_pylist() == values, name


def test_records_of_another_length_and_blank_lines(t):
    folder, _ = _pictures(t, 5)
    path = folder / "r.csv"
    path.write_text('path,a,caption\n0.jpg\n\n1.jpg,1\r\n2.jpg,,one, two\n3.jpg,"",""\n\n4.jpg,5,"x"y', newline="")
    ours = _index(t, path)
    assert ours["text"].to_pylist() == [None, None, "one, two", None, "xy"]
    assert ours["a"].to_pylist() == [None, 1, None, None, 5]
    path.write_text("path,caption,a\n0.jpg,c,1\n1.jpg,one, two,3\n")
    rc, _, err = t.run(["--db", t.tmp / "db", "index", path, "-t", "long"])
    assert rc == 2 and "line 3 has 4 fields, the header 3" in err, err


def _value(r, depth=0):
    kinds = [lambda: _text(r), lambda: r.randint(-2 ** 63, 2 ** 63 - 1), lambda: r.uniform(-1e9, 1e9), lambda: None, lambda: True]
    if depth < 3:
        kinds += [lambda: [_value(r, depth + 1) for _ in range(r.randint(0, 3))],
                  lambda: {_text(r): _value(r, depth + 1) for _ in range(r.randint(0, 3))}]
    return r.choice(kinds)()


def test_objects_of_jsonl_are_those_of_python(t):
    folder, names = _pictures(t, ROWS)
    for seed in range(6 if t.run_all else 3):
        r = random.Random(SEED + seed)
        objects = []
        for name in names:
            o = {"file_name": name, "text": _text(r), "whole": r.randint(-2 ** 63, 2 ** 63 - 1), "real": r.uniform(-1, 1) * 10 ** r.randint(-300, 300),
                 "good": r.random() < 0.5, "note": r.choice([None, "", _text(r)]), "nested": r.choice([[_value(r)], {"k": _value(r)}])}
            if r.random() < 0.3:
                del o["whole"], o["note"]
            objects.append(o)
        path = folder / f"{seed}.jsonl"
        lines = [json.dumps(o, ensure_ascii=r.random() < 0.5) for o in objects]
        path.write_bytes((b"\xef\xbb\xbf" if seed == 1 else b"") + ["\n", "\r\n", "\n\n"][seed % 3].join(lines).encode())
        ours = _index(t, path)
        assert [ours.schema.field(x).type for x in ("whole", "real", "good", "note", "nested")] == \
               [pa.int64(), pa.float64(), pa.bool_(), pa.string(), pa.string()]
        for i, o in enumerate(objects):
            row = {x: ours[x][i].as_py() for x in ("text", "whole", "real", "good", "note", "nested")}
            nested = json.loads(row.pop("nested"))
            assert nested == o.pop("nested") and row == {**{x: o.get(x) for x in row}, "text": _null(o["text"])}, (seed, i, row, o)


def test_escapes_and_numbers_of_json(t):
    folder, names = _pictures(t, 4)
    path = folder / "e.jsonl"
    lines = ['{"image": "0.jpg", "text": "\\ud83d\\ude42 \\u00e9\\t\\/\\b", "n": 1, "dup": 1, "dup": 2}',
             '{"image": "1.jpg", "text": "a\\u0000b", "n": 2.5}',
             '{"image": "2.jpg", "text": ["one", null, "", "two"], "n": 1e400}'.replace("1e400", "1e300"),
             '{"image": "3.jpg", "text": 7, "n": 18446744073709551616}']
    path.write_text("\n".join(lines))
    ours = _index(t, path)
    expected = [json.loads(x) for x in lines]
    assert ours["text"].to_pylist() == [expected[0]["text"], "a\ufffdb", "one\ntwo", "7"]
    assert ours["n"].to_pylist() == [float(x["n"]) for x in expected] and math.isfinite(ours["n"][3].as_py())
    assert ours["dup"].to_pylist() == [2, None, None, None]
    path.write_text(lines[0] + '\n{"image": "1.jpg", "n": NaN}\n')  # Python writes it, JSON has it not
    rc, _, err = t.run(["--db", t.tmp / "db", "index", path, "-t", "nan"])
    assert rc == 2 and "line 2 is no JSON" in err, err


def test_numbered_captions_are_one_caption(t):
    """As data sets of the hub have five captions of a picture: caption_0 ... caption_4."""
    folder, names = _pictures(t, 2)
    columns = {"caption_0": ["a dog", "a cat"], "caption_1": ["", "two"], "Caption2": ["three, four", "five"]}
    path = folder / "k.csv"
    _write(path, ["path", "label", *columns], [[name, "l", *[x[i] for x in columns.values()]] for i, name in enumerate(names)])
    expected = ["a dog\nthree, four", "a cat\ntwo\nfive"]
    for source in (path, folder / "k.jsonl", folder / "k.parquet"):
        if source.suffix == ".jsonl":
            source.write_text("".join(json.dumps({"path": name, "label": "l", **{k: v[i] for k, v in columns.items()}}) + "\n"
                                      for i, name in enumerate(names)))
        elif source.suffix == ".parquet":
            pa.parquet.write_table(pa.table({"path": names, "label": ["l", "l"], **columns}), source)
        ours = _index(t, source)
        assert ours["text"].to_pylist() == expected, source
        assert ours["label"].to_pylist() == ["l", "l"] and "caption_0" not in ours.schema.names
        one = _index(t, source, "--text-column", "caption_1")
        assert one["text"].to_pylist() == [None, "two"] and one["caption_0"].to_pylist() == columns["caption_0"]
