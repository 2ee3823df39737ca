#!/usr/bin/env python3
"""Makes tests/fixtures/lance/*.lance (data files by the real writer) and files.txt, the expected values.

    python3 tests/golden/lance_file.py [DATA_FILE...]      needs pylance 14 and pyarrow

Files named on the command line (data files of older writers) are copied in as well, under their own names. files.txt
has a line for each column of each file, tab-separated: file, column, Arrow format, rows, nulls, SHA-256 of the values as
pylance reads them. Hashed is, for each row: 0 for null, else 1 and the value: little-endian numbers; a byte for a bool;
u64 length and bytes; for a fixed_size_list each item as a row of its own; for a list or map the u64 number of items
and each item as a row; for a struct each field as a row. nested.txt has the same of the files with nested and rarer
types, whose schema the file itself tells: file, number of the column, rows, nulls, SHA-256.
"""
import decimal
import hashlib
import os
import random
import shutil
import string
import struct
import sys

import numpy as np
import pyarrow as pa
from lance.file import LanceFileReader, LanceFileWriter

OUT = os.path.join(os.path.dirname(__file__), "..", "fixtures", "lance")
FORMATS = {
    pa.bool_(): "b", pa.int8(): "c", pa.uint8(): "C", pa.int16(): "s", pa.uint16(): "S", pa.int32(): "i",
    pa.uint32(): "I", pa.int64(): "l", pa.uint64(): "L", pa.float16(): "e", pa.float32(): "f", pa.float64(): "g",
    pa.string(): "u", pa.large_string(): "U", pa.binary(): "z", pa.large_binary(): "Z", pa.date32(): "tdD",
    pa.timestamp("us"): "tsu:", pa.timestamp("ms"): "tsm:", pa.timestamp("ns", "UTC"): "tsn:UTC",
}
CODES = {"b": "<?", "c": "<b", "C": "<B", "s": "<h", "S": "<H", "i": "<i", "I": "<I", "l": "<q", "L": "<Q", "e": "<e",
         "f": "<f", "g": "<d", "tdD": "<i"}


def format_of(t):
    if pa.types.is_fixed_size_list(t):
        return "+w:%d:%s" % (t.list_size, FORMATS[t.value_type])
    if pa.types.is_fixed_size_binary(t):
        return "w:%d" % t.byte_width
    return FORMATS.get(t)


def put(value, fmt, out):
    if value is None:
        out.append(b"\0")
        return
    out.append(b"\1")
    if fmt.startswith("+w:"):
        for item in value:
            put(item, fmt.split(":")[2], out)
    elif fmt[0] in "uUzZ":
        raw = value.encode() if isinstance(value, str) else value
        out.append(struct.pack("<Q", len(raw)) + raw)
    elif fmt.startswith("w:"):
        out.append(value)
    else:
        out.append(struct.pack(CODES.get(fmt, "<q"), value))


def lines(path):
    table = LanceFileReader(path).read_all().to_table()
    for name, column in zip(table.column_names, table.columns):
        fmt = format_of(column.type)
        if fmt is None:
            continue
        if fmt.startswith("ts"):
            values = column.cast(pa.int64()).to_pylist()
        elif fmt == "tdD":
            values = column.cast(pa.int32()).to_pylist()
        else:
            values = column.to_pylist()
        out = []
        for v in values:
            put(v, fmt, out)
        yield "\t".join([os.path.basename(path), name, fmt, str(len(values)), str(column.null_count),
                         hashlib.sha256(b"".join(out)).hexdigest()])


R = random.Random(11)
N = np.random.default_rng(11)
WORDS = "red car stop sign truck street a the of person bridge night very small".split()


def some(values):
    return [None if R.random() < 0.1 else v for v in values]


def runs(values):
    return [None if i // 70 % 2 else v for i, v in enumerate(values)]


def vectors(n, dim, kind, valid=None, items_null=False):
    flat = N.standard_normal(n * dim).astype(kind) if kind.startswith("f") else N.integers(0, 256, n * dim).astype(kind)
    items = pa.array(flat, mask=N.random(n * dim) < 0.05) if items_null else pa.array(flat)
    mask = pa.array([v is None for v in valid], type=pa.bool_()) if valid else None
    return pa.FixedSizeListArray.from_arrays(items, dim, mask=mask)


def words(low, high):
    return " ".join(R.choice(WORDS) for _ in range(R.randint(low, high)))


def varied(n):
    one = [1] * n
    c = {
        "bool": pa.array([R.random() < 0.5 for _ in one]),
        "bool_nulls": pa.array(some([R.random() < 0.5 for _ in one])),
        "int8": pa.array([R.randint(-128, 127) for _ in one], pa.int8()),
        "uint8_small": pa.array([i % 13 for i in range(n)], pa.uint8()),
        "int16_nulls": pa.array(some([i % 300 for i in range(n)]), pa.int16()),
        "uint16_runs": pa.array([i // 90 for i in range(n)], pa.uint16()),
        "int32": pa.array([i * 7 for i in range(n)], pa.int32()),
        "uint32_null_runs": pa.array(runs([i // 30 for i in range(n)]), pa.uint32()),
        "int64": pa.array([R.randint(-2**63, 2**63 - 1) for _ in one], pa.int64()),
        "int64_few": pa.array(some([R.choice([10**12, 7, -5]) for _ in one]), pa.int64()),
        "uint64_constant": pa.array([2**63] * n, pa.uint64()),
        "int64_constant_nulls": pa.array(some([5] * n), pa.int64()),
        "float16_nulls": pa.array(some(list(N.standard_normal(n).astype("float16"))), pa.float16()),
        "float32": pa.array(N.standard_normal(n).astype("float32")),
        "float64_all_null": pa.array([None] * n, pa.float64()),
        "float64": pa.array(some([i / 7 for i in range(n)]), pa.float64()),
        "date": pa.array(some([19000 + i for i in range(n)]), pa.date32()),
        "timestamp_us": pa.array([1700000000000000 + i * 1234567 for i in range(n)], pa.timestamp("us")),
        "timestamp_ns": pa.array(some([i * 10**9 for i in range(n)]), pa.timestamp("ns", "UTC")),
        "fixed_binary": pa.array([R.randbytes(16) for _ in one], pa.binary(16)),
        "utf8": pa.array([words(1, 6) + " \u00e9t\u00e9" for _ in one]),
        "utf8_nulls": pa.array(some(["k%d" % i for i in range(n)])),
        "utf8_few": pa.array([R.choice(["cat", "dog", "a longer name of a category"]) for _ in one]),
        "utf8_few_nulls": pa.array(runs([R.choice(["cat", "dog", "zebra crossing"]) for _ in one])),
        "utf8_constant": pa.array(["the same"] * n),
        "utf8_constant_nulls": pa.array(some(["the same"] * n)),
        "utf8_empty": pa.array([""] * n),
        "utf8_long": pa.array(some([words(1, 90) for _ in one])),
        "large_utf8": pa.array(some([words(0, 4) for _ in one]), pa.large_string()),
        "binary": pa.array([R.randbytes(R.randint(0, 40)) for _ in one]),
        "binary_wide": pa.array(some([R.randbytes(R.randint(100, 300)) for _ in one])),
        "large_binary_huge": pa.array([bytes([i % 7]) * 40000 if i % 50 == 0 else b"x" for i in range(n)], pa.large_binary()),
        "vector_narrow": vectors(n, 8, "float32"),
        "vector_narrow_nulls": vectors(n, 3, "float64", some(one)),
        "vector_half": vectors(n, 16, "float16", some(one)),
        "vector_codes": vectors(n, 24, "uint8"),
        "vector_item_nulls": vectors(n, 5, "float32", some(one), True),
        "vector_wide": vectors(n, 64, "float32"),
        "vector_wide_nulls": vectors(n, 64, "float32", runs(one)),
        "vector_wide_item_nulls": vectors(n, 65, "float32", some(one), True),
    }
    return c


def narrow(n):
    return {
        "int8_nulls": pa.array(some([i % 100 for i in range(n)]), pa.int8()),
        "bool_nulls": pa.array(some([i % 3 == 0 for i in range(n)])),
        "int16_null_runs": pa.array([None if i // 700 % 2 else i // 500 for i in range(n)], pa.int16()),
        "utf8_many": pa.array(["%d" % (i * 31 % 1000) for i in range(n)]),
        "text": pa.array([words(4, 6) for _ in range(n)]),
        "vector_nulls": vectors(n, 2, "uint8", some([1] * n)),
    }


def compressed(n):
    """Columns whose field metadata asks for the encodings that are not the default."""
    asked = {
        "int64_lz4": (pa.array([i % 1000 for i in range(n)]), {"compression": "lz4"}),
        "float32_split": (pa.array(N.standard_normal(n).astype("float32")), {"bss": "on", "compression": "zstd"}),
        "float64_split_nulls": (pa.array(some([i / 8 for i in range(n)])), {"bss": "on", "compression": "lz4"}),
        "utf8_zstd": (pa.array(some([words(2, 8) for _ in range(n)])), {"compression": "zstd"}),
        "utf8_lz4": (pa.array([words(2, 8) for _ in range(n)]), {"compression": "lz4"}),
        "binary_zip_zstd": (pa.array(some([words(1, 3).encode() for _ in range(n)])),
                            {"structural-encoding": "fullzip", "compression": "zstd"}),
        "int32_zip": (pa.array(some(list(range(n))), pa.int32()), {"structural-encoding": "fullzip"}),
        "vector_miniblock": (vectors(n, 9, "float32", some([1] * n)), {"structural-encoding": "miniblock"}),
    }
    fields = [pa.field(k, v.type, metadata={"lance-encoding:" + m: x for m, x in asks.items()})
              for k, (v, asks) in asked.items()]
    return pa.table([v for v, _ in asked.values()], schema=pa.schema(fields))


def put_any(scalar, out):
    """A row of any type, as put does it."""
    t = scalar.type
    if not scalar.is_valid:
        out.append(b"\0")
    elif pa.types.is_dictionary(t):
        put_any(pa.scalar(scalar.as_py(), t.value_type), out)
    elif pa.types.is_struct(t):
        out.append(b"\1")
        for i in range(t.num_fields):
            put_any(scalar[i], out)
    elif pa.types.is_map(t) or pa.types.is_list(t) or pa.types.is_large_list(t) or pa.types.is_fixed_size_list(t):
        out.append(b"\1" if pa.types.is_fixed_size_list(t) else b"\1" + struct.pack("<Q", len(scalar.values)))
        for item in scalar.values:
            if pa.types.is_map(t):  # entries are never null
                out.append(b"\1")
                put_any(item["key"], out)
                put_any(item["value"], out)
            else:
                put_any(item, out)
    elif pa.types.is_string(t) or pa.types.is_binary(t) or pa.types.is_boolean(t):
        put(scalar.as_py(), FORMATS[t], out)
    else:  # a fixed width: the bytes as they are
        out.append(b"\1" + pa.array([scalar]).buffers()[1].to_pybytes()[:t.bit_width // 8])


def nested_lines(path):
    names = LanceFileReader(path).metadata().schema.names
    for i, name in enumerate(names):  # one by one: lists of two structs count as two rows there
        column = LanceFileReader(path, columns=[name]).read_all().to_table()[name]
        out = []
        for v in column.combine_chunks():
            put_any(v, out)
        yield "\t".join([os.path.basename(path), str(i), str(len(column)), str(column.null_count),
                         hashlib.sha256(b"".join(out)).hexdigest()])


def nested(n, maps):
    """Lists, structs and the types that no column of the others has; rows are long enough to go over chunks."""
    item = pa.struct([("a", pa.int32()), ("b", pa.string())])

    def struct_of(i):
        return None if R.random() < 0.1 else {"a": R.choice([None, i, 7]), "b": R.choice([None, "", "word %d" % i])}

    def list_of(make, most=4):
        return None if R.random() < 0.1 else [make(i) for i in range(R.choice([0, 1, most]))]

    def column(make, t, **metadata):
        metadata = {"lance-encoding:" + k.replace("_", "-"): v for k, v in metadata.items()}
        return pa.array([make(i) for i in range(n)], t), metadata

    c = {
        "list": column(lambda i: list_of(lambda k: R.choice([None, i * k])), pa.list_(pa.int64())),
        "list_long": column(lambda i: [k % 9 for k in range(i % 7 * 300)], pa.large_list(pa.int16())),
        "list_plain": column(lambda i: [i, 1], pa.list_(pa.field("item", pa.int64(), False))),
        "list_struct": column(lambda i: list_of(struct_of), pa.list_(item)),
        "list_list": column(lambda i: list_of(lambda k: list_of(lambda m: "s%d" % m)), pa.list_(pa.list_(pa.string()))),
        "list_zip": column(lambda i: list_of(lambda k: b"x" * (k * 300), 3), pa.list_(pa.binary()),
                           structural_encoding="fullzip"),
        "list_vector": column(lambda i: list_of(lambda k: R.choice([None, [1.5, None]])), pa.list_(pa.list_(pa.float32(), 2))),
        "list_empty": column(lambda i: None if i % 2 else [], pa.list_(pa.int32())),
        "struct": column(struct_of, item),
        "struct_list": column(lambda i: None if i % 5 == 0 else {"x": list_of(struct_of, 2), "y": i % 120},
                              pa.struct([("x", pa.list_(item)), ("y", pa.int8())])),
        "packed": column(lambda i: None if i % 5 == 0 else {"a": i, "b": i / 4},
                         pa.struct([("a", pa.int32()), ("b", pa.float64())]), packed="true"),
        "list_bools": column(lambda i: [i % 2 == 0, None, True], pa.list_(pa.bool_(), 3)),
        "matrix": column(lambda i: None if i % 4 == 0 else [[i, None], None, [3, 4]], pa.list_(pa.list_(pa.int16(), 2), 3)),
        "matrix_zip": column(lambda i: None if i % 4 == 0 else [[i, None], None, [3, 4]],
                             pa.list_(pa.list_(pa.int16(), 2), 3), structural_encoding="fullzip"),
        "decimal": column(lambda i: R.choice([None, decimal.Decimal(i)]), pa.decimal128(20, 2)),
        "decimal_wide": column(lambda i: decimal.Decimal(-i), pa.decimal256(60, 2)),
        "bool_zip": column(lambda i: R.choice([None, True, False]), pa.bool_(), structural_encoding="fullzip"),
        "dictionary": column(lambda i: R.choice([None, "cat", "dog"]), pa.dictionary(pa.int8(), pa.string())),
    }
    if maps:
        c["map"] = column(lambda i: list_of(lambda k: ("k%d" % k, R.choice([None, k]))), pa.map_(pa.string(), pa.int32()))
        c["list_fixed_struct"] = column(lambda i: None if i % 6 == 0 else [struct_of(i), struct_of(1)], pa.list_(item, 2))
    fields = [pa.field(k, v.type, metadata=m) for k, (v, m) in c.items()]
    return pa.table([v for v, _ in c.values()], schema=pa.schema(fields))


def write(name, columns, version, batch):
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    path = os.path.join(OUT, name)
    with LanceFileWriter(path, schema=table.schema, version=version) as w:
        for b in table.to_batches(max_chunksize=batch):
            w.write_batch(b)
    return path


def main(more):
    os.makedirs(OUT, exist_ok=True)
    paths = []
    some_rows, many, one, none, packed = varied(300), narrow(6000), varied(1), varied(1), compressed(1300)
    for version in ("2.1", "2.2"):
        paths.append(write("varied_%s.lance" % version, some_rows, version, 130))
        paths.append(write("narrow_%s.lance" % version, many, version, 6000))
        paths.append(write("one_%s.lance" % version, one, version, 1))
        paths.append(write("compressed_%s.lance" % version, packed, version, 1300))
        paths.append(write("none_%s.lance" % version, {k: v.slice(0, 0) for k, v in none.items()}, version, 1))
    for version in ("2.0", "2.3"):
        write("other_%s.lance" % version, {"n": pa.array([1, 2, 3])}, version, 3)
    for path in more:
        paths.append(shutil.copy(path, OUT))
        os.chmod(paths[-1], 0o644)
    with open(os.path.join(OUT, "files.txt"), "w", encoding="ascii") as f:
        for path in paths:
            for line in lines(path):
                f.write(line + "\n")
    with open(os.path.join(OUT, "nested.txt"), "w", encoding="ascii") as f:
        for version in ("2.1", "2.2"):
            path = write("nested_%s.lance" % version, nested(120, version == "2.2"), version, 120)
            f.writelines(line + "\n" for line in nested_lines(path))


if __name__ == "__main__":
    main(sys.argv[1:])
