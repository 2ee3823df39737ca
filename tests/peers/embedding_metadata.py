"""LanceDB's `embedding_functions` on tables of CLIP models: without it Python's add() and search() take vectors anywhere;
with it they take words and paths, where open_clip is installed."""
import contextlib
import json
import sys
import types

import lancedb
import numpy
import pyarrow as pa

DIM = 768
MODEL = "ViT-L-14/openai"


def rows(n, seed=1):
    values = numpy.random.default_rng(seed).normal(size=(n, DIM)).astype("f4")
    values /= numpy.linalg.norm(values, axis=1, keepdims=True)
    return values


def clip_table(t, model=MODEL):
    """As an index run with that model leaves it, as far as LanceDB sees."""
    values = rows(3)
    columns = {"vector": pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), DIM), "text": ["a", "b", "c"],
               "id": [0, 1, 2], "uri": ["/x.jpg", "/y.jpg", "/z.jpg"]}
    types = {"vector": pa.list_(pa.float32(), DIM), "text": pa.utf8(), "id": pa.int64(), "uri": pa.utf8()}
    schema = pa.schema(types, metadata={"picask.model": model} if model else None)
    table = pa.table(columns, schema=schema)
    lancedb.connect(str(t.tmp)).create_table("t", table, schema=schema)
    return values


def set_embedding(t, what, code=0):
    rc, _, err = t.run(["table", "set-embedding", what, "-d", t.tmp, "-t", "t"])
    assert rc == code, err
    return err


def open_table(t):
    return lancedb.connect(str(t.tmp)).open_table("t")


@contextlib.contextmanager
def modules(**named):
    """Python's modules replaced; None: as if not installed."""
    before = {name: sys.modules.get(name) for name in named}
    sys.modules.update(named)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


class Tensor:
    """As much of torch's as lancedb's open_clip function touches."""

    def __init__(self, values):
        self.values = numpy.asarray(values, "f4")

    def to(self, device):
        return self

    cpu = unsqueeze = lambda self, *_: self

    def norm(self, dim, keepdim):
        return Tensor(numpy.linalg.norm(self.values, axis=dim, keepdims=keepdim))

    def __itruediv__(self, other):
        self.values = self.values / other.values
        return self

    def numpy(self):
        return self.values


def pretended():
    """open_clip and torch without weights: words give the vector of row 1, pictures that of their grey level's row."""
    values = rows(3)
    asked = []

    class Model:
        def to(self, device):
            return self

        def encode_text(self, tokens):
            return Tensor(2 * values[1:2])

        def encode_image(self, picture):
            return Tensor(3 * values[int(picture.values[0]) : int(picture.values[0]) + 1])

    def create(name, pretrained):
        asked.append((name, pretrained))
        return Model(), None, lambda picture: Tensor([numpy.asarray(picture).flat[0]])

    open_clip = types.ModuleType("open_clip")
    open_clip.create_model_and_transforms = create
    open_clip.get_tokenizer = lambda name: lambda texts: Tensor([0])
    torch = types.ModuleType("torch")
    torch.no_grad = contextlib.nullcontext
    torch.Tensor = Tensor
    return open_clip, torch, asked, values


def new_row(values):
    return {"vector": values[0].tolist(), "text": "n", "id": 3, "uri": "/n.jpg"}


def test_a_table_of_ours_takes_add_and_search_where_open_clip_is_not_installed(t):
    values = clip_table(t)
    with modules(open_clip=None):
        table = open_table(t)
        table.add([new_row(values)])
        assert table.count_rows() == 4
        assert table.search(values[2]).limit(1).to_list()[0]["id"] == 2


def test_with_open_clip_named_lancedb_embeds_words_and_paths(t):
    from PIL import Image

    clip_table(t)
    set_embedding(t, "open-clip")
    open_clip, torch, asked, values = pretended()
    for grey in range(3):
        Image.new("L", (4, 4), grey).save(t.tmp / f"{grey}.png")
    with modules(open_clip=open_clip, torch=torch):
        table = open_table(t)
        function = table.embedding_functions["vector"]
        assert (function.source_column, function.vector_column) == ("uri", "vector")
        assert asked[0] == ("ViT-L-14-quickgelu", "openai")
        found = table.search("some words").distance_type("cosine").limit(1).to_list()[0]
        assert found["id"] == 1 and found["_distance"] < 1e-5
        table.add([{"uri": str(t.tmp / "2.png"), "text": "added", "id": 3},
                   {"uri": f"file://{t.tmp}/0.png", "text": None, "id": 4}])
        added = {r["id"]: r["vector"] for r in table.to_arrow().to_pylist()}
        assert numpy.allclose(added[3], values[2], atol=1e-6) and numpy.allclose(added[4], values[0], atol=1e-6)
    rc, out, err = t.run(["table", "info", "-d", t.tmp, "-t", "t", "--json"])
    assert rc == 0 and json.loads(out)["rows"] == 5, err


def test_with_open_clip_named_but_not_installed_add_fails_and_vectors_are_searched(t):
    values = clip_table(t)
    set_embedding(t, "open-clip")
    with modules(open_clip=None):
        table = open_table(t)
        assert table.search(values[2]).limit(1).to_list()[0]["id"] == 2
        for call in (lambda: table.add([new_row(values)]), lambda: table.search("some words").limit(1).to_list()):
            try:
                call()
            except ImportError as e:
                assert "open-clip" in str(e)
            else:
                raise AssertionError("it did not fail")
        set_embedding(t, "none")
        table = open_table(t)
        assert b"embedding_functions" not in (table.schema.metadata or {})
        assert table.schema.metadata[b"picask.model"] == MODEL.encode()
        table.add([new_row(values)])
        assert table.count_rows() == 4


def test_the_name_is_one_that_open_clip_knows(t):
    t.need("open_clip")
    import open_clip

    clip_table(t)
    set_embedding(t, "open-clip")
    function = json.loads(open_table(t).schema.metadata[b"embedding_functions"])[0]
    assert (function["model"]["name"], function["model"]["pretrained"]) in open_clip.list_pretrained()
    assert open_clip.get_model_config(function["model"]["name"])["embed_dim"] == DIM


def test_setting_it_twice_is_one_commit(t):
    clip_table(t)
    set_embedding(t, "open-clip")
    version = open_table(t).version
    set_embedding(t, "open-clip")
    assert open_table(t).version == version
    set_embedding(t, "none")
    assert open_table(t).version == version + 1
    set_embedding(t, "none")
    assert open_table(t).version == version + 1
    assert open_table(t).count_rows() == 3


def test_tables_of_other_models_are_refused_by_name(t):
    clip_table(t, "mini-1")
    assert "mini-1" in set_embedding(t, "open-clip", 2)
    lancedb.connect(str(t.tmp)).drop_table("t")
    clip_table(t, None)
    assert "does not say which model" in set_embedding(t, "open-clip", 2)
    assert "not 'server'" in set_embedding(t, "server", 2)
