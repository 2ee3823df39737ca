"""Writes tests/fixtures/gallery/five.parquet and four.parquet: pictures in Parquet files as Hugging Face's `datasets` writes
them (image: struct<bytes, path>), drawn here. four.parquet has the first four rows of five.parquet. Needs pyarrow and Pillow."""

import io
import os

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "gallery")


def png(i):
    out = io.BytesIO()
    picture = Image.new("RGB", (20, 16), (40 * i, 200 - 30 * i, 90))
    picture.paste((250, 20 * i, 0), (i, i, i + 6, i + 8))
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def main():
    os.makedirs(HERE, exist_ok=True)
    rows = [{"image": {"bytes": png(i), "path": None}, "text": f"square {i}"} for i in range(5)]
    kind = pa.schema([("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("text", pa.string())])
    for name, n in (("five", 5), ("four", 4)):
        pq.write_table(pa.Table.from_pylist(rows[:n], schema=kind), os.path.join(HERE, name + ".parquet"), compression="zstd")


main()
