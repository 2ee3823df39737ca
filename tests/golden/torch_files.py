"""Writes PyTorch's two zip archives without PyTorch: a pickled state dictionary (`torch.save`) and a TorchScript module
(`torch.jit.save`), for tests of the program's reader. The same bytes as PyTorch 2 writes where it matters: records stored
and aligned to 64 bytes by an extra field "FB", sizes after the data (general purpose bit 3), pickle protocol 2 with
storages as persistent ids. A tensor is (name, dtype, shape, chunks), dtype one of KINDS, chunks a function that yields its
bytes."""
import struct
import zlib

KINDS = {"f32": ("FloatStorage", 4), "f16": ("HalfStorage", 2), "bf16": ("BFloat16Storage", 2), "i64": ("LongStorage", 8)}


def count(shape):
    n = 1
    for s in shape:
        n *= s
    return n


class Zip:
    def __init__(self, path, root):
        self.f = open(path, "wb")
        self.root = root
        self.directory = []

    def add(self, name, chunks, deflate=False):
        name = f"{self.root}/{name}".encode()
        at = self.f.tell()
        pad = -(at + 30 + len(name) + 4) % 64
        extra = b"" if deflate else b"FB" + struct.pack("<H", pad) + b"Z" * pad
        method = 8 if deflate else 0
        self.f.write(struct.pack("<IHHHHHIIIHH", 0x04034B50, 0, 0x808, method, 0, 0, 0, 0, 0, len(name), len(extra)))
        self.f.write(name + extra)
        crc = size = packed = 0
        for c in chunks:
            c = memoryview(c).cast("B")
            crc = zlib.crc32(c, crc)
            size += len(c)
            if deflate:
                z = zlib.compressobj(wbits=-15)
                c = z.compress(c) + z.flush()
            packed += len(c)
            self.f.write(c)
        big = max(size, packed) >= 1 << 32
        self.f.write(struct.pack("<IIQQ" if big else "<IIII", 0x08074B50, crc, packed, size))
        self.directory.append((name, method, crc, packed, size, at))

    def close(self):
        start = self.f.tell()
        top = (1 << 32) - 1
        for name, method, crc, packed, size, at in self.directory:
            wide = b"".join(struct.pack("<Q", x) for x in (size, packed, at) if x >= top)
            extra = struct.pack("<HH", 1, len(wide)) + wide if wide else b""
            self.f.write(struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 0, 20 if method else 0, 0x808, method, 0, 0, crc,
                                     min(packed, top), min(size, top), len(name), len(extra), 0, 0, 0, 0, min(at, top)))
            self.f.write(name + extra)
        n, end = len(self.directory), self.f.tell()
        if end >= top:  # zip64's end record and its locator
            self.f.write(struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, n, n, end - start, start))
            self.f.write(struct.pack("<IIQI", 0x07064B50, 0, end, 1))
        self.f.write(struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, n, n, end - start, min(start, top), 0))
        self.f.close()


class Pickle:
    """Opcodes of protocol 2, with a memo by key."""

    def __init__(self):
        self.out = bytearray(b"\x80\x02")
        self.memo = {}
        self.next = 0

    def op(self, code):
        self.out += code

    def put(self, key=None):
        self.out += struct.pack("<BB", 0x71, self.next) if self.next < 256 else struct.pack("<BI", 0x72, self.next)
        if key is not None:
            self.memo[key] = self.next
        self.next += 1

    def get(self, key):
        n = self.memo.get(key)
        if n is None:
            return False
        self.out += struct.pack("<BB", 0x68, n) if n < 256 else struct.pack("<BI", 0x6A, n)
        return True

    def text(self, s):
        if not self.get(s):
            b = s.encode()
            self.out += b"X" + struct.pack("<I", len(b)) + b
            self.put(s)

    def number(self, n):
        if n < 256:
            self.out += struct.pack("<BB", 0x4B, n)
        elif n < 65536:
            self.out += struct.pack("<BH", 0x4D, n)
        elif n < 1 << 31:
            self.out += struct.pack("<Bi", 0x4A, n)
        else:
            b = n.to_bytes((n.bit_length() + 8) // 8, "little")
            self.out += struct.pack("<BB", 0x8A, len(b)) + b

    def name(self, module, name):
        if not self.get((module, name)):
            self.out += f"c{module}\n{name}\n".encode()
            self.put((module, name))

    def numbers(self, values, script):
        """a tuple; a script's pickler knows MARK ... TUPLE alone and memoizes none"""
        if script or len(values) > 3:
            self.op(b"(")
        elif not values:
            return self.op(b")")
        for v in values:
            self.number(v)
        self.op(b"t" if script or len(values) > 3 else (b"\x85", b"\x86", b"\x87")[len(values) - 1])
        if not script:
            self.put()

    def tensor(self, record, dtype, shape, device="cpu", script=False, parameter=False):
        """`record`: the number of its storage's record"""
        self.name("torch._utils", "_rebuild_tensor_v2")
        self.op(b"((")
        self.text("storage")
        self.name("torch", KINDS[dtype][0])
        self.text(str(record))
        self.text(device)
        self.number(count(shape))
        self.op(b"t")
        if not script:
            self.put()
        self.op(b"Q")
        if script:
            self.put()
        self.number(0)
        self.numbers(shape, script)
        self.numbers([count(shape[i + 1:]) for i in range(len(shape))], script)
        self.op(b"\x88" if parameter else b"\x89")
        self.name("collections", "OrderedDict")
        self.op(b")R")
        if not script:
            self.put()
        self.op(b"t")
        if not script:
            self.put()
        self.op(b"R")
        self.put()


def write_state_dict(path, root, tensors):
    """torch.save(model.state_dict()): an OrderedDict with a `_metadata` attribute."""
    p = Pickle()
    p.name("collections", "OrderedDict")
    p.op(b")R")
    p.put()
    for first in range(0, len(tensors), 1000):
        p.op(b"(")
        for i, (name, dtype, shape, _) in enumerate(tensors[first:first + 1000], first):
            p.text(name)
            p.tensor(i, dtype, shape)
        p.op(b"u")
    p.op(b"}")
    p.put()
    p.text("_metadata")
    p.name("collections", "OrderedDict")
    p.op(b")R")
    p.put()
    p.text("")
    p.op(b"}")
    p.put()
    p.text("version")
    p.number(1)
    p.op(b"sssb.")
    z = Zip(path, root)
    z.add("data.pkl", [bytes(p.out)])
    z.add(".format_version", [b"1"])
    z.add(".storage_alignment", [b"64"])
    z.add("byteorder", [b"little"])
    for i, t in enumerate(tensors):
        z.add(f"data/{i}", t[3]())
    z.add("version", [b"3\n"])
    z.add(".data/serialization_id", [b"0" * 40])
    z.close()


def write_torchscript(path, root, tensors, classes, buffers=()):
    """torch.jit.save(model): nested modules, one level for each dot of a name. `classes`: {path of a module: its Python
    module and class}, all others are Sequential; names in `buffers` are no parameters. The storages lie on "cuda:0", as in
    OpenAI's files; the code of each class is a forward function that does nothing."""
    tree = {}
    for i, (name, dtype, shape, _) in enumerate(tensors):
        *way, leaf = name.split(".")
        at = tree
        for w in way:
            at = at.setdefault(w, {})
        at[leaf] = (i, name, dtype, shape)
    p = Pickle()
    code = []  # (record, text)

    def module(at, path):
        """-> its class; writes the class's code and the pickled object"""
        where, what = classes.get(path) or ("torch.nn.modules.container", "Sequential")
        where = f"__torch__.{where}.___torch_mangle_{9000 + len(code)}"
        code.append(None)
        slot = len(code) - 1
        leaves = {k: v for k, v in at.items() if not isinstance(v, dict)}
        listed = lambda buffer: "".join(f'"{k}", ' for k, v in leaves.items() if (v[1] in buffers) == buffer)
        text = f"class {what}(Module):\n  __parameters__ = [{listed(False)}]\n  __buffers__ = [{listed(True)}]\n"
        p.name(where, what)
        p.op(b")\x81}(")
        for key, (i, name, dtype, shape) in leaves.items():
            text += f"  {key} : Tensor\n"
            p.text(key)
            p.tensor(i, dtype, shape, "cuda:0", script=True, parameter=name not in buffers)
        text += "  training : bool\n  _is_full_backward_hook : Optional[bool]\n"
        p.text("training")
        p.op(b"\x88")
        p.text("_is_full_backward_hook")
        p.op(b"N")
        for key, value in at.items():
            if isinstance(value, dict):
                p.text(key)
                inner = module(value, f"{path}.{key}" if path else key)
                text += f'  __annotations__["{key}"] = {inner}\n' if key.isdigit() else f"  {key} : {inner}\n"
        p.op(b"ub")
        p.put()
        text += f"  def forward(self: {where}.{what},\n    x: Tensor) -> Tensor:\n    return x\n"
        code[slot] = (where.replace(".", "/") + ".py", text)
        return f"{where}.{what}"

    module(tree, "")
    p.op(b".")
    z = Zip(path, root)
    for name, text in code:
        z.add(f"code/{name}", [text.encode()], deflate=True)
    for i, t in enumerate(tensors):
        z.add(f"data/{i}", t[3]())
    z.add("data.pkl", [bytes(p.out)])
    z.add("constants.pkl", [b"\x80\x02)."])
    z.add("version", [b"3\n"])
    z.close()
