"""The peers of bench/clip.py on one folder of weights in Hugging Face's layout, all in fp32 and on THREADS threads:
transformers on PyTorch, ONNX Runtime and OpenVINO. Each is asked with prepare(kind, array), kind "image" (array float32
[n, 3, size, size], normalised) or "text" (int64 ids [n, length]), and gives a callable that embeds the array once and
returns [n, dim]. Both runtimes read the same ONNX files, which torch.onnx.export makes once of transformers' own modules.

Each is set up for speed: ONNX Runtime with all graph optimisations, OpenVINO compiled for exactly the shape asked for and
told to compute in f32 (it would take bf16 by itself), PyTorch with whichever of transformers' two attentions is faster for
the array. ONNX Runtime's transformer fusions (onnxruntime.transformers.optimizer) and OpenVINO with dynamic shapes were
tried and are not faster."""
import os
import pathlib
import time

import numpy

THREADS = 2


class Torch:
    def __init__(self, folder):
        import torch
        import transformers
        self.torch = torch
        torch.set_num_threads(THREADS)
        transformers.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        self.name = f"PyTorch {torch.__version__.split('+')[0]}"
        self.model = transformers.CLIPModel.from_pretrained(folder).eval()

    def embed(self, kind, array):
        x = self.torch.from_numpy(array)
        with self.torch.inference_mode():
            if kind == "image":
                return self.model.get_image_features(pixel_values=x).pooler_output.numpy()
            return self.model.get_text_features(input_ids=x).pooler_output.numpy()

    def prepare(self, kind, array):
        seconds = {}
        for attention in ("sdpa", "eager") * 2:
            self.model.set_attn_implementation(attention)
            self.embed(kind, array)
            began = time.perf_counter()
            self.embed(kind, array)
            seconds[attention] = min(seconds.get(attention, 1e9), time.perf_counter() - began)
        faster = min(seconds, key=seconds.get)
        self.model.set_attn_implementation(faster)

        def call():
            if self.model.config._attn_implementation != faster:
                self.model.set_attn_implementation(faster)
            return self.embed(kind, array)

        return call


def export(folder, out):
    """ONNX of the two towers, made once: out/image.onnx, out/text.onnx"""
    if (out / "ready").exists():
        return
    import torch
    import transformers
    model = transformers.CLIPModel.from_pretrained(folder, attn_implementation="eager").eval()
    out.mkdir(parents=True, exist_ok=True)

    class Tower(torch.nn.Module):
        def __init__(self, embed):
            super().__init__()
            self.model, self.embed = model, embed

        def forward(self, x):
            return self.embed(x).pooler_output

    size = model.config.vision_config.image_size
    for kind, embed, x, axes in (("image", model.get_image_features, torch.randn(2, 3, size, size), [0]),
                                 ("text", model.get_text_features, torch.randint(1, 40000, (2, 10)), [0, 1])):
        with torch.inference_mode():
            torch.onnx.export(Tower(embed), (x,), str(out / f"{kind}.onnx"), input_names=["x"], output_names=["embeds"],
                              dynamo=True, dynamic_shapes={"x": {axis: torch.export.Dim.DYNAMIC for axis in axes}},
                              verbose=False)
    (out / "ready").touch()


class OnnxRuntime:
    def __init__(self, onnx):
        import onnxruntime
        self.onnx, self.module, self.sessions = onnx, onnxruntime, {}
        self.name = f"ONNX Runtime {onnxruntime.__version__}"

    def prepare(self, kind, array):
        if kind not in self.sessions:
            options = self.module.SessionOptions()
            options.intra_op_num_threads = THREADS
            options.graph_optimization_level = self.module.GraphOptimizationLevel.ORT_ENABLE_ALL
            self.sessions = {kind: self.module.InferenceSession(str(self.onnx / f"{kind}.onnx"), options,
                                                                providers=["CPUExecutionProvider"])}
        session = self.sessions[kind]
        return lambda: session.run(None, {"x": array})[0]


class OpenVino:
    def __init__(self, onnx):
        import openvino
        self.onnx, self.core = onnx, openvino.Core()
        self.name = f"OpenVINO {openvino.__version__.split('-')[0]}"

    def prepare(self, kind, array):
        model = self.core.read_model(str(self.onnx / f"{kind}.onnx"))
        model.reshape(list(array.shape))
        compiled = self.core.compile_model(model, "CPU", {
            "INFERENCE_NUM_THREADS": THREADS, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"})
        request = compiled.create_infer_request()
        return lambda: request.infer([array], share_inputs=True)[0]


def unit(rows):
    return rows / numpy.linalg.norm(rows, axis=-1, keepdims=True)


def load(folder):
    onnx = pathlib.Path(folder).parent / "onnx"
    export(folder, onnx)
    return [OpenVino(onnx), OnnxRuntime(onnx), Torch(folder)]


def hold_to_avx2():
    """Ours and PyTorch: call it before they start. ONNX Runtime has no switch. OpenVINO follows oneDNN's only half and gives
    wrong vectors then, so these two go on with what the CPU has."""
    os.environ.update(PICASK_ISA="avx2", ATEN_CPU_CAPABILITY="avx2", MKL_ENABLE_INSTRUCTIONS="AVX2")
