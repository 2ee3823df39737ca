#!/usr/bin/env python3
"""Writes the small files of tests/fixtures/base that NumPy makes."""
import numpy

values = numpy.array([[0.5, -1.25, 3.0], [65504.0, 1e-3, -0.0]])
for name in ("float16", "float32", "float64"):
    numpy.save(f"tests/fixtures/base/{name}.npy", values.astype(name))
numpy.save("tests/fixtures/base/one_dimension.npy", values[0].astype("float32"))
numpy.save("tests/fixtures/base/fortran.npy", numpy.asfortranarray(values.astype("float32")))
numpy.save("tests/fixtures/base/int32.npy", values[:1].astype("int32"))
numpy.save("tests/fixtures/base/record.npy", numpy.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")]))
with open("tests/fixtures/base/version2.npy", "wb") as out:
    numpy.lib.format.write_array(out, values.astype("float32"), version=(2, 0))
# every half and what NumPy makes of it as float32, and float32 values around each half with what they round to
halves = numpy.arange(65536, dtype=numpy.uint16)
numpy.testing.assert_array_equal(halves.view(numpy.float16).astype(numpy.float32).astype(numpy.float16).view(numpy.uint16)[
    ~numpy.isnan(halves.view(numpy.float16))], halves[~numpy.isnan(halves.view(numpy.float16))])
rng = numpy.random.default_rng(4)
floats = numpy.concatenate([rng.integers(0, 1 << 32, 600, dtype=numpy.uint64).astype(numpy.uint32).view(numpy.float32),
                            rng.standard_normal(300).astype(numpy.float32) * 1e-6,
                            rng.standard_normal(300).astype(numpy.float32) * 7e4,
                            numpy.array([65519.99, 65520, 2**-24, 2**-25, 3 * 2**-26, 2**-14, 6.1e-5], numpy.float32)])
floats = floats[~numpy.isnan(floats)]
with numpy.errstate(over="ignore"), open("tests/fixtures/base/halves.txt", "w") as out:
    for f in floats:
        out.write(f"{f.view(numpy.uint32):08x} {f.astype(numpy.float16).view(numpy.uint16):04x}\n")
