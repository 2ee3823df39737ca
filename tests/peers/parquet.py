"""parquet.py - our Parquet reader beside pyarrow: types, names, metadata and every value, on the files of parquet-testing and on
files that pyarrow writes with schemas, encodings and sizes drawn from a seed. The reader is called through the C library."""
import ctypes as c
import datetime
import decimal
import os
import random
import re

import pyarrow as pa
import pyarrow.parquet as pq

SEED = 7
QUICK, ALL = 60, 300


class _Error(c.Structure):
    _fields_ = [("status", c.c_int), ("text", c.c_char * 1024)]


def _read(peer, path, columns=None):
    """The rows as a pyarrow table; a failing call raises with our sentence."""
    lib = c.CDLL(str((peer.build / "libpicask.so").resolve()))
    err, stream = _Error(), (c.c_uint8 * 64)()
    names = (c.c_char_p * len(columns))(*[x.encode() for x in columns]) if columns is not None else None
    status = lib.picask_parquet_open(os.fsencode(path), names, c.c_size_t(len(columns or [])), c.byref(stream), c.byref(err))
    if status:
        raise RuntimeError(err.text.decode())
    reader = pa.RecordBatchReader._import_from_c(c.addressof(stream))
    table = pa.Table.from_batches(list(reader), schema=reader.schema)
    table.validate(full=True)
    return table


def _refused(peer, path):
    try:
        _read(peer, path)
    except (RuntimeError, OSError, pa.ArrowException) as e:
        return str(e)
    raise AssertionError(f"{path} was read")


def _has_list(t):
    return pa.types.is_nested(t) and (not pa.types.is_struct(t) or any(_has_list(t.field(i).type) for i in range(t.num_fields)))


def _same(ours, theirs, name):
    keep = [i for i, f in enumerate(theirs.schema) if not _has_list(f.type)]
    theirs = theirs.select(keep)
    assert ours.schema.equals(theirs.schema, check_metadata=True), f"{name}: {ours.schema}\n{theirs.schema}"
    assert ours.num_rows == theirs.num_rows, f"{name}: {ours.num_rows} rows, pyarrow has {theirs.num_rows}"
    for field, a, b in zip(ours.schema, ours.columns, theirs.columns):
        if not a.equals(b):  # not a number is never equal
            assert repr(a.to_pylist()) == repr(b.to_pylist()), f"{name}: column {field}"


# ---- files that others wrote ----

def _files(peer, folder):
    peer.need_shared()
    found = sorted((peer.shared / "data" / "parquet" / folder).rglob("*.parquet"))
    assert found
    return found


# refused by pyarrow because of a list or map, which we leave out
LEFT_OUT = {"ARROW-GH-45185", "ARROW-RS-GH-6229-LEVELS", "incorrect_map_schema"}


def test_the_good_files_of_parquet_testing_read_as_pyarrow_reads_them(peer):
    n = 0
    for path in _files(peer, "parquet-testing/data"):
        if path.stem == "large_string_map.brotli":  # pyarrow takes a minute and gigabytes to find that it cannot
            assert _read(peer, path).num_columns == 0
            continue
        try:
            theirs = pq.ParquetFile(path, page_checksum_verification=True).read()
        except Exception:
            if path.stem in LEFT_OUT:
                _read(peer, path)
            else:
                _refused(peer, path)
            continue
        _same(_read(peer, path), theirs, path.name)
        n += 1
    assert n > 60, n


def test_the_bad_files_of_parquet_testing_are_refused_or_read_as_pyarrow_reads_them(peer):
    for path in _files(peer, "parquet-testing/bad_data"):
        try:
            theirs = pq.ParquetFile(path).read()
        except Exception:
            if path.stem in LEFT_OUT:
                _read(peer, path)
            else:
                assert path.name in _refused(peer, path)
            continue
        _same(_read(peer, path), theirs, path.name)


def test_an_encrypted_file_is_refused_by_name(peer):
    peer.need_shared()
    for path in sorted((peer.shared / "data/parquet/parquet-testing/data").rglob("*.parquet.encrypted")):
        assert "encrypted" in _refused(peer, path), path


def test_data_sets_of_the_hub_read_as_pyarrow_reads_them(peer):
    peer.need_shared()
    for path in sorted((peer.shared / "data" / "parquet").glob("*.parquet")):
        _same(_read(peer, path), pq.ParquetFile(path).read(), path.name)


# ---- files drawn from a seed ----

LEAVES = [pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.float16(),
          pa.float32(), pa.float64(), pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.binary(7), pa.binary(1),
          pa.date32(), pa.time32("ms"), pa.time64("us"), pa.time64("ns"), pa.timestamp("ms"), pa.timestamp("us"), pa.timestamp("ns"),
          pa.timestamp("us", "UTC"), pa.timestamp("ms", "Europe/Berlin"), pa.timestamp("s"), pa.timestamp("us", "+02:00"),
          pa.duration("ms"), pa.duration("ns"), pa.decimal128(5, 2), pa.decimal128(15, 0), pa.decimal128(38, 10), pa.decimal256(9, 3),
          pa.decimal256(60, 5), pa.null(), pa.dictionary(pa.int32(), pa.string()), pa.dictionary(pa.int16(), pa.binary()), pa.date64(),
          pa.time32("s"), pa.uuid(), pa.json_()]


def _type(r, depth):
    if depth < 4 and r.random() < 0.18:
        return pa.struct([_field(r, f"f{i}", depth + 1) for i in range(r.randint(1, 4))])
    if r.random() < 0.06:
        return pa.list_(pa.int32())
    t = r.choice(LEAVES)
    while depth > 0 and pa.types.is_dictionary(t):  # pyarrow does not read these from several row groups
        t = r.choice(LEAVES)
    return t


def _field(r, name, depth):
    t = _type(r, depth)
    return pa.field(name, t, nullable=r.random() < 0.8 or pa.types.is_null(t))


def _words(r, small):
    if small:
        return r.choice(["", "a", "road", "a road with a stop sign", "Straße", "道路"])
    n = r.choice([0, 1, 5, 30, 30, 300])
    return "".join(r.choice("abcdeé 道") for _ in range(n))


def _leaf(r, t, small):
    """A value that type t takes; `small`: of few."""
    if pa.types.is_dictionary(t):
        return _leaf(r, t.value_type, True)
    if isinstance(t, pa.ExtensionType) or isinstance(t, pa.BaseExtensionType):
        return r.randbytes(16) if t.extension_name == "arrow.uuid" else '{"a": %d}' % r.randint(0, 99)
    if pa.types.is_boolean(t):
        return r.random() < 0.5
    if pa.types.is_integer(t):
        high = 2 ** (t.bit_width - (0 if pa.types.is_unsigned_integer(t) else 1)) - 1
        low = 0 if pa.types.is_unsigned_integer(t) else -high - 1
        return r.randint(max(low, -4), 4) if small else r.choice([low, high, r.randint(low, high), r.randint(0, 100)])
    if pa.types.is_floating(t):
        return float(r.choice([0.0, -1.5, 2.0, float("inf"), 1.0]) if small else r.choice([r.uniform(-100, 100), float("nan"), -0.0]))
    if pa.types.is_decimal(t):
        digits = r.randint(0, 10 ** (2 if small else t.precision) - 1) * r.choice([1, -1])
        return decimal.Decimal(digits).scaleb(-t.scale, decimal.Context(prec=80))
    if pa.types.is_fixed_size_binary(t):
        return bytes([r.randint(0, 3)]) * t.byte_width if small else r.randbytes(t.byte_width)
    if pa.types.is_string(t) or pa.types.is_large_string(t):
        return _words(r, small)
    if pa.types.is_binary(t) or pa.types.is_large_binary(t):
        return _words(r, small).encode() if r.random() < 0.5 else r.randbytes(r.choice([0, 3, 40]))
    if pa.types.is_date64(t):
        return r.randint(-10_000, 30_000) * 86_400_000
    if pa.types.is_date32(t):
        return datetime.date(1970, 1, 1) + datetime.timedelta(days=r.randint(-10_000, 30_000))
    if pa.types.is_time32(t) or pa.types.is_time64(t):
        per_day = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}[t.unit]
        return r.randrange(per_day) // 1000 * 1000  # Python's own times have no nanoseconds
    return r.randint(-10**6, 10**6) * 10**6  # timestamps, durations: also where a version of the format has no nanoseconds


def _array(r, t, n, nullable, share):
    """n values; share of them null."""
    small = r.random() < 0.4
    null = [nullable and r.random() < share for _ in range(n)]
    if pa.types.is_null(t):
        return pa.nulls(n)
    if pa.types.is_struct(t):
        children = [_array(r, f.type, n, f.nullable, share) for f in t]
        return pa.StructArray.from_arrays(children, fields=list(t), mask=pa.array(null, pa.bool_()))
    if pa.types.is_list(t):
        return pa.array([None if x else [1] * r.randint(0, 3) for x in null], t)
    values = [None if x else _leaf(r, t, small) for x in null]
    if pa.types.is_date64(t):
        return pa.array(values, pa.int64()).cast(t)
    if isinstance(t, pa.BaseExtensionType):
        return t.wrap_array(pa.array(values, t.storage_type))
    return pa.array(values, t)


ENCODINGS = {
    "BOOLEAN": ["PLAIN", "RLE"], "INT32": ["PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"],
    "INT64": ["PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"], "FLOAT": ["PLAIN", "BYTE_STREAM_SPLIT"],
    "DOUBLE": ["PLAIN", "BYTE_STREAM_SPLIT"], "BYTE_ARRAY": ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"],
    "FIXED_LEN_BYTE_ARRAY": ["PLAIN", "DELTA_BYTE_ARRAY", "BYTE_STREAM_SPLIT"], "INT96": ["PLAIN"],
}


def _table(r):
    n = r.choice([0, 1, 7, 100, 1000, 5000, 9000])
    share = r.choice([0, 0.1, 0.5, 1.0])
    fields = [_field(r, f"c{i}", 0) for i in range(r.randint(1, 8))]
    if r.random() < 0.3:
        fields[0] = fields[0].with_metadata({"unit": "m"})
    schema = pa.schema(fields, metadata={"huggingface": "{}"} if r.random() < 0.5 else None)
    return pa.Table.from_arrays([_array(r, f.type, n, f.nullable, share) for f in fields], schema=schema)


def _options(r, table, path):
    options = {
        "compression": r.choice(["none", "snappy", "gzip", "zstd", "lz4"]), "data_page_version": r.choice(["1.0", "2.0"]),
        "version": r.choice(["1.0", "2.4", "2.6"]), "write_page_index": r.random() < 0.3, "write_statistics": r.random() < 0.7,
        "data_page_size": r.choice([64, 1000, 20_000, 1 << 20, 64 << 20]), "row_group_size": r.choice([3, 64, 1000, 1 << 20]),
        "write_page_checksum": r.random() < 0.3, "store_schema": r.random() < 0.75, "store_decimal_as_integer": r.random() < 0.3,
        "max_rows_per_page": r.choice([1, 100, 20_000]), "use_deprecated_int96_timestamps": r.random() < 0.1,
    }
    if table.num_rows > 1000:
        options["row_group_size"] = max(options["row_group_size"], 500)
        options["max_rows_per_page"] = max(options["max_rows_per_page"], 50)
    if options["use_deprecated_int96_timestamps"]:
        options.pop("version")
    dictionary = r.random() < 0.5
    options["use_dictionary"] = dictionary
    if dictionary:
        options["dictionary_pagesize_limit"] = r.choice([100, 1 << 20])
    elif table.num_rows:
        pq.write_table(table.slice(0, 1), path, use_dictionary=False, **({"version": options["version"]} if "version" in options else {}),
                       store_decimal_as_integer=options["store_decimal_as_integer"],
                       use_deprecated_int96_timestamps=options["use_deprecated_int96_timestamps"])
        leaves = pq.ParquetFile(path).schema
        options["column_encoding"] = {leaves.column(i).path: r.choice(ENCODINGS[leaves.column(i).physical_type])
                                      for i in range(len(leaves.names))}
    return options


def _generated(peer, seeds):
    for seed in seeds:
        r = random.Random(f"{SEED} {seed}")
        path = peer.tmp / f"{seed}.parquet"
        table = _table(r)
        options = _options(r, table, path)
        pq.write_table(table, path, **options)
        try:
            theirs = pq.ParquetFile(path).read()
        except OSError:  # dictionary columns in delta encodings: pyarrow does not read what it writes
            options.pop("column_encoding")
            pq.write_table(table, path, **options)
            theirs = pq.ParquetFile(path).read()
        name = f"seed {seed} {options}"
        try:
            _same(_read(peer, path), theirs, name)
        except (RuntimeError, pa.ArrowException) as e:
            raise AssertionError(f"{name}: {e}\n{table.schema}") from e
        path.unlink()


def test_files_of_many_schemas_encodings_and_sizes_read_as_pyarrow_reads_them(peer):
    _generated(peer, range(QUICK))


def test_three_hundred_files_of_many_schemas_read_as_pyarrow_reads_them(peer):
    peer.only_check_all()
    _generated(peer, range(QUICK, ALL))


# ---- single properties ----

def test_columns_are_read_by_name_in_the_order_asked_for(peer):
    path = peer.tmp / "columns.parquet"
    table = pa.table({"a": [1, 2], "image": [{"bytes": b"x", "path": None}, None], "c": ["x", None]})
    pq.write_table(table, path)
    assert _read(peer, path, ["c", "image"]).equals(table.select(["c", "image"]))


def test_a_list_column_is_left_out_and_refused_by_name(peer):
    path = peer.tmp / "list.parquet"
    pq.write_table(pa.table({"a": [1], "l": [[1, 2]]}), path)
    assert _read(peer, path).schema.names == ["a"]
    try:
        _read(peer, path, ["l"])
    except RuntimeError as e:
        assert re.search(r'list.parquet: column "l" is not read: list', str(e)), e
    else:
        raise AssertionError("a list was read")


def test_brotli_is_refused_by_name(peer):
    path = peer.tmp / "brotli.parquet"
    pq.write_table(pa.table({"a": [1, 2, 3]}), path, compression="brotli")
    assert "brotli" in _refused(peer, path)


def test_batches_stay_below_sixteen_mebibytes(peer):
    path = peer.tmp / "large.parquet"
    r = random.Random(SEED)
    table = pa.table({"a": [r.randbytes(1_500_000) for _ in range(30)], "b": [r.randbytes(900_000) for _ in range(30)], "n": range(30)})
    for compression, size in (("none", 1 << 20), ("snappy", 64 << 20)):
        pq.write_table(table, path, compression=compression, use_dictionary=False, data_page_size=size)
        ours = _read(peer, path)
        assert ours.equals(table)
        assert max(b.nbytes for b in ours.to_batches()) <= 16 << 20
        assert len(ours.to_batches()) < 10
    path.unlink()
