#!/usr/bin/env python3
"""Writes tests/fixtures/model/weights_*: small files of weights in every format that weights_file.h reads, made by PyTorch
and safetensors themselves, and weights_golden.tsv: file, tensor, type, shape, bytes as numpy has them.

    python3 tests/golden/make_weights_fixtures.py        needs torch, numpy, safetensors
"""
import collections
import json
import pathlib
import warnings
import zipfile

import numpy as np
import safetensors.torch
import torch
from torch import nn

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "model"
NAMES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int8: "I8", torch.uint8: "U8"}


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.randn(12, 4))
        self.in_proj_bias = nn.Parameter(torch.randn(12))
        self.out_proj = nn.Linear(4, 4)

    def forward(self, x):
        return self.out_proj(x @ self.in_proj_weight[:4].to(x.dtype))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attn = Attention()
        self.ln_1 = nn.LayerNorm(4)

    def forward(self, x):
        return self.attn(self.ln_1(x))


class Tower(nn.Module):
    """Names as OpenAI's and open_clip's have them; half of it in fp16, as OpenAI's are; a buffer, numbers, a list."""

    def __init__(self):
        super().__init__()
        self.resblocks = nn.Sequential(Block(), Block())
        self.logit_scale = nn.Parameter(torch.tensor(4.6052))
        self.register_buffer("positions", torch.arange(5))
        self.register_buffer("codes", torch.arange(-3, 3, dtype=torch.int8).reshape(2, 3))
        self.input_resolution = 224
        self.words = ["a", "b"]

    def forward(self, x):
        return self.resblocks(x) * self.logit_scale.exp()


golden = []


def expect(file, tensors):
    for name, t in sorted(tensors.items()):
        t = t.detach().contiguous()
        raw = t.reshape(-1).view(torch.uint8).numpy() if t.dtype == torch.bfloat16 and t.numel() else t.numpy()
        shape = ",".join(str(s) for s in t.shape)
        golden.append("\t".join([file, name, NAMES.get(t.dtype, "OTHER"), shape, np.ascontiguousarray(raw).tobytes().hex()]))


def save(file, what, tensors, **options):
    torch.save(what, OUT / file, **options)
    expect(file, tensors)


def save_script(file, module, tensors):
    """By PyTorch's own writer, without the records that name the folders of this machine (code/*.debug_pkl)."""
    torch.jit.save(module, OUT / file)
    reader = torch._C.PyTorchFileReader(str(OUT / file))
    records = [(name, reader.get_record(name)) for name in reader.get_all_records()]
    writer = torch._C.PyTorchFileWriter(str(OUT / file))
    for name, record in records:
        if not name.endswith(".debug_pkl") and name not in ("version", ".data/serialization_id"):
            writer.write_record(name, record, len(record))
    writer.write_end_of_file()
    expect(file, tensors)


def repack(source, target, method):
    """The same archive as a zip program writes it: no zip64 records, no data descriptors, no alignment."""
    with zipfile.ZipFile(OUT / source) as a, zipfile.ZipFile(OUT / target, "w", method) as b:
        for name in a.namelist():
            b.writestr(zipfile.ZipInfo(name), a.read(name), compress_type=method)


def main():
    warnings.simplefilter("ignore")
    torch.manual_seed(5)
    tower = Tower()
    half = Tower()
    half.resblocks[0].attn.half()
    state = tower.state_dict()
    save("weights_state.bin", state, state)
    save("weights_protocol4.bin", dict(half.state_dict()), half.state_dict(), pickle_protocol=4)
    bf16 = {k: v.to(torch.bfloat16) for k, v in state.items()}
    save("weights_bf16.bin", bf16, bf16)

    checkpoint = collections.OrderedDict(("module." + k, v) for k, v in state.items())
    optimizer = torch.optim.AdamW(tower.parameters(), betas=(0.9, 0.98))
    tower(torch.zeros(2, 4)).sum().backward()
    optimizer.step()
    state = {k: v.clone() for k, v in tower.state_dict().items()}
    checkpoint = collections.OrderedDict(("module." + k, v) for k, v in state.items())
    save("weights_checkpoint.pt", {"epoch": 32, "name": "small", "state_dict": checkpoint, "optimizer": optimizer.state_dict(),
                                   "scaler": None, "size": torch.Size([2, 3]), "type": torch.float16, "steps": 2**40}, state)

    whole = torch.randn(6, 4)
    views = {"first": whole[:2], "last": whole[4:], "one": whole[3:4, 2:3], "row": whole[1], "number": whole[2, 1], "none": whole[:0],
             "spread": torch.arange(4).expand(1, 4), "parameter": nn.Parameter(whole[5])}
    save("weights_views.bin", views, views)
    torch.save({"good": whole, "turned": whole.t()}, OUT / "weights_turned.bin")

    save_script("weights_script.pt", torch.jit.script(half), half.state_dict())
    save_script("weights_traced.pt", torch.jit.trace(tower, torch.zeros(1, 4)), state)

    repack("weights_script.pt", "weights_repacked.pt", zipfile.ZIP_STORED)
    expect("weights_repacked.pt", half.state_dict())
    repack("weights_state.bin", "weights_compressed.bin", zipfile.ZIP_DEFLATED)
    torch.save({"a": whole}, OUT / "weights_old.bin", _use_new_zipfile_serialization=False)
    torch.save(nn.Linear(2, 2), OUT / "weights_module.bin")

    safetensors.torch.save_file(state, OUT / "weights_whole.safetensors", metadata={"format": "pt"})
    expect("weights_whole.safetensors", state)
    names = sorted(state)
    parts = {f"weights-0000{i + 1}-of-00002.safetensors": names[i::2] for i in range(2)}
    for file, of in parts.items():
        safetensors.torch.save_file({k: state[k] for k in of}, OUT / file, metadata={"format": "pt"})
    index = {"metadata": {"total_size": sum(t.nbytes for t in state.values())},
             "weight_map": {k: file for file, of in parts.items() for k in of}}
    (OUT / "weights.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
    expect("weights.safetensors.index.json", state)

    (OUT / "weights_golden.tsv").write_text("\n".join(golden) + "\n")


main()
