#!/usr/bin/env python3
"""Makes tests/fixtures/image/phone/: small TIFF, HEIC and AVIF files, and golden.tsv, what Pillow 13 (with pillow_heif 1.8 for HEIC)
makes of them. Columns: file, width, height, orientation that TIFF names (1 for the others: their decoders turn), SHA-256 of
ImageOps.exif_transpose(image).convert("RGB").tobytes() for TIFF, for the others the PNG with these pixels (decoders of HEIC and AVIF
differ by rounding), time taken, camera, latitude, longitude ("-" where absent).

    python3 tests/golden/make_phone_pictures.py
"""
import hashlib
import io
import pathlib

import numpy
import pillow_heif
from PIL import Image, ImageOps, TiffImagePlugin

import tiff_writer
from make_image_golden import facts, scene

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "image" / "phone"
pillow_heif.register_heif_opener()


def exif(orientation):
    e = Image.Exif()
    e[0x0112] = orientation
    e[0x010F], e[0x0110] = "Maker", "Phone 3"
    e.get_ifd(0x8769)[0x9003] = "2026:03:01 12:34:56"
    e.get_ifd(0x8769)[0x9291] = "25"
    gps = e.get_ifd(0x8825)
    gps[1], gps[2], gps[3], gps[4] = "S", (48.0, 51.0, 29.52), "E", (2.0, 17.0, 40.2)
    return e.tobytes()


def saved(image, kind, **options):
    b = io.BytesIO()
    image.save(b, kind, **options)
    return b.getvalue()


def tags(orientation):
    """The same fields as tiff_writer takes them."""
    return [(0x0112, tiff_writer.SHORT, [orientation]), (0x010F, tiff_writer.ASCII, b"Maker\0"), (0x0110, tiff_writer.ASCII, b"Phone 3\0")]


BELOW = [(0x8769, [(0x9003, tiff_writer.ASCII, b"2026:03:01 12:34:56\0"), (0x9291, tiff_writer.ASCII, b"25\0")]),
         (0x8825, [(1, tiff_writer.ASCII, b"S\0"), (2, tiff_writer.RATIONAL, [48, 1, 51, 1, 2952, 100]), (3, tiff_writer.ASCII, b"E\0"),
                   (4, tiff_writer.RATIONAL, [2, 1, 17, 1, 402, 10])])]


def contradicted(rgb):
    """Turned by its boxes, and EXIF names an orientation too: the writer would take that out, so it is a compression until then."""
    e = Image.Exif()
    e.load(exif(8))
    e[0x0103] = 6
    data = saved(rgb, "HEIF", quality=80, exif=e.tobytes())
    for was, now in ((b"\x01\x03\x00\x03\x00\x00\x00\x01\x00\x06", b"\x01\x12"), (b"\x03\x01\x03\x00\x01\x00\x00\x00\x06\x00", b"\x12\x01")):
        if data.count(was) == 1:
            return data.replace(was, now + was[2:])
    raise ValueError("no such field in EXIF")


def tiffs(rgb, samples):
    grey, inks = samples[:, :, :1], numpy.concatenate([samples, samples[:, :, :1]], 2)
    yield "grey_mm.tif", tiff_writer.write(grey, 1, order=">")
    yield "white_is_zero.tif", tiff_writer.write(grey >> 4, 0, bits=4)
    yield "grey16.tif", tiff_writer.write(grey.astype(numpy.uint16) * 257, 1, bits=16)
    yield "bilevel_g4.tif", saved(rgb.convert("1"), "TIFF", compression="group4")
    yield "palette_packbits.tif", saved(rgb.quantize(32), "TIFF", compression="packbits")
    yield "lzw.tif", saved(rgb, "TIFF", compression="tiff_lzw")
    yield "jpeg.tif", saved(rgb, "TIFF", compression="jpeg")
    yield "rgba_deflate.tif", tiff_writer.write(inks, 2, extra=[2], deflate=True)
    yield "premultiplied.tif", tiff_writer.write(inks, 2, extra=[1], rows=5)
    yield "cmyk.tif", saved(rgb.convert("CMYK"), "TIFF", compression="tiff_adobe_deflate")
    yield "rgb16_tiles.tif", tiff_writer.write(samples.astype(numpy.uint16) * 257, 2, bits=16, tile=(16, 16), deflate=True)
    yield "big_planar_tiles.tif", tiff_writer.write(samples, 2, big=True, tile=(16, 32), planar=True, deflate=True)
    yield "planar_strips.tif", tiff_writer.write(samples, 2, order=">", planar=True, rows=7, deflate=True)
    for i, order, big in ((1, "<", True), (3, ">", False), (6, "<", False), (7, ">", False)):
        yield f"orientation_{i}.tif", tiff_writer.write(samples, 2, deflate=True, order=order, big=big, tags=tags(i), below=BELOW)
    b = io.BytesIO()
    rgb.quantize(4).save(b, "TIFF", compression="packbits", save_all=True, append_images=[rgb])
    yield "two_pages.tif", b.getvalue()


def others(rgb):
    yield "plain.heic", saved(rgb, "HEIF", quality=80)
    yield "444.heic", saved(rgb, "HEIF", quality=80, chroma=444)
    yield "odd.heic", saved(rgb.crop((0, 0, 45, 31)), "HEIF", quality=80)
    yield "grey.heic", saved(rgb.convert("L"), "HEIF", quality=80)
    yield "alpha.heic", saved(rgb.convert("RGBA"), "HEIF", quality=80)
    yield "facts.heic", saved(rgb, "HEIF", quality=80, exif=exif(1))
    for i in (3, 5, 6, 8):
        yield f"turned_{i}.heic", saved(rgb, "HEIF", quality=80, exif=exif(i))
    yield "exif_contradicts.heic", contradicted(rgb)
    deep = pillow_heif.from_bytes("RGB;16", rgb.size, (numpy.asarray(rgb).astype(numpy.uint16) * 257).tobytes())
    b = io.BytesIO()
    deep.save(b, quality=80)
    yield "10bit.heic", b.getvalue()
    yield "444.avif", saved(rgb, "AVIF", quality=80, subsampling="4:4:4")
    yield "grey.avif", saved(rgb.convert("L"), "AVIF", quality=80, subsampling="4:0:0")
    yield "turned_6.avif", saved(rgb, "AVIF", quality=80, subsampling="4:4:4", exif=exif(6))
    b = io.BytesIO()
    rgb.save(b, "AVIF", quality=80, subsampling="4:4:4", save_all=True, append_images=[rgb.rotate(180)])
    yield "sequence.avif", b.getvalue()


def main():
    FOLDER.mkdir(exist_ok=True)
    rgb = scene(48, 32)
    lines = []
    for name, data in [*tiffs(rgb, numpy.asarray(rgb)), *others(rgb)]:
        (FOLDER / name).write_bytes(data)
        tiff = name.endswith(".tif")
        image = Image.open(io.BytesIO(data))
        orientation = image.getexif().get(0x0112, 1) if tiff else 1
        known = facts(image)
        upright = ImageOps.exif_transpose(image).convert("RGB")
        if name == "grey16.tif":  # Pillow cuts off at 255
            upright = Image.fromarray((numpy.asarray(image) >> 8).astype(numpy.uint8)).convert("RGB")
        pixels = hashlib.sha256(upright.tobytes()).hexdigest() if tiff else name + ".png"
        if not tiff:
            upright.save(FOLDER / pixels, optimize=True)
        lines.append("\t".join([name, str(upright.width), str(upright.height), str(orientation), pixels, *known]))
    (FOLDER / "golden.tsv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
