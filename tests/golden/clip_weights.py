#!/usr/bin/env python3
"""CLIP models with weights from a counter-based generator, in every format in which CLIPs are published. Needs numpy.

    clip_weights.py OUT --model ViT-B-32 [--width quarter|full] [--layers 2|all] [--dtype f32|f16|bf16]
                    [--format hf|hf-sharded|hf-bin|openclip|openclip-bin|openai] [--vocab 1000|49408] [--bits 11|24]
                    [--activation quick_gelu|gelu] [--salt WORD] [--tokenizer FOLDER]

Writes the folder OUT and prints the path of the weights. Number i of a tensor is a function of splitmix64(fnv1a64(NAME) + i),
NAME being Hugging Face's: tests/clip_weights.h makes the same bytes in C, and the same weights come out whatever the format.
--bits 11 (the default): every value is an fp16 number, as in OpenAI's weights, so f32 and f16 files are the same model; bf16
rounds them. --bits 24 fills fp32's precision (f16 and bf16 then round). The spread of each kind of tensor is chosen so that
attention is sharp and vectors hang on the picture and the words.

Widths are a quarter of the real ones with the real size of an attention head, so that kernels meet the real head sizes. A
vocabulary of 1,000 has the first 486 merges of CLIP's own (tests/fixtures/clip); for 49,408 the Hugging Face formats need
the folder of CLIP's vocabulary files (--tokenizer, else that of the shared data) and go without where it is absent."""
import argparse
import json
import os
import pathlib
import shutil
import struct

import numpy as np

import torch_files

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = HERE.parent / "fixtures" / "clip"
CHUNK = 1 << 16
GAMMA, MIX1, MIX2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
LOGIT_SCALE = 4.6015625  # ln(100) as fp16 has it
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]

#            image size, patch, [width, layers, size of a head, mlp] of the image tower, [width, layers, mlp] of the text
#            tower (its heads are 64 wide), dim, activation
MODELS = {
    "ViT-B-32": (224, 32, (768, 12, 64, 3072), (512, 12, 2048), 512, "quick_gelu"),
    "ViT-B-16": (224, 16, (768, 12, 64, 3072), (512, 12, 2048), 512, "quick_gelu"),
    "ViT-L-14": (224, 14, (1024, 24, 64, 4096), (768, 12, 3072), 768, "quick_gelu"),
    "ViT-L-14-336": (336, 14, (1024, 24, 64, 4096), (768, 12, 3072), 768, "quick_gelu"),
    "ViT-H-14": (224, 14, (1280, 32, 80, 5120), (1024, 24, 4096), 1024, "gelu"),
    "ViT-g-14": (224, 14, (1408, 40, 88, 6144), (1024, 24, 4096), 1024, "gelu"),
    "ViT-B-32-256": (256, 32, (768, 12, 64, 3072), (512, 12, 2048), 512, "gelu"),
}
FORMATS = ("hf", "hf-sharded", "hf-bin", "openclip", "openclip-bin", "openai")


class Clip:
    """The shapes of one model."""

    def __init__(self, name, width="quarter", layers="2", vocab=1000, activation=None, salt=""):
        size, patch, image, text, dim, default = MODELS[name]
        q = 4 if width == "quarter" else 1
        self.name, self.size, self.patch, self.vocab = name, size, patch, int(vocab)
        self.dim, self.activation = dim // q, activation or default
        self.image_width, self.image_layers = image[0] // q, image[1]
        self.image_head, self.image_mlp = image[2], image[3] // q
        self.text_width, self.text_layers, self.text_mlp = text[0] // q, text[1], text[2] // q
        if layers != "all":
            self.image_layers = self.text_layers = int(layers)
        self.image_heads, self.text_heads = self.image_width // self.image_head, self.text_width // 64
        self.context, self.salt = 77, salt
        self.real = width == "full" and layers == "all"

    def layer(self, prefix, d, mlp):
        for n in ("layer_norm1", "layer_norm2"):
            yield f"{prefix}{n}.weight", (d,)
            yield f"{prefix}{n}.bias", (d,)
        for n in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield f"{prefix}self_attn.{n}.weight", (d, d)
            yield f"{prefix}self_attn.{n}.bias", (d,)
        yield f"{prefix}mlp.fc1.weight", (mlp, d)
        yield f"{prefix}mlp.fc1.bias", (mlp,)
        yield f"{prefix}mlp.fc2.weight", (d, mlp)
        yield f"{prefix}mlp.fc2.bias", (d,)

    def tensors(self):
        """-> {Hugging Face's name: shape}"""
        d, out = self.text_width, {"logit_scale": ()}
        out["text_model.embeddings.token_embedding.weight"] = (self.vocab, d)
        out["text_model.embeddings.position_embedding.weight"] = (self.context, d)
        for i in range(self.text_layers):
            out.update(self.layer(f"text_model.encoder.layers.{i}.", d, self.text_mlp))
        out["text_model.final_layer_norm.weight"] = out["text_model.final_layer_norm.bias"] = (d,)
        out["text_projection.weight"] = (self.dim, d)
        d = self.image_width
        out["vision_model.embeddings.class_embedding"] = (d,)
        out["vision_model.embeddings.patch_embedding.weight"] = (d, 3, self.patch, self.patch)
        out["vision_model.embeddings.position_embedding.weight"] = ((self.size // self.patch) ** 2 + 1, d)
        for n in ("pre_layrnorm", "post_layernorm"):
            out[f"vision_model.{n}.weight"] = out[f"vision_model.{n}.bias"] = (d,)
        for i in range(self.image_layers):
            out.update(self.layer(f"vision_model.encoder.layers.{i}.", d, self.image_mlp))
        out["visual_projection.weight"] = (self.dim, d)
        return out


# ---- values ----

def fnv1a64(name):
    h = 0xCBF29CE484222325
    for b in name.encode():
        h = (h ^ b) * 0x100000001B3 & (1 << 64) - 1
    return h


def random_bits(seed, first, n):
    """splitmix64 of seed + first .. seed + first + n - 1"""
    x = np.arange(n, dtype=np.uint64)
    x += np.uint64((seed + first + GAMMA) & (1 << 64) - 1)
    x ^= x >> np.uint64(30)
    x *= np.uint64(MIX1)
    x ^= x >> np.uint64(27)
    x *= np.uint64(MIX2)
    x ^= x >> np.uint64(31)
    return x


def half_width(name, shape):
    """Values are spread evenly over [-half_width, half_width)."""
    if name.endswith(".bias"):
        return 2.0**-4
    if name.endswith("token_embedding.weight") or name.endswith("class_embedding"):
        return 2.0**-2
    if name.endswith("position_embedding.weight"):
        return 2.0**-3
    e = (torch_files.count(shape[1:]).bit_length() - 1) // 2  # about 1 / sqrt(columns)
    return 2.0 ** -(e - any(x in name for x in ("q_proj", "k_proj", "v_proj", "fc1")))


def chunks(name, shape, bits, salt=""):
    """The values, fp32, in pieces of CHUNK."""
    n = torch_files.count(shape)
    if name == "logit_scale":
        yield np.full(1, LOGIT_SCALE, np.float32)
        return
    seed = fnv1a64(salt + name)
    norm = name.endswith("norm.weight") or name.endswith("norm1.weight") or name.endswith("norm2.weight")
    a = half_width(name, shape)
    if norm:
        bits, a = bits - 2, 0.25  # around 1, where fp16 and fp32 have two bits less for a quarter
    for first in range(0, n, CHUNK):
        x = random_bits(seed, first, min(CHUNK, n - first))
        x >>= np.uint64(64 - bits)
        v = x.astype(np.float32)  # exact: 24 bits at most
        v -= np.float32(2.0 ** (bits - 1))
        v *= np.float32(a * 2.0 ** (1 - bits))
        yield np.float32(1) + v if norm else v


def narrow(v, dtype):
    if dtype == "f32":
        return v
    if dtype == "f16":
        return v.astype(np.float16)
    u = v.view(np.uint32)
    return ((u + np.uint32(0x7FFF) + (u >> np.uint32(16) & np.uint32(1))) >> np.uint32(16)).astype(np.uint16)


def values(name, shape, bits=11, dtype="f32", salt=""):
    """One tensor, rounded to dtype and widened to fp32."""
    parts = []
    for v in chunks(name, shape, bits, salt):
        v = narrow(v, dtype)
        parts.append((v.astype(np.uint32) << 16).view(np.float32) if dtype == "bf16" else v.astype(np.float32))
    return np.concatenate(parts).reshape(shape)


# ---- tensors as a format has them: (name, dtype, shape, chunks) ----

def stored(sources, bits, dtype, salt, transposed=False):
    """The bytes of a tensor that is `sources` (Hugging Face's names, with the shape of each) one behind the other."""
    def make():
        for name, s in sources:
            if transposed:
                yield narrow(np.ascontiguousarray(values(name, s, bits, salt=salt).T), dtype)
            else:
                for v in chunks(name, s, bits, salt):
                    yield narrow(v, dtype)
    return make


def whole_numbers(values):
    return lambda: [np.array(values, np.int64)]


def hugging_face(m, bits, dtype, ids=True):
    out = [(n, dtype, s, stored([(n, s)], bits, dtype, m.salt)) for n, s in m.tensors().items()]
    if ids:  # buffers that files of transformers 4 carry
        patches = (m.size // m.patch) ** 2 + 1
        out.append(("text_model.embeddings.position_ids", "i64", (1, m.context), whole_numbers(range(m.context))))
        out.append(("vision_model.embeddings.position_ids", "i64", (1, patches), whole_numbers(range(patches))))
    return out


def open_clip(m, bits, dtype, openai=False):
    """openai: matrices as `dtype`, all else fp32, and three numbers as tensors"""
    shapes, out = m.tensors(), []

    def add(name, *sources, transposed=False, matrix=False):
        s = shapes[sources[0]]
        s = tuple(reversed(s)) if transposed else (s[0] * len(sources),) + s[1:] if s else s
        t = "f32" if openai and not matrix else dtype
        out.append((name, t, s, stored([(n, shapes[n]) for n in sources], bits, t, m.salt, transposed)))

    def tower(theirs, ours, layers):
        for i in range(layers):
            a, b = f"{theirs}transformer.resblocks.{i}.", f"{ours}encoder.layers.{i}."
            for kind in ("weight", "bias"):
                add(f"{a}ln_1.{kind}", f"{b}layer_norm1.{kind}")
                add(f"{a}attn.in_proj_{kind}", *(f"{b}self_attn.{x}_proj.{kind}" for x in "qkv"), matrix=True)
                add(f"{a}attn.out_proj.{kind}", f"{b}self_attn.out_proj.{kind}", matrix=True)
                add(f"{a}ln_2.{kind}", f"{b}layer_norm2.{kind}")
                add(f"{a}mlp.c_fc.{kind}", f"{b}mlp.fc1.{kind}", matrix=True)
                add(f"{a}mlp.c_proj.{kind}", f"{b}mlp.fc2.{kind}", matrix=True)

    add("positional_embedding", "text_model.embeddings.position_embedding.weight")
    add("text_projection", "text_projection.weight", transposed=True, matrix=True)
    add("logit_scale", "logit_scale")
    if openai:
        for name, n in (("input_resolution", m.size), ("context_length", m.context), ("vocab_size", m.vocab)):
            out.append((name, "i64", (), whole_numbers([n])))
    add("visual.class_embedding", "vision_model.embeddings.class_embedding")
    add("visual.positional_embedding", "vision_model.embeddings.position_embedding.weight")
    add("visual.proj", "visual_projection.weight", transposed=True, matrix=True)
    add("visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight", matrix=True)
    for theirs, ours in (("ln_pre", "pre_layrnorm"), ("ln_post", "post_layernorm")):
        for kind in ("weight", "bias"):
            add(f"visual.{theirs}.{kind}", f"vision_model.{ours}.{kind}")
    tower("visual.", "vision_model.", m.image_layers)
    add("token_embedding.weight", "text_model.embeddings.token_embedding.weight")
    tower("", "text_model.", m.text_layers)
    for kind in ("weight", "bias"):
        add(f"ln_final.{kind}", f"text_model.final_layer_norm.{kind}")
    return out


SAFETENSORS = {"f32": ("F32", 4), "f16": ("F16", 2), "bf16": ("BF16", 2), "i64": ("I64", 8)}


def write_safetensors(path, tensors, metadata={"format": "pt"}):
    header, at = {"__metadata__": metadata}, 0
    for name, dtype, shape, _ in tensors:
        kind, width = SAFETENSORS[dtype]
        n = torch_files.count(shape) * width
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [at, at + n]}
        at += n
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for t in tensors:
            for c in t[3]():
                f.write(c)


def write_shards(folder, tensors, shards=3):
    where = {}
    for i in range(shards):
        name = f"model-{i + 1:05}-of-{shards:05}.safetensors"
        part = tensors[i * len(tensors) // shards:(i + 1) * len(tensors) // shards]
        write_safetensors(folder / name, part)
        where.update((t[0], name) for t in part)
    total = sum(torch_files.count(t[2]) * SAFETENSORS[t[1]][1] for t in tensors)
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(where.items()))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


# ---- the files beside the weights ----

def byte_letters():
    """CLIP's printable letter for each byte (GPT-2's), in the order of the vocabulary."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in plain]
    return [chr(b) for b in plain] + [chr(256 + i) for i in range(len(rest))]


def small_vocabulary():
    """-> {token: id} of 1,000, [merge]"""
    merges = (FIXTURES / "merges.txt").read_text().splitlines()[1:]
    letters = byte_letters()
    tokens = letters + [x + "</w>" for x in letters] + ["".join(m.split()) for m in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return {t: i for i, t in enumerate(tokens)}, merges


def tokenizer_json(vocab, merges):
    special = [{"id": vocab[t], "content": t, "single_word": False, "lstrip": False, "rstrip": False,
                "normalized": t == "<|startoftext|>", "special": True} for t in ("<|startoftext|>", "<|endoftext|>")]
    words = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special,
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "NFC"}, {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "}, {"type": "Lowercase"}]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": words}, "behavior": "Removed", "invert": True}, byte_level]},
        "post_processor": {"type": "RobertaProcessing", "sep": ["<|endoftext|>", vocab["<|endoftext|>"]],
                           "cls": ["<|startoftext|>", vocab["<|startoftext|>"]], "trim_offsets": False,
                           "add_prefix_space": False},
        "decoder": {**byte_level, "add_prefix_space": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<|endoftext|>", "continuing_subword_prefix": "",
                  "end_of_word_suffix": "</w>", "fuse_unk": False, "byte_fallback": False, "vocab": vocab,
                  "merges": merges},
    }


def write_vocabulary(folder, m, kinds, tokenizer=None):
    """kinds: "json" (tokenizer.json), "vocab" (vocab.json and merges.txt)"""
    if m.vocab == 1000:
        vocab, merges = small_vocabulary()
        if "json" in kinds:
            (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json(vocab, merges), ensure_ascii=False))
        if "vocab" in kinds:
            (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
            shutil.copyfile(FIXTURES / "merges.txt", folder / "merges.txt")
        return
    if tokenizer is None:
        shared = pathlib.Path(os.environ.get("PICASK_SHARED") or HERE.parent.parent.parent / "shared")
        tokenizer = shared / "data" / "clip_refs" / "hf-clip-vit-base-patch32-configs"
    for kind, names in (("json", ["tokenizer.json"]), ("vocab", ["vocab.json", "merges.txt"])):
        for name in names:
            if kind in kinds and (pathlib.Path(tokenizer) / name).exists():
                shutil.copyfile(pathlib.Path(tokenizer) / name, folder / name)


def hugging_face_config(m):
    return {
        "architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": m.dim, "logit_scale_init_value": 2.6592,
        "text_config": {
            "model_type": "clip_text_model", "hidden_size": m.text_width, "intermediate_size": m.text_mlp,
            "num_hidden_layers": m.text_layers, "num_attention_heads": m.text_heads, "hidden_act": m.activation,
            "max_position_embeddings": m.context, "vocab_size": m.vocab, "projection_dim": m.dim, "layer_norm_eps": 1e-05,
            "bos_token_id": m.vocab - 2, "eos_token_id": m.vocab - 1, "pad_token_id": 1},
        "vision_config": {
            "model_type": "clip_vision_model", "hidden_size": m.image_width, "intermediate_size": m.image_mlp,
            "num_hidden_layers": m.image_layers, "num_attention_heads": m.image_heads, "hidden_act": m.activation,
            "image_size": m.size, "patch_size": m.patch, "num_channels": 3, "projection_dim": m.dim, "layer_norm_eps": 1e-05},
    }


def preprocessor_config(m):
    return {"crop_size": {"height": m.size, "width": m.size}, "do_center_crop": True, "do_convert_rgb": True,
            "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": MEAN, "image_std": STD,
            "image_processor_type": "CLIPImageProcessor", "resample": 3, "rescale_factor": 1 / 255,
            "size": {"shortest_edge": m.size}}


def open_clip_config(m):
    vision = {"image_size": m.size, "layers": m.image_layers, "width": m.image_width, "patch_size": m.patch}
    if m.image_head != 64:
        vision["head_width"] = m.image_head
    if m.image_mlp != 4 * m.image_width:
        vision["mlp_ratio"] = 4.3637
    text = {"context_length": m.context, "vocab_size": m.vocab, "width": m.text_width, "heads": m.text_heads,
            "layers": m.text_layers}
    config = {"embed_dim": m.dim, "vision_cfg": vision, "text_cfg": text}
    if m.activation == "quick_gelu":
        config["quick_gelu"] = True
    return {"model_cfg": config, "preprocess_cfg": {"mean": MEAN, "std": STD}}


OPENAI_FILES = {"ViT-L-14-336": "ViT-L-14-336px"}
OPENAI_CLASSES = {
    "": ("multimodal.model.multimodal_transformer", "Multimodal"),
    "visual": ("multimodal.model.multimodal_transformer", "VisualTransformer"),
    "visual.transformer": ("multimodal.model.multimodal_transformer", "Transformer"),
    "transformer": ("multimodal.model.multimodal_transformer", "Transformer"),
    "token_embedding": ("torch.nn.modules.sparse", "Embedding"),
    "visual.conv1": ("torch.nn.modules.conv", "Conv2d"),
}


def write(folder, m, form="hf", dtype="f32", bits=11, tokenizer=None):
    """Writes the folder; -> path of the weights."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    dump = lambda name, value: (folder / name).write_text(json.dumps(value, indent=2) + "\n")
    if form.startswith("hf"):
        dump("config.json", hugging_face_config(m))
        dump("preprocessor_config.json", preprocessor_config(m))
        write_vocabulary(folder, m, {"hf": ("json", "vocab"), "hf-sharded": ("json",), "hf-bin": ("vocab",)}[form], tokenizer)
        tensors = hugging_face(m, bits, dtype, ids=form != "hf-sharded")
        if form == "hf-sharded":
            write_shards(folder, tensors)
            return folder / "model.safetensors.index.json"
        if form == "hf-bin":
            torch_files.write_state_dict(folder / "pytorch_model.bin", "pytorch_model", tensors)
            return folder / "pytorch_model.bin"
        write_safetensors(folder / "model.safetensors", tensors)
        return folder / "model.safetensors"
    if m.vocab != 49408:
        write_vocabulary(folder, m, ("vocab",))
    tensors = open_clip(m, bits, dtype, openai=form == "openai")
    if form == "openai":
        name = OPENAI_FILES.get(m.name, m.name) if m.real else "small"  # OpenAI's name promises OpenAI's shapes
        torch_files.write_torchscript(folder / f"{name}.pt", name, tensors, OPENAI_CLASSES,
                                      buffers=("input_resolution", "context_length", "vocab_size"))
        return folder / f"{name}.pt"
    dump("open_clip_config.json", open_clip_config(m))
    if form == "openclip":
        write_safetensors(folder / "open_clip_model.safetensors", tensors)
        return folder / "open_clip_model.safetensors"
    torch_files.write_state_dict(folder / "open_clip_pytorch_model.bin", "archive", tensors)
    return folder / "open_clip_pytorch_model.bin"


def main():
    p = argparse.ArgumentParser(description="CLIP models with generated weights")
    p.add_argument("out")
    p.add_argument("--model", choices=MODELS, default="ViT-B-32")
    p.add_argument("--width", choices=("quarter", "full"), default="quarter")
    p.add_argument("--layers", default="2", help="2, all")
    p.add_argument("--dtype", choices=("f32", "f16", "bf16"), default="f32")
    p.add_argument("--format", choices=FORMATS, default="hf")
    p.add_argument("--vocab", choices=("1000", "49408"), default="1000")
    p.add_argument("--bits", type=int, choices=(11, 24), default=11)
    p.add_argument("--activation", choices=("quick_gelu", "gelu"))
    p.add_argument("--salt", default="", help="stands in front of NAME: other weights of the same shapes")
    p.add_argument("--tokenizer", help="folder of tokenizer.json, vocab.json, merges.txt for 49,408 tokens")
    a = p.parse_args()
    m = Clip(a.model, a.width, a.layers, a.vocab, a.activation, a.salt)
    print(write(a.out, m, a.format, a.dtype, a.bits, a.tokenizer))


if __name__ == "__main__":
    main()
