#!/usr/bin/env python3
"""make_parquet_items.py - the small Parquet files that tests/unit/source_parquet_items.c reads, as Hugging Face's `datasets` and
others write data sets. Written with pyarrow 26; run in the repository's root:

    python3 tests/golden/make_parquet_items.py

Pictures are pixels of their own, one colour each: anybody may ship them."""
import datetime
import decimal
import io
import json
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

OUT = pathlib.Path("tests/fixtures/parquet_items")
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def picture(red, green=0, blue=0):
    out = io.BytesIO()
    Image.new("RGB", (8, 8), (red, green, blue)).save(out, "PNG")
    return out.getvalue()


def write(name, table, features=None, **how):
    if features:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, OUT / name, compression="NONE", **how)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    string, image = {"dtype": "string", "_type": "Value"}, {"_type": "Image"}
    pictures = [{"bytes": picture(40 * i), "path": f"{i}.png"} for i in range(5)]

    # As datasets writes it: two row groups, the picture's column not the first, and not called image.
    write("features.parquet",
          pa.table({"title": pa.array(["a", "b", "c", "d", "e"]),
                    "text": pa.array(["one", "two\nlines", None, "", "fünf"]),
                    "thumb": pa.array([{"bytes": picture(255), "path": None}] * 5, IMAGE),
                    "photo": pa.array(pictures, IMAGE),
                    "label": pa.array([0, 1, None, 1, 0], pa.int64())}),
          {"title": string, "text": string, "thumb": {"bytes": string, "path": string}, "photo": image,
           "label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}, row_group_size=2)

    # No text: the label's names are the captions.
    write("labels.parquet",
          pa.table({"image": pa.array(pictures, IMAGE), "label": pa.array([0, 1, None, 7, 1], pa.int64())}),
          {"image": image, "label": {"names": ["cat", "dog"], "_type": "ClassLabel"}})

    # Every type that is kept, and those that are not.
    utc = datetime.timezone.utc
    write("types.parquet",
          pa.table({"image": pa.array([picture(1), picture(2)], pa.binary()),
                    "caption": pa.array(["x", "y"], pa.large_string()),
                    "b": pa.array([True, None]), "i8": pa.array([-1, None], pa.int8()), "u8": pa.array([255, None], pa.uint8()),
                    "i16": pa.array([-2, None], pa.int16()), "u16": pa.array([65535, None], pa.uint16()),
                    "i32": pa.array([-3, None], pa.int32()), "u32": pa.array([2**32 - 1, None], pa.uint32()),
                    "i64": pa.array([-4, None], pa.int64()), "u64": pa.array([2**64 - 1, None], pa.uint64()),
                    "f": pa.array([1.5, None], pa.float32()), "g": pa.array([2.25, None], pa.float64()),
                    "s": pa.array(["text", None]), "z": pa.array([b"\0\1", None], pa.binary()),
                    "w": pa.array([b"abcd", None], pa.binary(4)),
                    "d": pa.array([decimal.Decimal("12.34"), None], pa.decimal128(9, 2)),
                    "day": pa.array([datetime.date(2026, 3, 1), None]),
                    "t": pa.array([datetime.time(1, 2, 3), None], pa.time64("us")),
                    "ts": pa.array([datetime.datetime(2026, 3, 1, tzinfo=utc), None], pa.timestamp("us", "UTC")),
                    "list": pa.array([[1], None], pa.list_(pa.int64())),
                    "more": pa.array([{"a": 1}, None], pa.struct([("a", pa.int64())]))}))

    # Rows without a picture, and rows that name a file beside this one.
    write("holes.parquet",
          pa.table({"image": pa.array([{"bytes": picture(9), "path": None}, None, {"bytes": None, "path": None},
                                       {"bytes": None, "path": "beside.png"}, {"bytes": b"", "path": "absent.png"}], IMAGE),
                    "text": pa.array(["0", "1", "2", "3", "4"])}))
    (OUT / "beside.png").write_bytes(picture(0, 0, 200))

    # Names of files alone; a column of the same name with another type than in types.parquet.
    write("paths.parquet", pa.table({"file_name": pa.array(["beside.png", "https://example.org/x.png", None]),
                                     "text": pa.array(["A", "B", "C"]),
                                     "i32": pa.array(["seven", "eight", "nine"]), "extra": pa.array([1, 2, 3], pa.int64())}))

    # No picture at all.
    write("numbers.parquet", pa.table({"x": pa.array([1, 2]), "name": pa.array(["a", "b"])}))


main()
