"""tiff_writer.py - writes TIFF files of the shapes that Pillow reads but does not write: both byte orders, BigTIFF, tiles, planes of
their own, any bits a sample. Uncompressed or deflate. For tests."""
import struct
import zlib

import numpy

BYTE, ASCII, SHORT, LONG, RATIONAL, LONG8 = 1, 2, 3, 4, 5, 16
CODES = {BYTE: "B", SHORT: "H", LONG: "I", RATIONAL: "I", LONG8: "Q"}


def pack_bits(rows, bits, order):
    """[rows, values] -> bytes, each row padded to a whole byte"""
    if bits in (8, 16):
        return rows.astype(f"{order}u{bits // 8}").tobytes()
    planes = [(rows >> (bits - 1 - i)) & 1 for i in range(bits)]
    return numpy.packbits(numpy.stack(planes, -1).reshape(len(rows), -1).astype(numpy.uint8), axis=1).tobytes()


def write(samples, photometric, bits=8, order="<", big=False, tile=None, planar=False, deflate=False, extra=(), rows=None, tags=(), below=()):
    """samples [height, width, n] -> the file. tile: (width, height); rows: of a strip; tags: further fields (tag, type, values), below:
    (tag, fields) of directories that the first one points to."""
    height, width, n = samples.shape
    columns, lines = tile or (width, rows or height)
    chunks = []
    for plane in (range(n) if planar else [slice(None)]):
        part = samples[:, :, plane].reshape(height, width, -1)
        for y in range(0, height, lines):
            for x in range(0, width, columns):
                block = part[y:y + lines, x:x + columns]
                if tile:
                    block = numpy.pad(block, ((0, lines - block.shape[0]), (0, columns - block.shape[1]), (0, 0)))
                data = pack_bits(block.reshape(len(block), -1), bits, order)
                chunks.append(zlib.compress(data) if deflate else data)
    fields = [(256, LONG, [width]), (257, LONG, [height]), (258, SHORT, [bits] * n), (259, SHORT, [8 if deflate else 1]),
              (262, SHORT, [photometric]), (277, SHORT, [n]), (284, SHORT, [2 if planar else 1]), *tags]
    fields += [(338, SHORT, list(extra))] if extra else []
    fields += [(322, LONG, [columns]), (323, LONG, [lines])] if tile else [(278, LONG, [lines])]
    at = (324, 325) if tile else (273, 279)
    offsets, end = [], 16 if big else 8
    for c in chunks:
        offsets.append(end)
        end += len(c) + len(c) % 2
    fields += [(at[0], LONG, offsets), (at[1], LONG, [len(c) for c in chunks])]
    body = b"".join(c + b"\0" * (len(c) % 2) for c in chunks)
    for tag, inner in below:
        fields.append((tag, LONG, [end]))
        part = directory(inner, order, big, end)
        body += part
        end += len(part)
    return head(order, big, end) + body + directory(sorted(fields), order, big, end)


def head(order, big, first):
    mark = b"II" if order == "<" else b"MM"
    return mark + (struct.pack(order + "HHHQ", 43, 8, 0, first) if big else struct.pack(order + "HI", 42, first))


def directory(fields, order, big, at):
    """One directory that lies at offset `at`, its long values behind it."""
    word, entry = ("Q", 20) if big else ("I", 12)
    size = struct.calcsize(word)
    data_at = at + (8 if big else 2) + entry * len(fields) + size
    entries, data = b"", b""
    for tag, kind, values in fields:
        value = values if kind == ASCII else struct.pack(f"{order}{len(values)}{CODES[kind]}", *values)
        entries += struct.pack(order + "HH" + word, tag, kind, len(values) // (2 if kind == RATIONAL else 1))
        if len(value) > size:
            entries += struct.pack(order + word, data_at + len(data))
            data += value + b"\0" * (len(value) % 2)
        else:
            entries += value.ljust(size, b"\0")
    return struct.pack(order + ("Q" if big else "H"), len(fields)) + entries + struct.pack(order + word, 0) + data
