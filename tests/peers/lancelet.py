"""lancelet.py - the C library through ctypes, rows as pyarrow tables: what the peer tests call instead of the program.

    t = lancelet.open(path)            # Table: one version
    t.scan(condition="id > 3", limit=10).to_pydict()
    t = t.commit(rows=table, delete=[addresses], config={"k": "v"})
    t.search([0.1, ...], k=3)          # [(address, distance)]
    t, n = t.delete("id > 3")          # what changes rows gives the new version and what it did
    lancelet.versions(path)            # [dict]; tags(path): {name: version}

A failing call raises lancelet.Error, whose `status` is a name in capitals ("CONFLICT"). Symbols are looked up when they are
first called."""
import ctypes as c
import os

import pyarrow as pa

METRICS = ["cosine", "l2", "dot"]
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
    _fields_ = [("struct_size", c.c_size_t), ("version", c.c_uint64), ("tag", c.c_char_p)]


class _Info(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("version", c.c_uint64), ("rows", c.c_uint64), ("deleted_rows", c.c_uint64),
                ("fragments", c.c_uint64), ("data_bytes", c.c_uint64), ("indices", c.c_uint64),
                ("timestamp_us", c.c_int64), ("data_version", c.c_char_p), ("path", c.c_char_p),
                ("data_files", c.c_uint64), ("small_fragments", c.c_uint64)]


class _Scan(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("columns", c.POINTER(c.c_char_p)), ("n_columns", c.c_size_t),
                ("with_row_address", c.c_bool), ("batch_rows", c.c_size_t), ("cancel", c.c_void_p),
                ("condition", c.c_char_p), ("limit", c.c_uint64), ("offset", c.c_uint64)]


class _Hit(c.Structure):
    _fields_ = [("address", c.c_uint64), ("distance", c.c_float)]


class _Search(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("column", c.c_char_p), ("metric", c.c_int), ("k", c.c_size_t),
                ("threads", c.c_int), ("cancel", c.c_void_p), ("condition", c.c_char_p)]


class _Write(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("no_rebase", c.c_bool), ("no_sync", c.c_bool), ("cancel", c.c_void_p)]


class _KeyValue(c.Structure):
    _fields_ = [("key", c.c_char_p), ("value", c.c_char_p)]


class _Change(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("rows", c.c_void_p), ("delete_addresses", c.POINTER(c.c_uint64)),
                ("n_delete", c.c_size_t), ("config", c.POINTER(_KeyValue)), ("n_config", c.c_size_t),
                ("overwrite", c.c_bool), ("predicate", c.c_char_p), ("schema_metadata", c.POINTER(_KeyValue)),
                ("n_schema_metadata", c.c_size_t)]


class _Index(c.Structure):
    _fields_ = [("name", c.c_char_p), ("type", c.c_char_p), ("column", c.POINTER(c.c_char_p)), ("n_columns", c.c_size_t),
                ("segments", c.c_uint64), ("fragments", c.c_uint64)]


class _Version(c.Structure):
    _fields_ = [("version", c.c_uint64), ("timestamp_us", c.c_int64), ("rows", c.c_uint64), ("fragments", c.c_uint64),
                ("operation", c.c_char_p), ("problem", c.c_char_p)]


class _Tag(c.Structure):
    _fields_ = [("name", c.c_char_p), ("version", c.c_uint64)]


class _Assignment(c.Structure):
    _fields_ = [("column", c.c_char_p), ("expression", c.c_char_p)]


class _UpsertReport(c.Structure):
    _fields_ = [("inserted", c.c_uint64), ("updated", c.c_uint64)]


class _Compact(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("target_rows", c.c_uint64), ("deleted_share", c.c_double),
                ("upgrade_minor", c.c_int), ("no_sync", c.c_bool), ("cancel", c.c_void_p),
                ("least_fragments", c.c_uint64)]


class _CompactReport(c.Structure):
    _fields_ = [("fragments_before", c.c_uint64), ("fragments_after", c.c_uint64), ("rows", c.c_uint64)]


class _Cleanup(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("older_than_us", c.c_int64), ("unverified", c.c_bool),
                ("dry_run", c.c_bool), ("cancel", c.c_void_p)]


class _CleanupReport(c.Structure):
    _fields_ = [("versions", c.c_uint64), ("files", c.c_uint64), ("bytes", c.c_uint64)]


class _VerifyReport(c.Structure):
    _fields_ = [("versions", c.c_uint64), ("files", c.c_uint64), ("bytes", c.c_uint64), ("damaged", c.c_uint64),
                ("unchecked", c.c_uint64)]


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
    status = getattr(_lib, "lancelet_" + name)(*args, c.byref(e))
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


def _text(s):
    return None if s is None else s.encode()


def _plain(struct, skip=()):
    """The members of a struct as a dict, texts as str."""
    values = {n: getattr(struct, n) for n, _ in struct._fields_ if n not in skip}
    return {n: v.decode() if isinstance(v, bytes) else v for n, v in values.items()}


def _array(kind, call):
    """The array [n] that a call puts out, and n; to be given to _free."""
    out, n = c.POINTER(kind)(), c.c_size_t()
    call(c.byref(out), c.byref(n))
    return out, n.value


def _free(out):
    _lib.lancelet_free.argtypes, _lib.lancelet_free.restype = [c.c_void_p], None
    _lib.lancelet_free(out)


def open(path, version=0, tag=None):
    out = c.c_void_p()
    _call("table_open", os.fsencode(path), c.byref(_Open(c.sizeof(_Open), version, _text(tag))), c.byref(out))
    return Table(out)


def versions(path):
    out, n = _array(_Version, lambda *to: _call("versions", os.fsencode(path), c.c_size_t(-1), *to, None))
    result = [_plain(out[i]) for i in range(n)]
    _free(out)
    return result


def tags(path):
    out, n = _array(_Tag, lambda *to: _call("tags", os.fsencode(path), *to))
    result = {out[i].name.decode(): out[i].version for i in range(n)}
    _free(out)
    return result


def tag_delete(path, name):
    _call("tag_delete", os.fsencode(path), name.encode())


def restore_last_good(path, **options):
    out = c.c_void_p()
    _call("restore_last_good", os.fsencode(path), _write(**options), c.byref(out))
    return Table(out)


def cleanup(path, older_than_us=7 * 86400 * 10**6, unverified=False, dry_run=False):
    report = _CleanupReport()
    options = _Cleanup(c.sizeof(_Cleanup), older_than_us, unverified, dry_run, None)
    _call("cleanup", os.fsencode(path), c.byref(options), c.byref(report))
    return _plain(report)


def verify(path):
    """(report, [(file, status, sentence)])"""
    report, findings = _VerifyReport(), []

    @c.CFUNCTYPE(None, c.c_void_p, c.c_char_p, c.POINTER(_Error))
    def found(_, file, what):
        findings.append((os.fsdecode(file), NAMES[what[0].status], what[0].text.decode()))

    _call("verify", os.fsencode(path), found, None, None, c.byref(report))
    return _plain(report), findings


def create(path, rows, config={}, **options):
    out, stream = c.c_void_p(), _export(rows)
    _call("table_create", os.fsencode(path), stream, _pairs(config), c.c_size_t(len(config)),
          _write(**options), c.byref(out))
    assert not stream[RELEASE]
    return Table(out)


def drop(path):
    _call("table_drop", os.fsencode(path))


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
    def indices(self):
        out, n = _array(_Index, lambda *to: _call("table_indices", self._h, *to))
        result = [{**_plain(out[i], ("column", "n_columns")),
                   "columns": [out[i].column[j].decode() for j in range(out[i].n_columns)]} for i in range(n)]
        _free(out)
        return result

    def index_metric(self, column):
        out = c.c_int(-1)
        f = _lib.lancelet_table_index_metric
        f.restype = c.c_bool
        return METRICS[out.value] if f(self._h, column.encode(), c.byref(out)) else None

    def tag(self, name, no_sync=True):
        _call("table_tag", self._h, name.encode(), c.c_bool(no_sync))

    @property
    def rows(self):
        return self.info["rows"]

    @property
    def schema(self):
        s = _Schema()
        _call("table_schema", self._h, s)
        return pa.Schema._import_from_c(c.addressof(s))

    def config(self, key):
        v = _lib.lancelet_table_config(self._h, key.encode())
        return None if v is None else v.decode()

    def schema_metadata(self, key):
        v = _lib.lancelet_table_schema_metadata(self._h, key.encode())
        return None if v is None else v.decode()

    def _options(self, columns, row_address, batch_rows, condition=None, limit=2**64 - 1, offset=0):
        names = None
        if columns is not None:
            names = (c.c_char_p * max(1, len(columns)))(*[n.encode() for n in columns])
        return _Scan(c.sizeof(_Scan), names, len(columns or ()), row_address, batch_rows, None, _text(condition), limit,
                     offset)

    def reader(self, columns=None, row_address=False, batch_rows=0, **options):
        """options: condition, limit, offset"""
        s = _Stream()
        _call("table_scan", self._h, c.byref(self._options(columns, row_address, batch_rows, **options)), s)
        return pa.RecordBatchReader._import_from_c(c.addressof(s))

    def scan(self, *args, **options):
        table = self.reader(*args, **options).read_all()
        table.validate(full=True)
        return table

    def count(self, condition=None):
        rows = c.c_uint64()
        _call("table_count", self._h, _text(condition), c.byref(rows))
        return rows.value

    def take(self, addresses, columns=None, row_address=False, batch_rows=0):
        s, a = _Stream(), (c.c_uint64 * max(1, len(addresses)))(*addresses)
        _call("table_take", self._h, a, c.c_size_t(len(addresses)), c.byref(self._options(columns, row_address, batch_rows)),
              s)
        table = pa.RecordBatchReader._import_from_c(c.addressof(s)).read_all()
        table.validate(full=True)
        return table

    def search(self, query, k=10, metric="cosine", column=None, threads=0, condition=None):
        q, hits, n = (c.c_float * len(query))(*query), (_Hit * max(1, k))(), c.c_size_t()
        options = _Search(c.sizeof(_Search), _text(column), METRICS.index(metric), k, threads, None, _text(condition))
        _call("table_search", self._h, q, c.c_size_t(len(query)), c.byref(options), hits, c.byref(n))
        return [(h.address, h.distance) for h in hits[:n.value]]

    def commit(self, rows=None, delete=(), config={}, overwrite=False, predicate=None, schema_metadata={}, **options):
        out, stream = c.c_void_p(), _export(rows) if rows is not None else None
        change = _Change(c.sizeof(_Change), c.addressof(stream) if stream else None,
                         (c.c_uint64 * max(1, len(delete)))(*delete), len(delete), _pairs(config), len(config), overwrite,
                         _text(predicate), _pairs(schema_metadata), len(schema_metadata))
        try:
            _call("table_commit", self._h, c.byref(change), _write(**options), c.byref(out))
        finally:
            assert not stream or not stream[RELEASE]
        return Table(out)

    def _changed(self, name, *args, report=None, stream=None, **options):
        """Calls lancelet_table_<name>(table, args, options, report, out): the new version."""
        out = c.c_void_p()
        reports = () if report is None else (c.byref(report),)
        try:
            _call("table_" + name, self._h, *args, _write(**options), *reports, c.byref(out))
        finally:
            assert not stream or not stream[RELEASE]
        return Table(out)

    def delete(self, condition, **options):
        """(new version, rows deleted)"""
        n = c.c_uint64()
        return self._changed("delete", condition.encode(), report=n, **options), n.value

    def update(self, values, condition=None, **options):
        """values: {column: expression}. (new version, rows updated)"""
        n, assignments = c.c_uint64(), (_Assignment * max(1, len(values)))()
        for i, (column, expression) in enumerate(values.items()):
            assignments[i] = _Assignment(column.encode(), expression.encode())
        t = self._changed("update", assignments, c.c_size_t(len(values)), _text(condition), report=n, **options)
        return t, n.value

    def upsert(self, keys, rows, **options):
        """(new version, {"inserted": n, "updated": n})"""
        report, stream = _UpsertReport(), _export(rows)
        names = (c.c_char_p * max(1, len(keys)))(*[k.encode() for k in keys])
        t = self._changed("upsert", names, c.c_size_t(len(keys)), stream, report=report, stream=stream, **options)
        return t, _plain(report)

    def add_columns(self, columns, **options):
        stream = _export(columns)
        return self._changed("add_columns", stream, stream=stream, **options)

    def drop_columns(self, names, **options):
        array = (c.c_char_p * max(1, len(names)))(*[n.encode() for n in names])
        return self._changed("drop_columns", array, c.c_size_t(len(names)), **options)

    def restore(self, **options):
        return self._changed("restore", **options)

    def compact(self, target_rows=0, deleted_share=0.1, upgrade_minor=0, no_sync=True, least_fragments=0):
        """(new version, report)"""
        out, report = c.c_void_p(), _CompactReport()
        options = _Compact(c.sizeof(_Compact), target_rows, deleted_share, upgrade_minor, no_sync, None,
                           least_fragments)
        _call("table_compact", self._h, c.byref(options), c.byref(report), c.byref(out))
        return Table(out), _plain(report)
