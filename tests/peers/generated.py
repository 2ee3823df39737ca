"""generated.py - tables made of a seed: columns of every type that LanceDB stores, in many shapes of values and nulls, and how
two tables are compared value by value. Beside each table a plain pyarrow table says what must be there."""
import decimal
import random
import string
import struct

import pyarrow as pa

UNITS = ("s", "ms", "us", "ns")
INTEGERS = (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())
FLOATS = (pa.float16(), pa.float32(), pa.float64())
TIMES = (pa.date32(), pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"),
         *(pa.timestamp(u) for u in UNITS), pa.timestamp("us", "UTC"), pa.timestamp("ms", "Europe/Berlin"),
         *(pa.duration(u) for u in UNITS))
SHAPES = ("random", "random", "constant", "runs", "sorted", "few")
SIZES = (0, 1, 2, 5, 100, 1000, 1023, 1024, 1025, 2500, 5000)
LETTERS = string.ascii_letters + "äöü€猫😀 '%_\n\t\"\\"


class Maker:
    """Types and values of a seed. version: of the files that will hold them, "2.0", "2.1" or "2.2"."""

    def __init__(self, seed, version):
        self.r = random.Random(seed)
        self.version = version

    # ---- types ----

    def leaf(self):
        r = self.r
        kind = r.randrange(12)
        if kind < 3:
            return r.choice(INTEGERS)
        if kind == 3:
            return r.choice(FLOATS)
        if kind == 4:
            return pa.bool_()
        if kind < 7:
            return r.choice((pa.utf8(), pa.utf8(), pa.large_utf8(), pa.binary(), pa.large_binary()))
        if kind == 7:
            return pa.binary(r.choice((1, 3, 16, 20)))
        if kind == 8:
            return r.choice((pa.decimal128(r.randint(1, 38), 0), pa.decimal128(20, 4), pa.decimal256(50, 6)))
        if kind < 11:
            return r.choice(TIMES)
        return pa.dictionary(r.choice((pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8())), pa.utf8())

    def vector(self):
        item = self.r.choice((pa.float32(), pa.float32(), pa.float64(), pa.float16(), pa.uint8(), pa.int64(), pa.bool_()))
        return pa.list_(item, self.r.choice((1, 2, 3, 8, 16, 64, 130)))

    def type(self, depth=0):
        kind = self.r.randrange(10)
        if kind < 5 or depth > 2:
            return self.leaf()
        if kind < 7:
            return self.vector()
        if kind < 9:
            make = pa.large_list if self.r.random() < 0.2 else pa.list_
            return make(self.type(depth + 1))
        if self.version == "2.2" and self.r.random() < 0.2:
            return pa.map_(self.r.choice((pa.utf8(), pa.int32())), self.leaf())
        return pa.struct([pa.field(f"f{i}", self.type(depth + 1)) for i in range(self.r.randint(1, 3))])

    # ---- values ----

    def scalar(self, t, wide):
        r = self.r
        if pa.types.is_dictionary(t):
            return r.choice(("", "cat", "dog", "a rather long entry of a dictionary", "猫"))
        if pa.types.is_boolean(t):
            return r.random() < 0.5
        if pa.types.is_integer(t):
            low = 0 if pa.types.is_unsigned_integer(t) else -(1 << t.bit_width - 1)
            high = (1 << t.bit_width) + low - 1
            return r.choice((low, high, 0)) if r.random() < 0.1 else r.randint(low, high) if wide else r.randint(max(low, -5), 20)
        if pa.types.is_floating(t):
            v = r.choice((float("nan"), float("inf"), -0.0)) if r.random() < 0.05 else r.gauss(0, 1) if wide else r.randint(0, 9)
            return struct.unpack("e", struct.pack("e", v))[0] if t == pa.float16() else float(v)
        if pa.types.is_decimal(t):
            digits = r.randint(1, t.precision)
            return decimal.Decimal(r.randint(-10**digits + 1, 10**digits - 1)).scaleb(-t.scale, decimal.Context(prec=60))
        if pa.types.is_fixed_size_binary(t):
            return r.randbytes(t.byte_width)
        n = r.choice((0, 1, 5, 12, 40)) if not wide or r.random() < 0.97 else r.choice((255, 256, 300, 2000, 40000))
        if pa.types.is_binary(t) or pa.types.is_large_binary(t):
            return r.randbytes(n)
        return "".join(r.choices(LETTERS, k=min(n, 60))) * (n // 60 + 1 if n > 60 else 1)

    def plain(self, t, n, nullable=True):
        """An array of a type without children."""
        r = self.r
        shape, wide, share = r.choice(SHAPES), r.random() < 0.6, r.choice((0, 0, 0.01, 0.3, 0.9, 1)) if nullable else 0
        clock = pa.types.is_temporal(t)
        step = 1000 if getattr(t, "unit", "") == "ns" else 1  # Python's times have no nanoseconds, also not inside a list
        if clock:  # as the integers that they are; times of a day stay within it
            t = pa.int32() if t.bit_width == 32 else pa.int64()

        def one():
            return r.randint(0, 86399) * step if clock else self.scalar(t, wide)
        if shape == "constant":
            values = [one()] * n
        elif shape == "few":
            values = r.choices([one() for _ in range(r.randint(2, 40))], k=n)
        elif shape == "runs":
            values = []
            while len(values) < n:
                values += [one()] * r.randint(1, 400)
        else:
            values = [one() for _ in range(n)]
            if shape == "sorted" and not pa.types.is_floating(t):
                values.sort()
        nulls = [r.random() < share for _ in range(n)]
        return pa.array([None if null else v for v, null in zip(values, nulls)], t)

    def array(self, t, n, nullable=True):
        r = self.r
        if pa.types.is_fixed_size_list(t):
            items = self.array(t.value_type, n * t.list_size, r.random() < 0.3)
            return pa.FixedSizeListArray.from_arrays(items, type=t, mask=self.mask(n, nullable))
        if pa.types.is_struct(t):
            children = [self.array(f.type, n) for f in t]
            # 2.0 does not keep which structs are null
            return pa.StructArray.from_arrays(children, fields=list(t), mask=self.mask(n, nullable and self.version != "2.0"))
        if pa.types.is_list(t) or pa.types.is_large_list(t) or pa.types.is_map(t):
            most = r.choice((0, 1, 3, 6))
            sizes = [0 if r.random() < 0.2 else r.randint(0, most) for _ in range(n)]
            offsets = [0]
            for size in sizes:
                offsets.append(offsets[-1] + size)
            mask = self.mask(n, nullable)
            if pa.types.is_map(t):
                keys = self.plain(t.key_type, offsets[-1], False)
                return pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), keys, self.array(t.item_type, offsets[-1]), t,
                                               mask=mask)
            kind, width = (pa.LargeListArray, pa.int64()) if pa.types.is_large_list(t) else (pa.ListArray, pa.int32())
            return kind.from_arrays(pa.array(offsets, width), self.array(t.value_type, offsets[-1]), t, mask=mask)
        if pa.types.is_dictionary(t):
            return self.plain(t.value_type, n, nullable).dictionary_encode().cast(t) if n < 100 else self.few(t, n, nullable)
        return self.plain(t, n, nullable).view(t) if pa.types.is_temporal(t) else self.plain(t, n, nullable)

    def column(self, t, n):
        """LanceDB takes lists of floats for vectors, and then no NaN, no null number and not all of them null."""
        if not pa.types.is_fixed_size_list(t) or not pa.types.is_floating(t.value_type):
            return self.array(t, n)
        numbers = pa.array([float(self.r.randint(-99, 99)) for _ in range(n * t.list_size)], pa.float32()).cast(t.value_type)
        some = self.r.choice((0, 0.3))
        mask = pa.array([i > 0 and self.r.random() < some for i in range(n)], pa.bool_())
        return pa.FixedSizeListArray.from_arrays(numbers, type=t, mask=mask)

    def few(self, t, n, nullable):
        """A dictionary small enough for any type of index."""
        words = [f"word {i}" * (1 + i % 3) for i in range(self.r.randint(1, 60))]
        return pa.array([None if nullable and self.r.random() < 0.1 else self.r.choice(words) for _ in range(n)], t.value_type) \
            .dictionary_encode().cast(t)

    def mask(self, n, nullable):
        if not nullable or n == 0 or self.r.random() < 0.5:
            return None
        share = self.r.choice((0.05, 0.5, 1))
        return pa.array([self.r.random() < share for _ in range(n)])

    # ---- tables ----

    def schema(self):
        return pa.schema([pa.field("id", pa.int64())] +
                         [pa.field(f"c{i}", self.type()) for i in range(self.r.randint(1, 4))])

    def rows(self, schema, first, n):
        """n rows of consecutive ids from `first`"""
        columns = [pa.array(range(first, first + n), pa.int64())]
        columns += [self.column(f.type, n) for f in list(schema)[1:]]
        return pa.Table.from_arrays(columns, schema=schema)

    def size(self, schema):
        """Rows of at most 5,000 values in all."""
        def values(t):
            if pa.types.is_fixed_size_list(t):
                return t.list_size * values(t.value_type)
            if pa.types.is_list(t) or pa.types.is_large_list(t):
                return 2 * values(t.value_type)
            return sum(values(t.field(i).type) for i in range(t.num_fields)) or 1
        most = max(1, 5000 // sum(values(f.type) for f in schema))
        return self.r.choice([s for s in SIZES if s <= most] + [most])


def bits(value):
    """A value in which NaN equals NaN and -0.0 is not 0.0."""
    if isinstance(value, float):
        return struct.pack("d", value)
    if isinstance(value, (list, tuple)):
        return [bits(v) for v in value]
    if isinstance(value, dict):
        return {k: bits(v) for k, v in value.items()}
    return value


def integers(array):
    """Times as their integers: Python's own are coarser than nanoseconds and end at the year 9999."""
    t = array.type
    if pa.types.is_temporal(t):
        return array.view(pa.int32() if t.bit_width == 32 else pa.int64())
    return array


def values(column):
    """Chunk by chunk: pyarrow does not put dictionaries with nulls together."""
    out = []
    for chunk in column.chunks:
        if pa.types.is_dictionary(chunk.type):
            chunk = chunk.cast(chunk.type.value_type)
        out += bits(integers(chunk).to_pylist())
    return out


def same_rows(got, want, where):
    """By id, every column's type and every value."""
    assert got.schema.names == want.schema.names, (where, got.schema.names, want.schema.names)
    assert got.num_rows == want.num_rows, (where, got.num_rows, want.num_rows)
    orders = [sorted(range(len(ids)), key=ids.__getitem__) for ids in (got["id"].to_pylist(), want["id"].to_pylist())]
    for field in want.schema:
        mine = got.schema.field(field.name)
        assert mine.type == field.type, (where, field.name, mine.type, field.type)
        a, b = ([v[i] for i in order] for v, order in zip((values(got[field.name]), values(want[field.name])), orders))
        if a != b:
            at = next(i for i in range(len(a)) if a[i] != b[i])
            raise AssertionError((where, field.name, str(field.type), "row", at, a[at], b[at]))
