"""table_rows.py - rows that the table tests share: a plain table of pictures, and one of every type that we write."""
import numpy
import pyarrow as pa
import pyarrow.compute as pc


def vectors(rng, rows, dim, kind="float32"):
    values = rng.normal(size=rows * dim) if kind != "uint8" else rng.integers(0, 256, rows * dim)
    return pa.FixedSizeListArray.from_arrays(pa.array(values.astype(kind)), dim)


def pictures(first, rows, dim=8, seed=1):
    """id (unique), text (a third null), vector"""
    rng = numpy.random.default_rng(seed + first)
    ids = range(first, first + rows)
    return pa.table({"id": pa.array(ids, pa.int64()),
                     "text": pa.array([f"picture {i}" if i % 3 else None for i in ids], pa.string()),
                     "vector": vectors(rng, rows, dim)})


def every_type(rows, seed=2):
    """62 columns: the types that lancelet writes, without nulls, with some, all null, in several lengths."""
    rng = numpy.random.default_rng(seed)
    columns = {}
    for t in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"):
        columns[t] = pa.array(rng.integers(0, 100, rows)).cast(t)
    columns["wide"] = pa.array(rng.integers(-2**62, 2**62, rows))
    for t in ("float16", "float32", "float64"):
        columns[t] = pa.array(rng.normal(size=rows).astype(t))
    columns["bool"] = pa.array(rng.random(rows) < 0.5)
    columns["date"] = pa.array(rng.integers(0, 20000, rows), pa.int32()).cast(pa.date32())
    for unit in ("s", "ms", "us", "ns"):
        columns["time_" + unit] = pa.array(rng.integers(0, 2**31, rows)).cast(pa.timestamp(unit))
    columns["time_zone"] = pa.array(rng.integers(0, 2**31, rows)).cast(pa.timestamp("us", "Europe/Berlin"))
    columns["text"] = pa.array(["x" * int(k) for k in rng.integers(0, 30, rows)])
    columns["large_text"] = columns["text"].cast(pa.large_string())
    columns["bytes"] = pa.array([rng.bytes(int(k)) for k in rng.integers(0, 3000, rows)], pa.binary())
    columns["large_bytes"] = columns["bytes"].cast(pa.large_binary())
    columns["no_text"] = pa.array([""] * rows)
    for name in list(columns):
        some = pa.array(rng.random(rows) < 0.8)
        columns[name + "_or_null"] = pc.if_else(some, columns[name], pa.scalar(None, columns[name].type))
    columns["all_null"] = pa.array([None] * rows, pa.string())
    columns["all_null_int"] = pa.array([None] * rows, pa.int32())
    for kind in ("float32", "float64", "float16", "uint8"):
        columns["vector_" + kind] = vectors(rng, rows, 16, kind)
        columns["long_vector_" + kind] = vectors(rng, rows, 96, kind)
    for name in ("vector_float32", "long_vector_float32", "vector_float64", "vector_uint8"):
        some = pa.array(rng.random(rows) < 0.8)
        columns[name + "_or_null"] = pc.if_else(some, columns[name], pa.scalar(None, columns[name].type))
    return pa.table(columns)


def check_equal(ours, theirs):
    assert ours.schema.names == theirs.schema.names, (ours.schema.names, theirs.schema.names)
    for name in theirs.schema.names:
        a, b = ours[name].combine_chunks(), theirs[name].combine_chunks()
        assert a.type == b.type, (name, a.type, b.type)
        assert a.equals(b) or a.to_pylist() == b.to_pylist(), name
