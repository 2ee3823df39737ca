"""The mini model in PyTorch, written from its config alone: the oracle of the golden vectors, of the recall table in
models/README.md and of bench/mini.py. Weights come from any safetensors file of the family (F32, F16, I8 rows with a
`.scale`, and the shipped 4-bit word embeddings); everything is computed in fp32."""
import json
import struct

import numpy as np
import torch
import torch.nn.functional as F

DTYPES = {"F32": np.float32, "F16": np.float16, "I8": np.int8, "U8": np.uint8}


def read_safetensors(path):
    """-> ({name: array}, metadata)"""
    with open(path, "rb") as f:
        data = f.read()
    n = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + n])
    meta = header.pop("__metadata__", {})
    out = {}
    for name, t in header.items():
        a, b = t["data_offsets"]
        out[name] = np.frombuffer(data[8 + n + a : 8 + n + b], DTYPES[t["dtype"]]).reshape(t["shape"])
    return out, meta


def unpack_nibbles(packed, scale):
    """packed [n, k/2] uint8: the low nibble is the even column, 8 is zero; scale [n, groups]."""
    q = np.empty((packed.shape[0], packed.shape[1] * 2), np.float32)
    q[:, 0::2] = (packed & 15).astype(np.float32) - 8
    q[:, 1::2] = (packed >> 4).astype(np.float32) - 8
    g = scale.shape[1]
    return (q.reshape(len(q), g, -1) * scale.astype(np.float32)[:, :, None]).reshape(q.shape)


def weights(tensors):
    """{name: fp32 torch tensor}, scales applied"""
    w = {}
    for name, t in tensors.items():
        if name.endswith(".scale") or name == "text.vocab":
            continue
        scale = tensors.get(name + ".scale")
        if t.dtype == np.uint8:
            t = unpack_nibbles(t, scale)
        elif t.dtype == np.int8:
            t = t.astype(np.float32) * scale.reshape(-1, *[1] * (t.ndim - 1))
        t = torch.from_numpy(np.array(t, np.float32))
        w[name] = t.contiguous(memory_format=torch.channels_last) if t.ndim == 4 else t
    return w


def conv(w, x, name, kernel, stride, relu6, groups=1):
    if stride == 1:
        pad = kernel // 2
    else:  # TensorFlow's "same": the odd pixel goes right and below
        h, v = x.shape[-2:]
        ph = max((-(-h // stride) - 1) * stride + kernel - h, 0)
        pw = max((-(-v // stride) - 1) * stride + kernel - v, 0)
        x = F.pad(x, [pw // 2, pw - pw // 2, ph // 2, ph - ph // 2])
        pad = 0
    x = F.conv2d(x, w[f"image.{name}.weight"], w[f"image.{name}.bias"], stride, pad, 1, groups)
    return x.clamp_(0, 6) if relu6 else x


def trunk(w, cfg, x):
    """x [n, 3, size, size] normalised -> [n, head.out]"""
    c = cfg["image"]
    x = conv(w, x, "stem.conv", c["stem"]["kernel"], c["stem"]["stride"], True)
    for i, b in enumerate(c["blocks"]):
        y = x
        if b["expand"] != 1:
            y = conv(w, y, f"blocks.{i}.expand", 1, 1, True)
        y = conv(w, y, f"blocks.{i}.depthwise", b["kernel"], b["stride"], True, b["cin"] * b["expand"])
        y = conv(w, y, f"blocks.{i}.project", 1, 1, False)
        x = y + x if b["stride"] == 1 and b["cin"] == b["cout"] else y
    return conv(w, x, "head.conv", 1, 1, True).mean((2, 3))


def embed_pixels(w, cfg, rgb):
    """rgb [n, size, size, 3] uint8 -> unit vectors [n, dim]"""
    c = cfg["image"]
    x = torch.from_numpy(np.array(rgb)).permute(0, 3, 1, 2).float()
    return embed_features(w, trunk(w, cfg, ((x - c["mean"]) / c["std"]).contiguous(memory_format=torch.channels_last)))


def embed_features(w, f):
    """f [n, head.out] of the trunk -> unit vectors [n, dim]"""
    z = F.linear(f, w["image_head.linear.weight"], w["image_head.linear.bias"])
    h = F.gelu(F.linear(f, w["image_head.mlp.fc1.weight"], w["image_head.mlp.fc1.bias"]))
    return F.normalize(z + F.linear(h, w["image_head.mlp.fc2.weight"], w["image_head.mlp.fc2.bias"]), dim=1)


def load_pixels(path, size):
    from PIL import Image

    return np.asarray(Image.open(path).convert("RGB").resize((size, size), Image.BICUBIC))


def embed_ids(w, cfg, ids):
    """ids: token ids with [CLS] and [SEP] -> unit vector [dim]"""
    c = cfg["text"]
    n, d, heads = len(ids), c["hidden"], c["heads"]
    eps = c["layer_norm_eps"]
    ln = lambda name, x: F.layer_norm(x, (d,), w[name + ".weight"], w[name + ".bias"], eps)
    lin = lambda name, x: F.linear(x, w[name + ".weight"], w[name + ".bias"])
    x = w["text.embeddings.word"][torch.tensor(ids)] + w["text.embeddings.position"][:n] + w["text.embeddings.token_type"][0]
    x = ln("text.embeddings.norm", x)
    for i in range(c["layers"]):
        p = f"text.layers.{i}."
        q, k, v = lin(p + "attn.qkv", x).view(n, 3, heads, d // heads).permute(1, 2, 0, 3)
        a = F.scaled_dot_product_attention(q, k, v).transpose(0, 1).reshape(n, d)
        x = ln(p + "norm1", x + lin(p + "attn.out", a))
        x = ln(p + "norm2", x + lin(p + "mlp.fc2", F.gelu(lin(p + "mlp.fc1", x))))
    t = F.normalize(x.mean(0), dim=0)
    return F.normalize(lin("text_head", t), dim=0)


def tokenizer(vocab_bytes, max_ids):
    """BERT's uncased WordPiece -> function text -> ids, longer texts cut so that [SEP] stays"""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    vocab = {t: i for i, t in enumerate(vocab_bytes.decode().split("\n")[:-1])}
    tk = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=100))
    tk.normalizer = normalizers.BertNormalizer()
    tk.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    cls, sep = vocab["[CLS]"], vocab["[SEP]"]
    return lambda text: [cls] + tk.encode(text, add_special_tokens=False).ids[: max_ids - 2] + [sep]
