"""The condition language against LanceDB: generated conditions give the same rows, or both refuse. Where one of the two refuses
alone, its sentence must belong to a class that docs/conditions.md lists."""
import datetime as dt
import decimal
import math
import random
import re

import pyarrow as pa

# What LanceDB refuses and ours computes (docs/conditions.md, "Beyond LanceDB").
THEIRS_REFUSE = (
    r"could not convert to literal of type",  # column beside a literal of another type: ours casts
    r"is not supported SQL in lance|Operator \S+ is not supported|Unsupported data type",
    r"LIKE does not support escape_char",
    r"Cannot infer common argument type for comparison operation (Time|Duration|Date)",
    r"user-defined coercion failed",  # coalesce() of dates and text
    r"Divide by zero|overflow|Overflow|Cast error|Cannot cast|Parser error",  # in a row that another operand has decided
    r"Cannot automatically convert|Cannot infer common (argument|string) type",
    r"no field named|No field named|not found in struct",  # other letter case within functions and structs
)
# What ours refuses and LanceDB computes (docs/conditions.md, "Not there").
OURS_REFUSE = (
    r"is not known here",
    r"lists are not compared|structs are not compared",
    r"\(string\)|text is wanted",  # text columns beside numbers: LanceDB casts the text, row by row
    r"cannot be compared with .*\(date\)",  # whole numbers in a list beside dates
    r"does not fit into|cannot be cast to",  # in a part that DataFusion's optimiser finds to be needless
)


def many(values, rng, rows):
    return values + [rng.choice(values) for _ in range(rows - len(values))]


def every_type(rows=700, seed=6):
    rng = random.Random(seed)
    inf, nan = math.inf, math.nan
    floats = [0.0, -0.0, nan, inf, -inf, None, 0.1, 1.5, -1.5, 3.0, 1e10, -2.0, 0.25]
    texts = ["", "abc", "ABC", None, "a%b", "a_b", "\u00fc", "\u00dc", "10", "7", "1.5", "true", "dog", "a dog", "dogs\n",
             "\u03a3\u03c3", "Stra\u00dfe", "\U0001f600", "it's", "back\\slash"]
    days = [dt.date(1969, 12, 31), dt.date(1970, 1, 1), None, dt.date(2026, 3, 1), dt.date(2024, 2, 29), dt.date(1, 1, 1),
            dt.date(9999, 12, 31)]
    times = [dt.datetime(1969, 12, 31, 23, 59, 59, 999999), dt.datetime(1970, 1, 1), None, dt.datetime(2026, 3, 1, 10),
             dt.datetime(2026, 3, 29, 1, 30), dt.datetime(2024, 2, 29, 12, 0, 0, 500000), dt.datetime(1900, 1, 1)]
    whole = [None if x is None else x.replace(microsecond=0) for x in times]
    binary = [b"", b"a", None, b"ab", b"\xff\x00"]

    def ints(bits, signed=True):
        least, most = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        return [None, least, most, 0, 1, 2, 3, 5, 7, 10] + ([-1, -2] if signed else [])

    def column(values, kind):
        return pa.array(many(values, rng, rows), kind)

    return pa.table({
        "id": pa.array(range(rows), pa.int64()),
        "i8": column(ints(8), pa.int8()), "i16": column(ints(16), pa.int16()), "i32": column(ints(32), pa.int32()),
        "i64": column(ints(64), pa.int64()), "u8": column(ints(8, False), pa.uint8()),
        "u16": column(ints(16, False), pa.uint16()), "u32": column(ints(32, False), pa.uint32()),
        "u64": column(ints(64, False), pa.uint64()),
        "f16": column([x for x in floats if x != 1e10], pa.float16()), "f32": column(floats, pa.float32()),
        "f64": column(floats + [1e300, 5e-324], pa.float64()),
        "s": column(texts, pa.string()), "ls": column(texts, pa.large_string()), "word": column(["x", "y", "Z", "abc"], pa.string()),
        "dic": column(["x", "y", None, "abc"], pa.string()).dictionary_encode(),
        "b": column([True, False, None], pa.bool_()), "flag": column([True, False], pa.bool_()),
        "bin": column(binary, pa.binary()), "fsb": column([b"ab", b"cd", None, b"\xff\x00"], pa.binary(2)),
        "d32": column(days, pa.date32()), "d64": column(days, pa.date64()),
        "ts": column(times, pa.timestamp("us")), "tss": column(whole, pa.timestamp("s")),
        "tsms": column([None if x is None else x.replace(microsecond=x.microsecond // 1000 * 1000) for x in times],
                       pa.timestamp("ms")),
        "tsns": column(times, pa.timestamp("ns")), "tsz": column(times, pa.timestamp("us", tz="UTC")),
        "dec": column([decimal.Decimal(x) if x else None for x in ("1.50", "-2.25", "", "100.00", "0.00", "3.00")],
                      pa.decimal128(10, 2)),
        "li": column([[1, 2], [], None, [3, None], [7]], pa.list_(pa.int32())),
        "tags": column([["a", "dog"], [], None, ["abc"]], pa.list_(pa.string())),
        "vec": column([[1.0, 2.0], [0.0, 0.0], None], pa.list_(pa.float32(), 2)),
        "st": column([{"a": 1, "b": "x"}, {"a": 2, "b": None}, None, {"a": None, "b": "abc"}],
                     pa.struct([("a", pa.int32()), ("b", pa.string())])),
        "Mixed": column([1, 2, 3, None], pa.int32()), "two words": column([1, 2, None], pa.int32()),
    })


class Grammar:
    """Random conditions: mostly well typed; `wrong` of them beside a value of any type."""

    INTS = ["id", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "st.a", "Mixed", "`two words`"]
    FLOATS = ["f16", "f32", "f64"]
    TEXTS = ["s", "ls", "word", "dic", "st.b"]
    DATES = ["d32", "d64"]
    TIMES = ["ts", "tss", "tsms", "tsns", "tsz"]
    KINDS = ["int", "float", "text", "bool", "date", "time", "binary", "decimal"]

    def __init__(self, seed, wrong=0.04):
        self.r = random.Random(seed)
        self.wrong = wrong

    def pick(self, *choices):
        return self.r.choice(choices)

    def literal(self, kind):
        r = self.r
        if kind == "int":
            return str(r.choice([0, 1, 2, 3, 5, 7, 10, 100, 127, 128, 200, 255, 300, 350, 700, -1, -2, -128, 65535, 2147483647,
                                 -2147483648, 9223372036854775807]))
        if kind == "float":
            return r.choice(["0.0", "-0.0", "0.1", "1.5", "-1.5", "3.0", "1e10", "2.5e-1", ".5", "3.", "-2.0", "1e300"])
        if kind == "text":
            return r.choice(["''", "'abc'", "'ABC'", "'a%b'", "'\u00fc'", "'10'", "'x'", "'dog'", "'it''s'", "'Z'", "'b'", "'true'"])
        if kind == "bool":
            return r.choice(["true", "false", "TRUE"])
        if kind == "date":
            return r.choice(["date '1970-01-01'", "date '2026-03-01'", "DATE '1969-12-31'", "date '2024-2-29'",
                             "cast('2026-03-01' as date)"])
        if kind == "time":
            return r.choice(["timestamp '2026-03-01 10:00:00'", "timestamp '1970-01-01'", "timestamp '2024-02-29T12:00:00.5'",
                             "timestamp '2026-03-01T11:00:00+01:00'", "now()", "timestamp(3) '1970-01-01 00:00:00Z'"])
        if kind == "binary":
            return r.choice(["X'61'", "X''", "x'6162'", "X'ff00'"])
        return r.choice(["cast('1.50' as decimal(10,2))", "cast(3 as decimal(10,2))", "cast('-2.25' as decimal(6,2))"])

    def column(self, kind):
        names = {"int": self.INTS, "float": self.FLOATS, "text": self.TEXTS, "bool": ["b", "flag"], "date": self.DATES,
                 "time": self.TIMES, "binary": ["bin", "fsb"], "decimal": ["dec"]}
        name = self.r.choice(names[kind])
        if self.r.random() < 0.03 and name.isalnum():
            return "`" + name + "`"
        if self.r.random() < 0.02 and name.isalnum():
            return name.upper()
        return name

    def value(self, kind, depth):
        """a value made of columns"""
        r = self.r
        if depth <= 0 or r.random() < 0.6:
            return self.column(kind)
        if r.random() < 0.12:
            return f"coalesce({self.value(kind, depth - 1)}, {self.either(kind, depth - 1)})"
        if r.random() < 0.05:
            return f"nullif({self.value(kind, depth - 1)}, {self.either(kind, depth - 1)})"
        if r.random() < 0.04 and kind not in ("bool", "binary"):
            return f"{self.pick('greatest', 'least')}({self.value(kind, depth - 1)}, {self.value(kind, depth - 1)})"
        if kind == "int":
            way = r.randrange(7)
            if way == 0:
                return f"({self.value('int', depth - 1)} {self.pick('+', '-', '*')} {self.either('int', depth - 1)})"
            if way == 1:
                return f"{self.value('int', depth - 1)} {self.pick('%', '/')} {self.pick('2', '3', '10', '-7')}"
            if way == 2:
                return f"{self.pick('length', 'char_length', 'octet_length')}({self.value('text', depth - 1)})"
            if way == 3:
                return f"cast({self.value('int', depth - 1)} as bigint)" if r.random() < 0.5 else f"try_cast({self.column('text')} as int)"
            if way == 4:
                return f"strpos({self.column('text')}, {self.literal('text')})"
            if way == 5:
                return f"cast({self.column('bool')} as int)"
            return f"array_length({self.pick('li', 'tags', 'vec')})"
        if kind == "float":
            way = r.randrange(5)
            if way == 0:
                return f"({self.value('float', depth - 1)} {self.pick('+', '-', '*', '/', '%')} {self.either(self.pick('float', 'int'), depth - 1)})"
            if way == 1:
                return f"abs({self.value('float', depth - 1)})"
            if way == 2:
                return f"cast({self.value('int', depth - 1)} as {self.pick('double', 'float')})"
            if way == 3:
                return f"-{self.column('float')}"
            return f"vec[{self.pick(1, 2, -1, 3)}]"
        if kind == "text":
            way = r.randrange(7)
            if way < 2:
                return f"{self.pick('lower', 'upper', 'LOWER')}({self.value('text', depth - 1)})"
            if way == 2:
                return f"{self.value('text', depth - 1)} || {self.either('text', depth - 1)}"
            if way == 3:
                return f"{self.pick('left', 'right')}({self.column('text')}, {self.pick(0, 1, 2, -1)})"
            if way == 4:
                return f"{self.pick('btrim', 'ltrim', 'rtrim')}({self.column('text')}{self.pick('', chr(44) + ' ' + chr(39) + 'ab' + chr(39))})"
            if way == 5:
                return f"replace({self.column('text')}, {self.literal('text')}, {self.literal('text')})"
            return f"cast({self.value(self.pick('int', 'bool', 'date', 'decimal', 'time', 'float'), depth - 1)} as string)"
        if kind == "bool":
            return "(" + self.condition(depth - 1) + ")"
        if kind == "date":
            return f"cast({self.column('time')} as date)"
        if kind == "time":
            if r.random() < 0.4:
                return f"date_trunc('{self.pick('day', 'hour', 'month', 'year', 'week', 'minute')}', {self.pick('ts', 'tss', 'tsns')})"
            return f"cast({self.column('date')} as timestamp)" if r.random() < 0.3 else self.column("time")
        return self.column(kind)

    def either(self, kind, depth):
        if self.r.random() < 0.03:
            return "null"
        if self.r.random() < self.wrong:
            return self.literal(self.r.choice(self.KINDS))
        return self.literal(kind) if self.r.random() < 0.7 else self.value(kind, depth)

    def kind(self):
        return self.r.choices(self.KINDS, [30, 15, 25, 6, 8, 12, 4, 4])[0]

    def other(self, kind):
        return {"int": self.pick("int", "int", "int", "int", "float", "decimal"), "float": self.pick("float", "float", "int"),
                "time": self.pick("time", "time", "time", "date"), "date": self.pick("date", "date", "time"),
                "decimal": self.pick("decimal", "int")}.get(kind, kind)

    def leaf(self, depth):
        r, kind = self.r, self.kind()
        way = r.randrange(20)
        if way < 9:
            a, b = self.value(kind, depth), self.either(self.other(kind), depth)
            if r.random() < 0.1:
                a, b = b, a
            return f"{a} {self.pick('=', '==', '!=', '<>', '<', '<=', '>', '>=')} {b}"
        no = self.pick("", "", "not ")
        if way < 11:
            bound = self.literal if kind == "time" else lambda k: self.either(k, 0)
            return f"{self.value(kind, depth)} {no}between {bound(kind)} and {bound(kind)}"
        if way < 14:
            item = self.literal if kind == "time" else lambda k: self.either(k, 0)
            items = [item(kind) if r.random() < 0.9 else "null" for _ in range(r.choice([1, 2, 3, 5, 12, 30]))]
            return f"{self.value(kind, depth)} {no}in ({', '.join(items)})"
        if way < 16:
            pattern = r.choice(["'a%'", "'%c'", "'%b%'", "'_'", "'a_b'", "'a\\_b'", "'a\\%b'", "'%'", "''", "'abc'", "'%dog%'",
                                "'\u00dc'", "'%\u00df%'", "'\u03c3%'", "'_bc'", "'%a%b%'", "'%\\\\%'", "'%S'"])
            return f"{self.value('text', depth)} {no}{self.pick('like', 'like', 'ilike', 'LIKE')} {pattern}"
        if way == 16:
            return f"{self.pick(self.value(kind, depth), self.pick('li', 'vec', 'st', 'tags'))} is {no}null"
        if way == 17:
            return f"{self.pick('starts_with', 'ends_with', 'contains')}({self.value('text', depth)}, {self.either('text', 0)})"
        if way == 18:
            return r.choice(["b", "flag", "not b", "not flag", f"array_has(li, {self.literal('int')})",
                             f"array_contains(tags, {self.literal('text')})", f"isnan({self.column('float')})",
                             f"date_part('{self.pick('year', 'month', 'day', 'hour', 'dow', 'doy', 'week', 'minute')}', ts) > {self.pick(0, 1, 3, 10, 1970)}"])
        return f"{self.pick('b', 'flag', '(' + self.condition(depth - 1) + ')')} is {no}{self.pick('true', 'false')}"

    def condition(self, depth=2):
        r = self.r
        if depth <= 0 or r.random() < 0.45:
            return self.leaf(max(depth, 0))
        way = r.randrange(6)
        if way < 4:
            word = self.pick(" and ", " or ", " AND ", " Or ")
            return word.join(self.condition(depth - 1) if r.random() < 0.7 else f"({self.condition(depth - 1)})"
                             for _ in range(r.choice([2, 2, 2, 3, 5])))
        return f"{self.pick('not', 'NOT')} ({self.condition(depth - 1)})"


def theirs(table, condition):
    try:
        got = table.search().where(condition).select(["id"]).limit(1 << 30).to_arrow()["id"].to_pylist()
        return sorted(got), None
    except Exception as e:
        return None, re.sub(r", /\S+/(registry|src)/.*", "", str(e).replace("\n", " "))


def judge(condition, rows, refusal, our_rows, our_refusal):
    """None, or what is wrong"""
    if rows is not None and our_rows is not None:
        if rows == our_rows:
            return None
        extra, missing = sorted(set(our_rows) - set(rows)), sorted(set(rows) - set(our_rows))
        return f"{condition}\n  {len(rows)} rows, ours {len(our_rows)}: extra {extra[:5]}, missing {missing[:5]}"
    if rows is None and our_rows is None:
        return None
    if rows is None:
        if any(re.search(p, refusal) for p in THEIRS_REFUSE):
            return None
        return f"{condition}\n  LanceDB alone refuses: {refusal}"
    if any(re.search(p, our_refusal) for p in OURS_REFUSE):
        return None
    return f"{condition}\n  ours alone refuses: {our_refusal}"


def compare(t, n, seed):
    import lancedb
    import lancelet

    table = lancedb.connect(str(t.tmp)).create_table("t", every_type())
    ours = lancelet.open(t.tmp / "t.lance")
    grammar, wrong, accepted = Grammar(seed), [], 0
    for _ in range(n):
        condition = grammar.condition()
        rows, refusal = theirs(table, condition)
        our_rows = our_refusal = None
        try:
            our_rows = sorted(ours.scan(columns=["id"], condition=condition)["id"].to_pylist())
        except (lancelet.Error, pa.ArrowException) as e:  # before the first batch, and within a stream
            our_refusal = str(e)
        accepted += rows is not None and our_rows is not None
        verdict = judge(condition, rows, refusal, our_rows, our_refusal)
        if verdict:
            wrong.append(verdict)
    assert not wrong, f"{len(wrong)} of {n}:\n" + "\n".join(wrong[:20])
    assert accepted > n // 2, f"both accepted {accepted} of {n} alone"


def test_300_conditions_find_the_rows_that_lancedb_finds(t):
    t.need("lancedb")
    compare(t, 300, 1)


def test_10000_conditions_find_the_rows_that_lancedb_finds(t):
    t.only_check_all()
    t.need("lancedb")
    compare(t, 10000, 2)
