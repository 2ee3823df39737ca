"""Tables that LanceDB 0.37 to 0.40 and pylance wrote, kept with what these libraries read back (../shared/lance): ours reads
the same, by crc32 where the values are long. What is left out says so by name."""
import decimal
import hashlib
import json
import struct
import zlib

import lancelet
import pyarrow as pa
import pyarrow.compute as pc


def crc(data):
    return zlib.crc32(data) & 0xffffffff


def check_value(got, want, code):
    """A value of ours against the JSON: long bytes and vectors stand there as length or head and crc32."""
    if isinstance(want, dict) and "hex" in want:
        assert got.hex() == want["hex"]
    elif isinstance(want, dict) and "len" in want:
        data = got.encode() if isinstance(got, str) else got
        assert len(got) == want["len"] and crc(data) == want["crc32"]
    elif isinstance(want, dict) and "head" in want:
        assert got[:len(want["head"])] == want["head"]
        assert crc(struct.pack(f"<{len(got)}{code}", *got)) == want["crc32"]
    elif isinstance(want, dict):
        assert got.keys() == want.keys(), (got, want)
        for key, value in want.items():
            check_value(got[key], value, code)
    elif isinstance(want, list):
        assert len(got) == len(want), (got, want)
        for a, b in zip(got, want):
            check_value(a, b, code)
    elif isinstance(got, decimal.Decimal):
        assert str(got) == want, (got, want)
    elif want == "nan":
        assert got != got
    else:
        assert got == want, (got, want)


def numbers(column):
    """Dates and times as the integers they are."""
    t = column.type
    if pa.types.is_timestamp(t):
        return column.cast(pa.int64())
    return column.cast(pa.int32()) if pa.types.is_date32(t) else column


def check_table(folder, name):
    want = json.loads((folder / f"{name}.json").read_text())
    for version, expected in want["versions"].items():
        ours = lancelet.open(str(folder / f"{name}.lance"), int(version))
        assert ours.rows == expected["rows"], (name, version)
        for column, values in expected["data"].items():
            got = ours.scan([column])[column]
            code = {"halffloat": "e", "float": "f", "double": "d"}.get(str(getattr(got.type, "value_type", "")), "f")
            got = numbers(got).to_pylist()
            assert len(got) == len(values), (name, version, column)
            for a, b in zip(got, values):
                check_value(a, b, code)


def samples(t):
    t.need_shared()
    folder = t.shared / "lance" / "samples_040"
    return folder, sorted(p.stem for p in folder.glob("*.lance"))


def test_every_sample_of_file_version_2_0_to_2_2_reads_to_its_expected_values(t):
    folder, names = samples(t)
    checked = 0
    for name in names:
        if name.endswith("_23"):
            continue
        check_table(folder, name)
        checked += 1
    assert checked >= 23


def test_a_table_of_version_2_3_opens_and_is_refused_by_name_when_read(t):
    folder, names = samples(t)
    refused = 0
    for name in names:
        if not name.endswith("_23"):
            continue
        ours = lancelet.open(str(folder / f"{name}.lance"))
        assert ours.rows > 0
        try:
            ours.scan(["id"])
            raise AssertionError(name)
        except (OSError, lancelet.Error) as e:
            assert "version 2.3" in str(e), e
        refused += 1
    assert refused >= 3


def test_tables_of_version_2_0_and_2_3_are_not_written(t):
    folder, names = samples(t)
    for name in names:
        if not name.endswith(("_20", "_23")):
            continue
        try:
            lancelet.open(str(folder / f"{name}.lance")).commit(config={"a": "b"})
            raise AssertionError(name)
        except lancelet.Error as e:
            assert e.status == "UNSUPPORTED" and "2." + name[-1] in str(e), e


def test_a_table_with_stable_row_ids_is_read_and_not_written(t):
    folder, _ = samples(t)
    ours = lancelet.open(str(folder / "stable_ids.lance"))
    query = ours.scan(["vector"])["vector"][3].as_py()
    assert abs(ours.search(query, 1)[0][1]) < 1e-6
    try:
        ours.commit(config={"a": "b"})
        raise AssertionError("written")
    except lancelet.Error as e:
        assert e.status == "UNSUPPORTED" and "stable row ids" in str(e), e


def test_tables_of_lancedb_0_37_and_0_39_read_to_the_rows_of_their_golden_files(t):
    t.need_shared()
    folder = t.shared / "lance" / "samples"
    tables = {"v037_d512/items.lance": "v037_d512.items", "v039_d512/items.lance": "v039_d512.items",
              "v039_variety_d768/v.lance": "v039_variety_d768", "v039_variety_fmt2.1/v.lance": "v039_variety_fmt2.1",
              "cwriter_model/pyw.lance": "cwriter_model"}
    def short(data):
        return hashlib.sha256(data).hexdigest()[:16]

    for table, golden in tables.items():
        want = [json.loads(line) for line in (folder / f"{golden}.golden.jsonl").read_text().splitlines()]
        ours = lancelet.open(str(folder / table))
        rows = ours.scan()
        assert rows.num_rows == len(want), table
        for name in rows.schema.names:
            column = rows[name]
            if "timestamp" in str(column.type):
                column = pc.divide(column.cast("int64"), 1000)  # the golden files have JavaScript's milliseconds
            for got, expected in zip(column.to_pylist(), (x[name] for x in want)):
                if name == "vector" and got is not None:
                    got = "hasnull" if None in got else short(struct.pack(f"<{len(got)}f", *got))
                elif isinstance(got, bytes):
                    got = f"{len(got)}:{short(got)}"
                assert got == expected, (table, name, got, expected)
