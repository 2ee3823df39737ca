#!/usr/bin/env python3
"""Makes what the tests of src/embed/image compare with, by Pillow 13:

    tests/fixtures/image/made/*          small pictures in every format, mode and orientation (only with --pictures: other
                                         versions of the libraries under Pillow write other bytes)
    tests/fixtures/image/golden.tsv      one line a picture of that folder
    tests/fixtures/image/odd_images.tsv  the same for a collection that is not shipped (with --odd FOLDER)
    tests/fixtures/image/resize.tsv      SHA-256 of resized noise

A line of golden.tsv: path, then "refused" and Pillow's reason, or width, height, orientation, SHA-256 of
ImageOps.exif_transpose(image).convert("RGB").tobytes(), time taken, camera, latitude, longitude ("-" where absent).

    python3 tests/golden/make_image_golden.py [--pictures] [--odd FOLDER]
"""
import argparse
import calendar
import hashlib
import io
import pathlib
import re
import struct
import warnings
import zlib

from PIL import Image, ImageOps, TiffImagePlugin

warnings.simplefilter("ignore")
FOLDER = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "image"
MASK = (1 << 64) - 1


def noise(seed, n):
    """Byte i is byte i % 8 of splitmix64(seed + i / 8); tests/unit/embed_image_resize.c has the same in C."""
    out = bytearray()
    for i in range((n + 7) // 8):
        z = (seed + i + 1) * 0x9E3779B97F4A7C15 & MASK
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        out += struct.pack("<Q", z ^ z >> 31)
    return bytes(out[:n])


def scene(width, height):
    """A smooth picture with edges and some noise: what JPEG and WebP are made for."""
    speckle = noise(7, width * height)
    data = bytearray()
    for y in range(height):
        for x in range(width):
            inside = (x - width / 2) ** 2 + (y - height / 2) ** 2 < (min(width, height) / 3) ** 2
            s = speckle[y * width + x] % 16
            data += bytes((min(255, x * 255 // width + s), min(255, y * 255 // height + s), 220 if inside else 40 + s))
    return Image.frombytes("RGB", (width, height), bytes(data))


# ---- pictures ----

def exif_block(orientation=None, full=False):
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    if full:
        exif[0x010F] = "Picask"
        exif[0x0110] = "Pinhole 1"
        exif[0x0132] = "2024:02:29 23:59:59"
        exif.get_ifd(0x8769)[0x9003] = "2023:07:14 12:34:56"
        exif.get_ifd(0x8769)[0x9291] = "25"
        ratio = TiffImagePlugin.IFDRational
        gps = exif.get_ifd(0x8825)
        gps[1] = "S"
        gps[2] = (ratio(33), ratio(51), ratio(3594, 100))
        gps[3] = "E"
        gps[4] = (ratio(151), ratio(12), ratio(40))
    return exif.tobytes()


def bmp(width, height, bits, body, compression=0, palette=b"", masks=b"", top_down=False, header=40, colors=0):
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, width, -height if top_down else height, 1, bits, compression, len(body), 2835, 2835, colors, 0)
        info += (masks if header > 40 else b"").ljust(header - 40, b"\0")
        if header == 40:
            info += masks
    offset = 14 + len(info) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset) + info + palette + body


def png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(png, chunk):
    """Puts a chunk behind IHDR."""
    return png[:33] + chunk + png[33:]


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def make_pictures(folder):
    folder.mkdir(parents=True, exist_ok=True)
    put = lambda name, data: (folder / name).write_bytes(data)
    colour, grey = scene(53, 37), scene(53, 37).convert("L")
    tall = scene(24, 16)

    # JPEG
    for name, options in {"444": {"subsampling": 0}, "422": {"subsampling": 1}, "420": {"subsampling": 2},
                          "progressive": {"progressive": True}, "restart": {"restart_marker_blocks": 2}}.items():
        put(f"{name}.jpg", saved(colour, "JPEG", quality=85, **options))
    put("grey.jpg", saved(grey, "JPEG", quality=85))
    put("grey_progressive.jpg", saved(grey, "JPEG", quality=85, progressive=True))
    put("cmyk.jpg", saved(colour.convert("CMYK"), "JPEG", quality=90))
    put("rgb.jpg", saved(colour, "JPEG", quality=90, keep_rgb=True))
    ycck = saved(colour.convert("CMYK"), "JPEG", quality=90)
    adobe = ycck.index(b"Adobe")
    put("ycck.jpg", ycck[:adobe + 11] + b"\2" + ycck[adobe + 12:])  # the transform byte: YCCK
    put("one_pixel.jpg", saved(Image.new("RGB", (1, 1), (200, 100, 50)), "JPEG"))
    put("large_restartless.jpg", saved(scene(257, 190), "JPEG", quality=50))
    put("facts.jpg", saved(tall, "JPEG", exif=exif_block(6, True)))
    for o in range(1, 9):
        put(f"orientation_{o}.jpg", saved(tall, "JPEG", quality=90, exif=exif_block(o)))
    put("orientation_9.jpg", saved(tall, "JPEG", exif=exif_block(9)))
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>'
    put("orientation_xmp.jpg", saved(tall, "JPEG", xmp=xmp % 8))
    put("trailing_bytes.jpg", saved(tall, "JPEG") + b"what follows does not count")
    damaged = bytearray(saved(scene(96, 64), "JPEG", quality=80))
    damaged[len(damaged) * 2 // 3] ^= 0x55
    put("damaged.jpg", bytes(damaged))
    put("two_components.jpg", bytes.fromhex("ffd8ffc0000e08000800080201110002110000ffda000a020100020000003f00ffd9"))

    # PNG
    for o in range(1, 9):
        put(f"orientation_{o}.png", saved(tall, "PNG", exif=exif_block(o)))
    put("facts.png", saved(tall, "PNG", exif=exif_block(None, True)))
    plain = saved(tall, "PNG")
    profile = b"\nexif\n%8d\n" % len(exif_block(3)) + exif_block(3).hex().encode() + b"\n"
    put("orientation_raw_profile.png", with_chunk(plain, png_chunk(b"tEXt", b"Raw profile type exif\0" + profile)))
    put("orientation_raw_profile_z.png", with_chunk(plain, png_chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile))))
    put("orientation_xmp.png", with_chunk(plain, png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp % 5)))
    put("orientation_xmp_z.png", with_chunk(plain, png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp % 7))))
    put("rgba.png", saved(Image.frombytes("RGBA", (17, 11), noise(1, 17 * 11 * 4)), "PNG"))
    put("la.png", saved(Image.frombytes("LA", (17, 11), noise(2, 17 * 11 * 2)), "PNG"))
    put("grey16.png", saved(Image.frombytes("I;16", (17, 11), bytes(b if i % 2 == 0 else b % 3 for i, b in enumerate(noise(3, 17 * 11 * 2)))), "PNG"))
    paletted = Image.frombytes("P", (17, 11), bytes(b % 13 for b in noise(4, 17 * 11)))
    paletted.putpalette(noise(5, 3 * 10))  # indices 10, 11 and 12 have no colour
    put("palette_short.png", saved(paletted, "PNG"))
    put("palette_transparent.png", saved(paletted, "PNG", transparency=3))
    put("bilevel.png", saved(colour.convert("1"), "PNG"))
    put("animated.png", saved(colour, "PNG", save_all=True, append_images=[colour.transpose(Image.Transpose.ROTATE_180)]))
    put("without_end.png", plain[:-12])
    put("cut_after_pixels.png", plain[:-12] + png_chunk(b"tEXt", b"Comment\0" + b"x" * 40)[:30])
    put("bad_header_checksum.png", plain[:29] + bytes([plain[29] ^ 1]) + plain[30:])
    put("bad_pixel_checksum.png", plain[:-13] + bytes([plain[-13] ^ 1]) + plain[-12:])

    # WebP
    put("lossy.webp", saved(colour, "WEBP", quality=80))
    put("lossless.webp", saved(colour, "WEBP", lossless=True))
    alpha = Image.frombytes("RGBA", (17, 11), noise(6, 17 * 11 * 4))
    put("alpha_lossless.webp", saved(alpha, "WEBP", lossless=True, exact=True))
    put("alpha_lossy.webp", saved(alpha, "WEBP", quality=70))
    put("facts.webp", saved(tall, "WEBP", exif=exif_block(8, True)))
    for o in range(2, 9):
        put(f"orientation_{o}.webp", saved(tall, "WEBP", lossless=True, exif=exif_block(o)))
    put("orientation_xmp.webp", saved(tall, "WEBP", lossless=True, xmp=xmp % 6))
    turned = colour.transpose(Image.Transpose.ROTATE_180)
    put("animated.webp", saved(colour, "WEBP", save_all=True, append_images=[turned], lossless=True))
    canvas = Image.new("RGBA", (40, 30), (0, 0, 0, 0))
    canvas.paste(scene(12, 9), (20, 14))
    put("animated_offset.webp", saved(canvas, "WEBP", save_all=True, append_images=[turned.resize((40, 30)).convert("RGBA")], lossless=True))

    # GIF
    put("plain.gif", saved(colour.quantize(64), "GIF"))
    put("interlaced.gif", saved(colour.quantize(256), "GIF", interlace=1))
    put("grey.gif", saved(grey, "GIF"))
    put("transparent.gif", saved(paletted, "GIF", transparency=4))
    put("animated.gif", saved(colour.quantize(32), "GIF", save_all=True, append_images=[turned.quantize(32)]))
    small = saved(paletted, "GIF", interlace=0)
    at = small.index(b",\0\0\0\0" + struct.pack("<HH", 17, 11))
    put("frame_inside.gif", small[:6] + struct.pack("<HH", 30, 20) + small[10:at + 1] + struct.pack("<HH", 5, 6) + small[at + 5:])
    put("frame_beyond.gif", small[:6] + struct.pack("<HH", 10, 9) + small[10:at + 1] + struct.pack("<HH", 5, 6) + small[at + 5:])
    see_through = saved(paletted, "GIF", interlace=0, transparency=4)
    at = see_through.index(b",\0\0\0\0" + struct.pack("<HH", 17, 11))
    put("frame_inside_transparent.gif", see_through[:6] + struct.pack("<HH", 30, 20) + see_through[10:at + 1] + struct.pack("<HH", 5, 6) + see_through[at + 5:])
    put("without_trailer.gif", small[:-2])
    put("no_picture.gif", small[:13 + 3 * 16] + b";")

    # BMP
    put("bilevel.bmp", saved(colour.convert("1"), "BMP"))
    put("grey.bmp", saved(grey, "BMP"))
    put("palette.bmp", saved(colour.quantize(200), "BMP"))
    put("rgb24.bmp", saved(colour, "BMP"))
    put("rgba32.bmp", saved(alpha, "BMP"))
    rows = noise(8, 20 * 11)
    sixteen = noise(9, 16 * 4)
    put("palette4.bmp", bmp(37, 11, 4, rows, palette=sixteen, colors=16))
    put("palette4_short.bmp", bmp(37, 11, 4, rows, palette=sixteen[:40], colors=10))
    put("palette1_os2.bmp", bmp(37, 11, 1, rows[:88], palette=sixteen[:6], header=12))
    put("palette8_top_down.bmp", bmp(20, 11, 8, bytes(b % 16 for b in rows), palette=sixteen, colors=16, top_down=True))
    put("rgb555.bmp", bmp(10, 11, 16, rows))
    put("rgb565.bmp", bmp(10, 11, 16, rows, 3, masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F)))
    put("rgb565_v4.bmp", bmp(10, 11, 16, rows, 3, masks=struct.pack("<IIII", 0xF800, 0x7E0, 0x1F, 0), header=108))
    put("rgb32.bmp", bmp(5, 11, 32, rows))
    for name, masks in {"rgba": (0xFF, 0xFF00, 0xFF0000, 0xFF000000), "abgr": (0xFF000000, 0xFF0000, 0xFF00, 0xFF),
                        "bgar": (0xFF000000, 0xFF00, 0xFF, 0xFF0000)}.items():
        put(f"{name}32_v5.bmp", bmp(5, 11, 32, rows, 3, masks=struct.pack("<IIII", *masks), header=124))
    put("odd_masks.bmp", bmp(5, 11, 32, rows, 3, masks=struct.pack("<IIII", 0x3FF, 0xFFC00, 0x3FF00000, 0), header=108))
    rle8 = bytes([5, 1, 0, 4, 2, 3, 4, 5, 0, 0, 0, 2, 3, 1, 9, 6, 0, 3, 7, 8, 9, 0, 0, 0, 30, 2, 0, 0, 10, 3, 0, 1])
    put("rle8.bmp", bmp(10, 5, 8, rle8, 1, palette=sixteen, colors=16))
    put("rle8_full.bmp", bmp(10, 5, 8, rle8[:-2] + bytes([0, 0]), 1, palette=sixteen, colors=16))
    put("rle8_padded.bmp", bmp(10, 5, 8, rle8[:-2] + bytes([0, 0, 0, 2, 0, 9]), 1, palette=sixteen, colors=16))
    rle4 = bytes([5, 0x12, 0, 5, 0x34, 0x56, 0x70, 0, 0, 0, 12, 0xAB, 0, 0, 0, 3, 0x12, 0x30, 7, 0xCD, 0, 0])
    put("rle4.bmp", bmp(10, 3, 4, rle4, 2, palette=sixteen, colors=16))

    # PNM
    put("plain.pbm", b"P1 # bits\n5 3\n1 0 1 0 1\n01010\n# between\n1 1 0 0 1\n")
    put("plain.pgm", b"P2\n4 2 # size\n100\n0 10 50 100 # row\n7 33 66 99\n")
    put("plain16.pgm", b"P2\n4 2\n1000\n0 1 2 3 4 5 999 1000\n")
    put("plain.ppm", b"P3\n2 2\n15\n0 1 2 3 4 5\n6 7 8 9 10 15\n")
    put("raw.pbm", b"P4\n13 5\n" + noise(10, 10))
    put("raw.pgm", b"P5\n13 5\n255\n" + noise(11, 65))
    put("raw_maximum_100.pgm", b"P5\n13 5\n100\n" + noise(11, 65))
    put("raw16.pgm", b"P5\n13 5\n65535\n" + bytes(b if i % 2 else b % 2 for i, b in enumerate(noise(12, 130))))
    put("raw16_maximum_4095.pgm", b"P5\n13 5\n4095\n" + bytes(b if i % 2 else b % 2 for i, b in enumerate(noise(12, 130))))
    put("raw.ppm", b"P6\n#\n13 5\n255\n" + noise(13, 195))
    put("raw_maximum_200.ppm", b"P6 13 5 200 " + noise(13, 195))
    put("raw16.ppm", b"P6 13 5 65535 " + noise(14, 390))
    put("raw16_maximum_1023.ppm", b"P6 13 5 1023 " + noise(14, 390))
    put("short.ppm", b"P6 13 5 255 " + noise(13, 194))
    put("value_above.ppm", b"P3 1 1 10 1 2 11 ")
    put("no_maximum.pgm", b"P5 1 1 0 \0")


# ---- goldens ----

def micro(text, fraction):
    m = re.match(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)", text or "")
    if not m:
        return None
    try:
        seconds = calendar.timegm(tuple(int(g) for g in m.groups()) + (0, 0, 0))
    except ValueError:
        return None
    return seconds * 1000000 + int((re.match(r"\d*", fraction or "")[0] + "000000")[:6])


def facts(image):
    exif = image.getexif()
    inner, gps = exif.get_ifd(0x8769), exif.get_ifd(0x8825)
    taken = micro(inner.get(0x9003), inner.get(0x9291))
    if taken is None:
        taken = micro(exif.get(0x0132), inner.get(0x9290))
    make, model = (str(exif.get(t, "")).strip("\0 ") for t in (0x010F, 0x0110))
    camera = model if model.startswith(make) else f"{make} {model}".strip()
    def angle(value, ref, negative):
        degrees = sum(float(v) / 60**i for i, v in enumerate(value))
        return f"{-degrees if ref == negative else degrees:.6f}"
    place = ("-", "-")
    if 2 in gps and 4 in gps:
        place = (angle(gps[2], gps.get(1), "S"), angle(gps[4], gps.get(3), "W"))
    return ["-" if taken is None else str(taken), camera or "-", *place]


def golden_line(path, name):
    try:
        image = Image.open(path)
        image.load()
        orientation = image.getexif().get(0x0112, 1)
        upright = ImageOps.exif_transpose(image).convert("RGB")
    except Exception as error:
        reason = re.sub(r"\s+", " ", str(error).replace(str(path), "FILE"))[:100]
        return "\t".join((name, "refused", f"{type(error).__name__}: {reason}"))
    if orientation not in range(1, 9):
        orientation = 1
    try:
        known = facts(image)
    except Exception:
        known = ["-", "-", "-", "-"]
    return "\t".join([name, str(upright.width), str(upright.height), str(orientation),
                      hashlib.sha256(upright.tobytes()).hexdigest(), *known])


def decoded_here(data):
    return (data[:3] == b"\xff\xd8\xff" or data[:8] == b"\x89PNG\r\n\x1a\n" or data[:2] == b"BM" or data[:4] == b"GIF8" or
            (data[:4] == b"RIFF" and data[8:12] == b"WEBP") or (data[:1] == b"P" and data[1:2] in b"123456" and data[2:3].isspace()))


def write_golden(folder, to):
    lines = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix not in (".tsv", ".md") and decoded_here(path.read_bytes()):
            lines.append(golden_line(path, path.relative_to(folder).as_posix()))
    to.write_text("\n".join(lines) + "\n")


def write_resize(to):
    """Input size, output size, SHA-256."""
    sizes = [(1, 1, 1, 1), (1, 1, 7, 5), (1, 9, 4, 3), (9, 1, 3, 4), (2, 2, 1, 1), (2, 3, 3, 2), (3, 3, 224, 224), (5, 7, 6, 8),
             (16, 16, 15, 17), (16, 16, 16, 9), (16, 16, 9, 16), (31, 29, 30, 28), (33, 17, 66, 34), (64, 48, 32, 24),
             (64, 48, 63, 47), (64, 48, 65, 49), (100, 75, 37, 91), (100, 75, 1, 75), (100, 75, 100, 1), (100, 75, 2, 2),
             (127, 63, 260, 260), (128, 128, 224, 224), (200, 3, 20, 3), (3, 200, 3, 20), (224, 224, 224, 224), (225, 223, 224, 224),
             (256, 256, 224, 224), (300, 200, 299, 201), (300, 200, 336, 224), (320, 240, 260, 195), (320, 240, 260, 260),
             (320, 240, 11, 13), (333, 222, 64, 64), (400, 300, 298, 224), (500, 2, 5, 200), (640, 480, 298, 224),
             (640, 480, 260, 260), (640, 480, 384, 384), (640, 480, 1, 1), (1000, 10, 10, 1000)]
    lines = []
    for w, h, ow, oh in sizes:
        image = Image.frombytes("RGB", (w, h), noise(w * 65536 + h, w * h * 3))
        out = image.resize((ow, oh), Image.Resampling.BICUBIC).tobytes()
        lines.append(f"{w}\t{h}\t{ow}\t{oh}\t{hashlib.sha256(out).hexdigest()}")
    to.write_text("\n".join(lines) + "\n")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--pictures", action="store_true")
    options.add_argument("--odd", type=pathlib.Path)
    options = options.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    if options.pictures:
        make_pictures(FOLDER / "made")
    write_golden(FOLDER, FOLDER / "golden.tsv")
    if options.odd:
        write_golden(options.odd, FOLDER / "odd_images.tsv")
    write_resize(FOLDER / "resize.tsv")


main()
