"""Every format in which CLIPs are published, through the program: one set of weights, one set of vectors. The weights are
generated (tests/golden/clip_weights.py), the vectors transformers'."""
import json
import shutil

import clip_golden as cg
import numpy

import clip_weights as cw

WIDTHS = ("f32", "f16", "bf16")


def formats(model):
    """OpenAI published no model with the exact GELU."""
    return [f for f in cw.FORMATS if f != "openai" or cw.MODELS[model][5] == "quick_gelu"]


def write(t, name, *args, model="ViT-B-32", **options):
    """-> path of the weights in a fresh folder `name`"""
    shape = {k: options.pop(k) for k in ("width", "layers", "vocab", "activation", "salt") if k in options}
    return cw.write(t.tmp / name, cw.Clip(model, **shape), *args, **options)


def same_vectors(t, model, form, dtype, as_file):
    if form == "openai" and dtype == "bf16":
        dtype = "f16"  # OpenAI published none, and what is no matrix stays fp32 there
    weights = write(t, "m", form, dtype, model=model)
    want = cg.vectors(model, "quarter", "bf16" if dtype == "bf16" else "f16", form)
    cg.equal(t, weights if as_file or form == "openai" else weights.parent, want, f"{model} {form} {dtype}")
    shutil.rmtree(weights.parent)


def test_every_format_of_one_model_gives_its_vectors_in_every_width(t):
    for i, form in enumerate(formats("ViT-B-32")):
        for j, dtype in enumerate(WIDTHS[:2] if form == "openai" else WIDTHS):
            same_vectors(t, "ViT-B-32", form, dtype, (i + j) % 2)


def test_every_model_gives_its_vectors_in_every_format(t):
    for i, model in enumerate(cw.MODELS):
        for j, form in enumerate(formats(model)):
            if model != "ViT-B-32":
                same_vectors(t, model, form, WIDTHS[(i + j) % 3], j % 2)


def test_fp32_weights_are_read_in_full(t):
    for model in ("ViT-B-32", "ViT-H-14"):
        for form in ("hf", "openclip-bin"):
            weights = write(t, f"{model}-{form}", form, "f32", 24, model=model)
            cg.equal(t, weights.parent, cg.vectors(model, "quarter", "f32", form), f"{model} {form}")


def test_a_text_ends_at_its_first_end_token_and_is_cut_at_77(t):
    weights = write(t, "m", "hf", "f16")
    long = "dog " * 200
    a, b, c = cg.embed(t, weights.parent, [long, long + "and more", "dog"])
    assert numpy.abs(a - b).max() < 1e-6 and numpy.abs(a - c).max() > 1e-3


def test_the_activation_comes_from_the_config_and_changes_the_vectors(t):
    want = cg.vectors("ViT-B-32", "quarter", "f16", "hf")
    for form in ("hf", "openclip"):
        weights = write(t, form, form, "f16", activation="gelu")
        cosine, difference = cg.far(cg.embed(t, weights.parent, cg.golden["texts"]), want[0])
        assert 1e-3 < difference < 0.1 and cosine > 0.9, (form, cosine, difference)


def test_without_a_word_on_the_activation_a_file_is_refused_with_what_helps(t):
    weights = write(t, "m", "openclip", "f16")
    (weights.parent / "open_clip_config.json").unlink()
    said = cg.refused(t, weights)
    assert "GELU" in said and "open_clip_config.json" in said, said


def test_a_vocabulary_that_is_not_there_is_refused(t):
    for form in cw.FORMATS:
        weights = write(t, form, form, "f16")
        for name in ("vocab.json", "merges.txt", "tokenizer.json"):
            (weights.parent / name).unlink(missing_ok=True)
        said = cg.refused(t, weights)
        assert "1000" in said or "1,000" in said, said


def test_model_info_names_the_format_and_the_widths(t):
    names = {"hf": "safetensors", "hf-sharded": "sharded safetensors", "hf-bin": "PyTorch state dict",
             "openclip": "safetensors", "openclip-bin": "PyTorch state dict", "openai": "TorchScript"}
    for form in cw.FORMATS:
        weights = write(t, form, form, "f16")
        code, out, err = t.run(["model", "info", weights], cg.environment(t))
        assert code == 0, err
        assert names[form] in out and "float16" in out and "128" in out and str(weights) in out, out


def index(t, model, name="t"):
    command = ["index", cg.FIXTURES, "-d", t.tmp / "db", "-t", name, "-m", model, "--no-sync"]
    code, out, err = t.run(command, cg.environment(t))
    assert code == 0, err


def search(t, model, name="t"):
    """-> (exit code, hits, what was said)"""
    command = ["search", "a photo of a cat", "-d", t.tmp / "db", "-t", name, "-m", model, "--json"]
    return t.run(command, cg.environment(t))


def test_one_clip_is_the_same_model_for_a_table_whatever_its_format(t):
    index(t, write(t, "first", "hf", "f32").parent)
    first = None
    for form, dtype in (("hf", "f32"), ("openai", "f16"), ("openclip", "f16"), ("hf-bin", "f16"), ("openclip-bin", "f32")):
        code, out, err = search(t, write(t, f"{form}-{dtype}", form, dtype))
        assert code == 0, (form, err)
        rows = [json.loads(line) for line in out.splitlines()]
        first = first or rows
        assert [r["id"] for r in rows] == [r["id"] for r in first], (form, out)
        # kernels for fp32 and fp16 weights add in another order
        assert all(abs(a["_distance"] - b["_distance"]) < 1e-5 for a, b in zip(rows, first)), (form, out)


def test_another_model_is_refused_with_both_names(t):
    index(t, write(t, "first", "hf", "f16").parent)
    others = {"second": write(t, "second", "hf", "f16", salt="x").parent,
              "third": write(t, "third", "openclip", "f16", model="ViT-L-14").parent}
    for name, model in others.items():
        for command in (search(t, model), t.run(["index", "-d", t.tmp / "db", "-t", "t", "-m", model], cg.environment(t))):
            code, out, err = command
            assert code != 0 and "first" in err and name in err, (code, out, err)


def test_a_pickle_that_calls_something_is_refused_by_that_name(t):
    """A name of the pickle becomes another of the same length; nothing is executed."""
    changes = ((b"ctorch\nHalfStorage\n", b"cposix\nsystem_____\n", "posix.system_____"),
               (b"_rebuild_tensor_v2", b"_rebuild_tensor_vX", "torch._utils._rebuild_tensor_vX"))
    for form in ("hf-bin", "openai"):
        weights = write(t, form, form, "f16")
        data = weights.read_bytes()
        for old, new, name in changes:
            assert data.count(old) == 1
            weights.write_bytes(data.replace(old, new))
            said = cg.refused(t, weights)
            assert name in said, said


def test_a_cut_file_is_one_sentence(t):
    for form in ("hf", "hf-sharded", "hf-bin", "openclip", "openclip-bin", "openai"):
        weights = write(t, form, form, "f16")
        data = weights.read_bytes()
        for size in (0, 3, 100, len(data) // 2, len(data) - 3):
            weights.write_bytes(data[:size])
            said = cg.refused(t, weights)
            assert weights.name in said, said


def test_a_shard_that_is_missing_is_named(t):
    weights = write(t, "m", "hf-sharded", "f16")
    (weights.parent / "model-00002-of-00003.safetensors").unlink()
    assert "model-00002-of-00003.safetensors" in cg.refused(t, weights.parent)


def test_an_index_names_no_file_outside_its_folder(t):
    weights = write(t, "m", "hf-sharded", "f16")
    (weights.parent / "model-00002-of-00003.safetensors").rename(t.tmp / "outside.safetensors")
    index_json = json.loads(weights.read_text())
    for name, shard in index_json["weight_map"].items():
        if "00002" in shard:
            index_json["weight_map"][name] = "../outside.safetensors"
    weights.write_text(json.dumps(index_json))
    assert "outside" in cg.refused(t, weights.parent)
