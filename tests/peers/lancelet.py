"""lancelet.py - the C library through ctypes, rows as pyarrow tables: what the peer tests call instead of the program.

    t = lancelet.open(path)            # Table: one version
    t.scan().to_pydict()
    t = t.commit(rows=table, delete=[addresses], config={"k": "v"})
    t.search([0.1, ...], k=3)          # [(address, distance)]

A failing call raises lancelet.Error, whose `status` is a name in capitals ("CONFLICT")."""
import ctypes as c
import os

import pyarrow as pa

NAMES = ["OK", "INVALID", "NOT_FOUND", "CONFLICT", "UNSUPPORTED", "CORRUPT", "IO", "LIMIT", "MEMORY", "CANCELLED"]


def _load():
    build = os.environ.get("PICASK_BUILD", "build")
    for name in (build + "/liblancelet.so", build + "/libpicask.so"):
        if os.path.exists(name):
            return c.CDLL(os.path.abspath(name))
    raise RuntimeError(f"neither liblancelet.so nor libpicask.so is in {build}")


_lib = _load()


class _Error(c.Structure):
    _fields_ = [("status", c.c_int), ("text", c.c_char * 1024)]


class _Open(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("version", c.c_uint64)]


class _Info(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("version", c.c_uint64), ("rows", c.c_uint64), ("deleted_rows", c.c_uint64),
                ("fragments", c.c_uint64), ("data_bytes", c.c_uint64), ("indices", c.c_uint64),
                ("timestamp_us", c.c_int64), ("data_version", c.c_char_p), ("path", c.c_char_p)]


class _Scan(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("columns", c.POINTER(c.c_char_p)), ("n_columns", c.c_size_t),
                ("with_row_address", c.c_bool), ("batch_rows", c.c_size_t), ("cancel", c.c_void_p)]


class _Hit(c.Structure):
    _fields_ = [("address", c.c_uint64), ("distance", c.c_float)]


class _Search(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("column", c.c_char_p), ("metric", c.c_int), ("k", c.c_size_t),
                ("threads", c.c_int), ("cancel", c.c_void_p)]


class _Write(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("no_rebase", c.c_bool), ("no_sync", c.c_bool), ("cancel", c.c_void_p)]


class _KeyValue(c.Structure):
    _fields_ = [("key", c.c_char_p), ("value", c.c_char_p)]


class _Change(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("rows", c.c_void_p), ("delete_addresses", c.POINTER(c.c_uint64)),
                ("n_delete", c.c_size_t), ("config", c.POINTER(_KeyValue)), ("n_config", c.c_size_t),
                ("overwrite", c.c_bool), ("predicate", c.c_char_p)]


_lib.lancelet_table_destroy.argtypes = [c.c_void_p]
_lib.lancelet_table_destroy.restype = None
_lib.lancelet_table_get_info.argtypes = [c.c_void_p, c.c_void_p]
_lib.lancelet_table_get_info.restype = None
for _name in ("config", "schema_metadata"):
    _f = getattr(_lib, "lancelet_table_" + _name)
    _f.argtypes, _f.restype = [c.c_void_p, c.c_char_p], c.c_char_p


class Error(Exception):
    def __init__(self, e):
        super().__init__(f"{NAMES[e.status]}: {e.text.decode()}")
        self.status = NAMES[e.status]


def _call(name, *args):
    e = _Error()
    status = getattr(_lib, "lancelet_table_" + name)(*args, c.byref(e))
    if status:
        assert status == e.status and e.text, (name, status, e.status)
        raise Error(e)


# The Arrow C structs are opaque here but for their size; pyarrow fills and reads them.
_Stream = c.c_void_p * 5  # get_schema, get_next, get_last_error, release, private_data
_Schema = c.c_void_p * 9
RELEASE = 3


def _export(rows):
    """A pyarrow table or reader as an ArrowArrayStream; keep what is returned alive during the call."""
    stream = _Stream()
    reader = rows if isinstance(rows, pa.RecordBatchReader) else rows.to_reader()
    reader._export_to_c(c.addressof(stream))
    return stream


def _pairs(config):
    kv = (_KeyValue * max(1, len(config)))()
    for i, (k, v) in enumerate(config.items()):
        kv[i] = _KeyValue(k.encode(), None if v is None else v.encode())
    return kv


def _write(no_rebase=False, no_sync=True):
    return c.byref(_Write(c.sizeof(_Write), no_rebase, no_sync, None))


def open(path, version=0):
    out = c.c_void_p()
    _call("open", os.fsencode(path), c.byref(_Open(c.sizeof(_Open), version)), c.byref(out))
    return Table(out)


def create(path, rows, config={}, **options):
    out, stream = c.c_void_p(), _export(rows)
    _call("create", os.fsencode(path), stream, _pairs(config), c.c_size_t(len(config)),
          _write(**options), c.byref(out))
    assert not stream[RELEASE]
    return Table(out)


def drop(path):
    _call("drop", os.fsencode(path))


class Table:
    def __init__(self, handle):
        self._h = handle

    def __del__(self):
        _lib.lancelet_table_destroy(self._h)

    @property
    def info(self):
        i = _Info(c.sizeof(_Info))
        _lib.lancelet_table_get_info(self._h, c.byref(i))
        return {n: getattr(i, n) for n, _ in _Info._fields_[1:]}

    @property
    def rows(self):
        return self.info["rows"]

    @property
    def schema(self):
        s = _Schema()
        _call("schema", self._h, s)
        return pa.Schema._import_from_c(c.addressof(s))

    def config(self, key):
        v = _lib.lancelet_table_config(self._h, key.encode())
        return None if v is None else v.decode()

    def schema_metadata(self, key):
        v = _lib.lancelet_table_schema_metadata(self._h, key.encode())
        return None if v is None else v.decode()

    def _options(self, columns, row_address, batch_rows):
        names = None
        if columns is not None:
            names = (c.c_char_p * max(1, len(columns)))(*[n.encode() for n in columns])
        return _Scan(c.sizeof(_Scan), names, len(columns or ()), row_address, batch_rows, None)

    def reader(self, columns=None, row_address=False, batch_rows=0):
        s = _Stream()
        _call("scan", self._h, c.byref(self._options(columns, row_address, batch_rows)), s)
        return pa.RecordBatchReader._import_from_c(c.addressof(s))

    def scan(self, *args, **options):
        table = self.reader(*args, **options).read_all()
        table.validate(full=True)
        return table

    def take(self, addresses, columns=None, row_address=False, batch_rows=0):
        s, a = _Stream(), (c.c_uint64 * max(1, len(addresses)))(*addresses)
        _call("take", self._h, a, c.c_size_t(len(addresses)), c.byref(self._options(columns, row_address, batch_rows)),
              s)
        table = pa.RecordBatchReader._import_from_c(c.addressof(s)).read_all()
        table.validate(full=True)
        return table

    def search(self, query, k=10, metric="cosine", column=None, threads=0):
        q, hits, n = (c.c_float * len(query))(*query), (_Hit * max(1, k))(), c.c_size_t()
        options = _Search(c.sizeof(_Search), column.encode() if column else None, ["cosine", "l2", "dot"].index(metric), k,
                          threads, None)
        _call("search", self._h, q, c.c_size_t(len(query)), c.byref(options), hits, c.byref(n))
        return [(h.address, h.distance) for h in hits[:n.value]]

    def commit(self, rows=None, delete=(), config={}, overwrite=False, predicate=None, **options):
        out, stream = c.c_void_p(), _export(rows) if rows is not None else None
        change = _Change(c.sizeof(_Change), c.addressof(stream) if stream else None,
                         (c.c_uint64 * max(1, len(delete)))(*delete), len(delete), _pairs(config), len(config), overwrite,
                         predicate.encode() if predicate else None)
        try:
            _call("commit", self._h, c.byref(change), _write(**options), c.byref(out))
        finally:
            assert not stream or not stream[RELEASE]
        return Table(out)
