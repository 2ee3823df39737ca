"""HEIC, AVIF and TIFF: the program's decoder against Pillow (its own readers of TIFF and AVIF, pillow_heif's of HEIC), on files made
here, in the fixtures, and in a collection that is not shipped."""
import io
import struct
import subprocess
import sys
import warnings

import numpy
from PIL import Image, ImageOps

from_golden = str(__import__("pathlib").Path(__file__).resolve().parent.parent / "golden")
sys.path.insert(0, from_golden)
import tiff_writer  # noqa: E402

TURNS = {1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
         5: lambda a: a.transpose(1, 0, 2), 6: lambda a: a.transpose(1, 0, 2)[:, ::-1],
         7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1], 8: lambda a: a.transpose(1, 0, 2)[::-1]}
MOST = 178956970
ROUNDING, ROUNDING_DEEP = 2, 3  # of 255: the decoders round in other places; what has 10 or 12 bits once more


def decoder(t):
    program = t.build / "libexec" / "picask" / "decode"
    if not program.exists():
        t.skip("picask's part 'decode' is not built")
    return program


def ours(t, data):
    """-> ([height, width, 3] upright, None), or (None, the reason)"""
    p = subprocess.run([decoder(t), "pixels", str(MOST)], input=data, capture_output=True, timeout=120)
    assert p.returncode == 0 and p.stdout[:8] == b"picdec 1", (p.returncode, p.stderr[-2000:])
    status, _, width, height, orientation = struct.unpack("<5I", p.stdout[8:28])
    body = p.stdout[192:]
    assert struct.unpack("<Q", p.stdout[184:192])[0] == len(body)
    if status:
        return None, body.decode()
    stored = (width, height) if orientation >= 5 else (height, width)
    return TURNS[orientation](numpy.frombuffer(body, numpy.uint8).reshape(*stored, 3)), None


def theirs(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return numpy.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
        except Exception:
            return None


def agree(t, data, what, tolerance=0):
    got, reason = ours(t, data)
    wanted = theirs(data)
    assert wanted is not None and got is not None, (what, reason)
    assert got.shape == wanted.shape, (what, got.shape, wanted.shape)
    far = int(abs(got.astype(int) - wanted).max())
    assert far <= tolerance, (what, far)


def noise(*shape, seed=1):
    return numpy.random.default_rng(seed).integers(0, 256, shape, dtype=numpy.uint8)


def saved(image, kind, **options):
    b = io.BytesIO()
    image.save(b, kind, **options)
    return b.getvalue()


def oriented(i):
    e = Image.Exif()
    e[0x0112] = i
    return e.tobytes()


def photograph(t):
    return Image.open(t.fixtures.parent.parent / "examples" / "pictures" / "000000252332.jpg").convert("RGB").crop((100, 100, 340, 280))


# ---- TIFF ----

def test_tiff_that_pillow_writes_is_equal_to_the_byte(t):
    picture = Image.fromarray(noise(37, 53, 3)).resize((106, 74), Image.BICUBIC)
    for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK"):
        image = picture.quantize(200) if mode == "P" else picture.convert(mode)
        for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits"):
            agree(t, saved(image, "TIFF", compression=compression), (mode, compression))
    for compression in ("group3", "group4", "tiff_ccitt"):
        agree(t, saved(picture.convert("1"), "TIFF", compression=compression), compression)
    for mode in ("L", "RGB", "CMYK"):
        for quality in (30, 75, 95):
            agree(t, saved(picture.convert(mode), "TIFF", compression="jpeg", quality=quality), (mode, "jpeg", quality))


def test_tiff_in_every_shape_is_equal_to_the_byte(t):
    count = 0
    for n, photometric, extra in ((1, 0, ()), (1, 1, ()), (2, 1, (0,)), (2, 1, (2,)), (3, 2, ()), (4, 2, (0,)), (4, 2, (1,)), (4, 2, (2,)), (4, 5, ())):
        samples = noise(45, 70, n, seed=n)
        for order in "<>":
            for tile, rows in ((None, None), (None, 7), ((16, 32), None), ((80, 48), None)):
                for planar in ((False, True) if n in (3, 4) and 1 not in extra else (False,)):
                    for deflate in (False, True):
                        data = tiff_writer.write(samples, photometric, order=order, tile=tile, rows=rows, planar=planar, deflate=deflate, extra=extra)
                        if theirs(data) is not None:
                            agree(t, data, (n, photometric, extra, order, tile, rows, planar, deflate))
                            count += 1
    for bits in (1, 2, 4, 8):
        for photometric in (0, 1, 3):
            values = noise(45, 71, 1) >> (8 - bits)
            palette = [(320, tiff_writer.SHORT, [int(v) * 257 for v in noise(3 << bits)])] if photometric == 3 else []
            for order in "<>":
                agree(t, tiff_writer.write(values, photometric, bits=bits, order=order, tags=palette), (bits, photometric, order))
                count += 1
    for n, photometric, extra in ((3, 2, ()), (4, 2, (2,)), (4, 5, ())):
        deep = noise(45, 70, n).astype(numpy.uint16) * 256 + noise(45, 70, n, seed=9)
        for order in "<>":
            agree(t, tiff_writer.write(deep, photometric, bits=16, order=order, extra=extra, deflate=True), (16, n, photometric, order))
            count += 1
    assert count > 150, count


def test_tiff_of_16_bit_grey_keeps_the_upper_eight(t):
    deep = noise(45, 70, 1).astype(numpy.uint16) * 256 + noise(45, 70, 1, seed=9)
    for order in "<>":
        for photometric in (0, 1):
            got, reason = ours(t, tiff_writer.write(deep, photometric, bits=16, order=order))
            wanted = deep >> 8 if photometric else 255 - (deep >> 8)
            assert got is not None and (got == wanted).all(), reason


def test_bigtiff_of_both_byte_orders_is_the_same_picture(t):
    samples = noise(45, 70, 3)
    for order in "<>":  # Pillow does not open BigTIFF of the second
        got, reason = ours(t, tiff_writer.write(samples, 2, order=order, big=True, rows=8))
        assert got is not None and (got == samples).all(), reason


def test_tiff_is_turned_upright_once(t):
    samples = noise(20, 30, 3)
    for i in range(1, 9):
        for tile in (None, (16, 16)):
            agree(t, tiff_writer.write(samples, 2, tile=tile, tags=[(0x0112, tiff_writer.SHORT, [i])]), i)


def test_the_first_page_of_tiff_is_taken(t):
    pages = [Image.fromarray(noise(20, 30, 3, seed=i)) for i in range(3)]
    agree(t, saved(pages[0], "TIFF", save_all=True, append_images=pages[1:]), "three pages")


def test_tiff_of_floats_and_wide_integers_is_refused_in_a_sentence(t):
    for image, word in ((Image.fromarray(noise(9, 9).astype(numpy.float32)), "no whole numbers"), (Image.fromarray(noise(9, 9).astype(numpy.int32)), "32-bit")):
        got, reason = ours(t, saved(image, "TIFF"))
        assert got is None and "TIFF of a kind that is not supported" in reason and ("32-bit" in reason or word in reason), reason


# ---- HEIC and AVIF ----

def test_heic_is_as_in_pillow_heif(t):
    t.need("pillow_heif")
    import pillow_heif
    pillow_heif.register_heif_opener(thumbnails=False)
    picture = photograph(t)
    for chroma in (420, 422, 444):
        for quality in (30, 90):
            agree(t, saved(picture, "HEIF", quality=quality, chroma=chroma), (chroma, quality), ROUNDING)
    agree(t, saved(picture.crop((0, 0, 201, 133)), "HEIF", quality=80), "odd", ROUNDING)
    agree(t, saved(picture.convert("L"), "HEIF", quality=80), "grey", ROUNDING)
    agree(t, saved(picture.convert("RGBA"), "HEIF", quality=80), "alpha", ROUNDING)
    deep = pillow_heif.from_bytes("RGB;16", picture.size, (numpy.asarray(picture).astype(numpy.uint16) * 257).tobytes())
    for twelve in (False, True):
        pillow_heif.options.SAVE_HDR_TO_12_BIT = twelve
        b = io.BytesIO()
        deep.save(b, quality=80)
        agree(t, b.getvalue(), ("more bits", twelve), ROUNDING_DEEP)
    pillow_heif.options.SAVE_HDR_TO_12_BIT = False


def test_heic_is_turned_upright_once(t):
    t.need("pillow_heif")
    import pillow_heif
    pillow_heif.register_heif_opener(thumbnails=False)
    picture = photograph(t).crop((0, 0, 120, 80))
    sizes = set()
    for i in range(1, 9):
        data = saved(picture, "HEIF", quality=90, exif=oriented(i))
        agree(t, data, i, ROUNDING)
        sizes.add(ours(t, data)[0].shape)
    assert len(sizes) == 2


def test_avif_is_as_in_pillow(t):
    picture = photograph(t).resize((160, 120))
    for subsampling in ("4:4:4", "4:0:0"):
        image = picture.convert("L") if subsampling == "4:0:0" else picture
        for i in range(1, 9):
            agree(t, saved(image, "AVIF", quality=80, subsampling=subsampling, exif=oriented(i)), (subsampling, i), ROUNDING)
    # halved colour planes: repeated here, smoothed there
    data = saved(picture, "AVIF", quality=80, subsampling="4:2:0")
    difference = abs(ours(t, data)[0].astype(int) - theirs(data))
    assert difference.mean() < 2, difference.mean()


# ---- a collection ----

# decoded here, refused there: WebP and strips of more rows than a number holds; and the reverse: samples that Pillow cuts off
OURS = {"hopper_webp.tif", "tiff_overflow_rows_per_strip.tif"}
THEIRS = {"10ct_32bit_128.tiff", "16_bit_binary_pgm.tiff", "16bit.s.tif"}


def test_odd_tiff_files_are_as_in_pillow(t):
    t.need_shared()
    folder = t.shared / "data" / "odd_images"
    equal = refused = 0
    for path in sorted(folder.rglob("*.tif*")):
        data = path.read_bytes()
        got, reason = ours(t, data)
        wanted = theirs(data)
        grey16 = got is not None and wanted is not None and Image.open(io.BytesIO(data)).mode.startswith(("I;16", "LAB"))
        if grey16:  # another scale, see src/decode/tiff.c
            assert got.shape == wanted.shape, path.name
        elif got is None and wanted is None:
            assert len(reason.splitlines()) == 1, reason
            refused += 1
        elif (got is None) != (wanted is None):
            assert path.name in (THEIRS if got is None else OURS), (path.name, reason)
        else:
            assert got.shape == wanted.shape and (got == wanted).all(), path.name
            equal += 1
    assert equal > 75 and refused > 10, (equal, refused)


def test_odd_avif_files_are_as_in_pillow(t):
    t.need_shared()
    for path in sorted((t.shared / "data" / "odd_images").rglob("*.avif")):
        data = path.read_bytes()
        got, reason = ours(t, data)
        assert got is not None, (path.name, reason)
        if "xmp_tags_orientation" in path.name:  # Pillow believes XMP where boxes and EXIF say nothing
            continue
        wanted = theirs(data)
        assert got.shape == wanted.shape and abs(got.astype(int) - wanted).mean() < 2, path.name
