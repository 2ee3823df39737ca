#!/usr/bin/env python3
"""Writes tests/fixtures/base/numbers.txt: floats and doubles with the digits and the decimal exponent of their shortest
text (Python's repr of a float, NumPy's of a float32). Lines: kind (f or d), bits in hex, digits, exponent."""
import decimal
import random
import struct
import sys

import numpy

random.seed(4)


def line(kind, bits):
    if kind == "d":
        value = struct.unpack("<d", struct.pack("<Q", bits))[0]
        text = repr(value)
    else:
        value = numpy.uint32(bits).view(numpy.float32)
        text = numpy.format_float_scientific(value, unique=True)
    if value != value or value in (float("inf"), float("-inf")) or value == 0:
        return None
    _, digits, exponent = decimal.Decimal(text).as_tuple()
    digits = "".join(map(str, digits)).lstrip("0")
    stripped = digits.rstrip("0")
    return f"{kind} {bits:x} {stripped} {exponent + len(digits) - len(stripped)}"


lines = []
for e in range(0, 2047, 7):  # powers of two, where the spacing below and above differs
    lines.append(line("d", e << 52))
for e in range(0, 255):
    lines.append(line("f", e << 23))
lines.append(line("d", (1023 - 44) << 52))
for i in range(1, 40):
    lines += [line("d", i), line("f", i)]  # subnormals
for _ in range(1500):
    lines += [line("d", random.getrandbits(63)), line("f", random.getrandbits(31))]
for _ in range(500):
    decimal_value = random.randint(1, 99999) / 10 ** random.randint(0, 6)
    lines.append(line("d", struct.unpack("<Q", struct.pack("<d", decimal_value))[0]))
    lines.append(line("f", struct.unpack("<I", struct.pack("<f", decimal_value))[0]))
with open(sys.argv[1] if len(sys.argv) > 1 else "tests/fixtures/base/numbers.txt", "w") as out:
    out.write("\n".join(x for x in lines if x) + "\n")
