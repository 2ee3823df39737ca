#!/usr/bin/env python3
"""Makes tests/fixtures/lance/v20/: columns.lance, a data file of version 2.0 by the real writer with a column of every type and
nesting that it writes, in several pages; columns.jsonl, the values that its reader gives back.

    python3 tests/golden/lance_file_v20.py      needs pylance 14 and pyarrow

A line of columns.jsonl is [column, [values]]: integers (dates, times and durations too), floats, booleans and strings as they
are, lists, structs as objects, all other bytes (float16, decimals, binary) in hex."""
import json
import os
import random

import pyarrow as pa
from lance.file import LanceFileReader, LanceFileWriter

OUT = os.path.join(os.path.dirname(__file__), "..", "fixtures", "lance", "v20")
ROWS = 150
R = random.Random(20)


def some(make, nulls=0.2):
    return [None if R.random() < nulls else make(i) for i in range(ROWS)]


def text(i):
    return "".join(R.choice("abcäö€𝄞") for _ in range(R.randrange(12)))


def items(make, most=5):
    return lambda i: [None if R.random() < 0.2 else make(i + k) for k in range(R.randrange(most))]


def dictionary(values, keys):
    return pa.array(some(lambda i: values[i % len(values)])).cast(pa.dictionary(keys, pa.string()))


def compressed(scheme):
    return {"lance-encoding:compression": scheme}


PAIR = pa.struct([("a", pa.int32()), ("b", pa.list_(pa.float32(), 2))])
COLUMNS = {
    "int8": pa.array(some(lambda i: i - 70), pa.int8()),
    "uint16_whole": pa.array(range(ROWS), pa.uint16()),
    "int32": pa.array(some(lambda i: i * 7919), pa.int32()),
    "int64": pa.array(some(lambda i: -i << 40), pa.int64()),
    "half": pa.array(some(lambda i: i / 4), pa.float64()).cast(pa.float16()),
    "float": pa.array(some(lambda i: i / 8), pa.float32()),
    "double": pa.array(some(lambda i: i / 16, 0), pa.float64()),
    "bool": pa.array(some(lambda i: i % 3 == 0)),
    "all_null": pa.array([None] * ROWS, pa.int32()),
    "null": pa.nulls(ROWS),
    "string": pa.array(some(text)),
    "large_string": pa.array(some(text, 0), pa.large_string()),
    "binary": pa.array(some(lambda i: bytes([i]) * (i % 5)), pa.binary()),
    "large_binary": pa.array(some(lambda i: bytes([i]) * (i % 5)), pa.large_binary()),
    "string_null": pa.array([None] * ROWS, pa.string()),
    "few_strings": pa.array(some(lambda i: f"v{i % 5}")),
    "zstd": pa.array(some(lambda i: "again " * (i % 9))),
    "lz4": pa.array(some(lambda i: "again " * (i % 9))),
    "fsst": pa.array(some(lambda i: "tumcwitktumzcwittk " * (i % 9))),
    "fixed_binary": pa.array(some(lambda i: bytes([i, 1, 2])), pa.binary(3)),
    "decimal": pa.array(some(lambda i: i), pa.int32()).cast(pa.decimal128(12, 2)),
    "decimal256": pa.array(some(lambda i: i), pa.int32()).cast(pa.decimal256(40, 2)),
    "date": pa.array(some(lambda i: i), pa.int32()).cast(pa.date32()),
    "time": pa.array(some(lambda i: i), pa.int64()).cast(pa.timestamp("us", "UTC")),
    "duration": pa.array(some(lambda i: i), pa.int64()).cast(pa.duration("ns")),
    "vector": pa.array(some(lambda i: [i, i / 2, 1], 0), pa.list_(pa.float32(), 3)),
    "vector_nulls": pa.array(some(lambda i: [i, None if i % 2 else 2.0]), pa.list_(pa.float32(), 2)),
    "vector_no_items": pa.array(some(lambda i: [None, None], 0), pa.list_(pa.int16(), 2)),
    "bits": pa.array(some(lambda i: [i % 2 == 0, i % 3 == 0, None]), pa.list_(pa.bool_(), 3)),
    "matrix": pa.array(some(lambda i: [[i, 1], [2, 3], [4, 5]], 0), pa.list_(pa.list_(pa.int16(), 2), 3)),
    "dictionary": dictionary(["red", "green", "blau"], pa.int8()),
    "list": pa.array(some(items(lambda i: i)), pa.list_(pa.int32())),
    "large_list": pa.array(some(items(text), 0), pa.large_list(pa.string())),
    "lists": pa.array(some(items(items(lambda i: i))), pa.list_(pa.list_(pa.int64()))),
    "no_lists": pa.array([None] * ROWS, pa.list_(pa.string())),
    "empty_lists": pa.array([[]] * ROWS, pa.list_(pa.int8())),
    "vectors": pa.array(some(lambda i: [[i, k] for k in range(i % 4)]), pa.list_(pa.list_(pa.float32(), 2))),
    "struct": pa.array(some(lambda i: {"x": i, "y": {"z": text(i)}, "w": list(range(i % 3))}, 0),
                       pa.struct([("x", pa.int16()), ("y", pa.struct([("z", pa.string())])), ("w", pa.list_(pa.uint8()))])),
    "structs": pa.array(some(lambda i: [{"x": k, "y": text(i)} for k in range(i % 4)]),
                        pa.list_(pa.struct([("x", pa.int16()), ("y", pa.string())]))),
    "packed": pa.array(some(lambda i: {"a": i, "b": [i / 2, 1]}, 0), PAIR),
}
METADATA = {"zstd": compressed("zstd"), "lz4": compressed("lz4"), "fsst": compressed("fsst"), "packed": {"packed": "true"}}


def plain(v, t):
    if v is None:
        return None
    if pa.types.is_struct(t):
        return {f.name: plain(v[f.name], f.type) for f in t}
    if pa.types.is_list(t) or pa.types.is_large_list(t) or pa.types.is_fixed_size_list(t):
        return [plain(x, t.value_type) for x in v]
    if pa.types.is_decimal(t):
        return int(v.scaleb(t.scale)).to_bytes(t.bit_width // 8, "little", signed=True).hex()
    if pa.types.is_float16(t):
        return pa.array([v]).cast(pa.float16()).buffers()[1].to_pybytes()[:2].hex()
    if pa.types.is_date(t):
        return pa.scalar(v, t).cast(pa.int32()).as_py()
    if pa.types.is_timestamp(t) or pa.types.is_duration(t):
        return pa.scalar(v, t).cast(pa.int64()).as_py()
    return v.hex() if isinstance(v, bytes) else v


def main():
    os.makedirs(OUT, exist_ok=True)
    path = os.path.join(OUT, "columns.lance")
    schema = pa.schema([pa.field(k, v.type, metadata=METADATA.get(k)) for k, v in COLUMNS.items()])
    with LanceFileWriter(path, schema, version="2.0", data_cache_bytes=1) as w:
        for first, end in (0, 110), (110, 140), (140, ROWS):  # 110: enough rows for a dictionary of strings
            rows = list(range(first, end))  # taken, not sliced: the writer mistakes a slice's offset
            w.write_batch(pa.table([v.take(rows) for v in COLUMNS.values()], schema=schema))
    read = LanceFileReader(path).read_all().to_table()
    with open(os.path.join(OUT, "columns.jsonl"), "w") as lines:
        for field, column in zip(schema, read.columns):
            values = [plain(v, field.type) for v in column.to_pylist()]
            assert values == [plain(v, field.type) for v in COLUMNS[field.name].to_pylist()], field
            lines.write(json.dumps([field.name, values], ensure_ascii=False, separators=(",", ":")) + "\n")


main()
