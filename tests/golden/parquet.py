"""parquet.py - writes the small Parquet files of the unit tests (tests/fixtures/parquet) and the seeds of the fuzz targets
(tests/fuzz/corpus/parquet, thrift) with pyarrow 26. Run from the root of the repository."""
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

fixtures = pathlib.Path("tests/fixtures/parquet")
corpus = pathlib.Path("tests/fuzz/corpus/parquet")
for folder in (fixtures, corpus, corpus.parent / "thrift"):
    folder.mkdir(parents=True, exist_ok=True)


def rows(n, step=1):
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return pa.table({
        "image": pa.array([None if i % 7 == 3 else {"bytes": b"picture %d" % i, "path": None if i % 5 == 0 else f"{i}.jpg"}
                           for i in range(0, n, step)], image),
        "text": pa.array([None if i % 4 == 1 else f"caption {i}" for i in range(0, n, step)]),
        "id": pa.array(range(0, n, step), pa.int64()),
        "score": pa.array([i / 2 for i in range(0, n, step)], pa.float32()),
        "good": pa.array([i % 3 == 0 for i in range(0, n, step)]),
    })


pq.write_table(rows(100), fixtures / "rows.parquet", row_group_size=40, data_page_size=100, max_rows_per_page=7, compression="none")
pq.write_table(rows(100), fixtures / "rows_v2.parquet", row_group_size=40, data_page_version="2.0", compression="zstd",
               max_rows_per_page=11, write_page_checksum=True)
pq.write_table(rows(40).append_column("tags", pa.array([["a", "b"]] * 40)), fixtures / "list.parquet", compression="none")

for name in ("rows", "rows_v2", "list"):
    (corpus / name).write_bytes((fixtures / f"{name}.parquet").read_bytes())
delta = {"image.bytes": "DELTA_BYTE_ARRAY", "image.path": "DELTA_LENGTH_BYTE_ARRAY", "text": "DELTA_BYTE_ARRAY",
         "id": "DELTA_BINARY_PACKED", "score": "BYTE_STREAM_SPLIT", "good": "RLE"}
for codec in ("none", "gzip", "lz4"):
    pq.write_table(rows(60), corpus / f"delta_{codec}", compression=codec, use_dictionary=False, column_encoding=delta)
many = pa.table({
    "dictionary": pa.array(["a", "b", None, "a"]).dictionary_encode(), "large": pa.array(["x", None, "y", ""], pa.large_string()),
    "decimal": pa.array([1, None, -3, 4]).cast(pa.decimal128(38, 2)), "wide": pa.array([1, 2, -3, 4]).cast(pa.decimal256(50, 2)),
    "time": pa.array([1, 2, None, 4], pa.timestamp("us", "Europe/Berlin")), "span": pa.array([1, 2, 3, 4], pa.duration("ns")),
    "half": pa.array([1.0, 2.0, None, 4.0], pa.float16()), "small": pa.array([1, 2, 3, None], pa.int8()),
    "nothing": pa.nulls(4), "fixed": pa.array([b"abc", None, b"def", b"ghi"], pa.binary(3)), "id": pa.array([b"0" * 16] * 4, pa.uuid()),
})
pq.write_table(many, corpus / "types", compression="none")
pq.write_table(pa.table({"t": pa.array([1, None, 3], pa.timestamp("ns"))}), corpus / "int96", use_deprecated_int96_timestamps=True,
               compression="none")
footer = (fixtures / "rows.parquet").read_bytes()
(corpus.parent / "thrift" / "footer").write_bytes(footer[-8 - int.from_bytes(footer[-8:-4], "little"):-8])
