"""The systems that bench/peers compares, each as a worker: peers_systems.py SYSTEM JOB.json

A system's function gets the job and gives (version, settings, calls): calls is a list of (name, function),
ways to compute the same; the fastest after a short trial is measured. A function runs the network once and
gives its output. Each system has the settings that make it fastest at float32.
"""
import ctypes
import json
import os
import platform
import statistics
import sys
import time

import numpy as np

import turns

SAMPLE = 1e-3  # seconds: faster calls are measured several at once
TRIAL = 0.3    # seconds to warm up a way to call, and to measure it
MOST_SAMPLES = 400


def channels_first(job):
    """The inputs as N,C,H,W. The job keeps them: systems that read them where they are do not."""
    job["kept"] = np.ascontiguousarray(np.load(job["x"]).transpose(0, 3, 1, 2))
    return job["kept"]


def existing(job, *names):
    return [(n, os.path.join(job["folder"], n)) for n in names if os.path.exists(os.path.join(job["folder"], n))]


def lathe(job):
    import peers_lathe

    x = np.load(job["x"]) if job["channels_last"] else channels_first(job)
    call = peers_lathe.inference(job["library"], x, job["threads"])
    return job["lathe_version"], job["lathe_settings"], [("generated C", call)]


def onnxruntime(job):
    import onnxruntime as ort

    x = channels_first(job)

    def session(path):
        options = ort.SessionOptions()
        options.intra_op_num_threads = job["threads"]
        options.inter_op_num_threads = 1
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        s = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        binding = s.io_binding()
        input_value = ort.OrtValue.ortvalue_from_numpy(x)
        output = ort.OrtValue.ortvalue_from_shape_and_type(s.get_outputs()[0].shape, np.float32)
        binding.bind_ortvalue_input(s.get_inputs()[0].name, input_value)
        binding.bind_ortvalue_output(s.get_outputs()[0].name, output)

        def call():
            s.run_with_iobinding(binding)
            return output

        call.result = lambda: output.numpy()
        return call

    return ort.__version__, "graph optimisation ALL, intra_op %d, bound arrays" % job["threads"], [
        (name, session(path)) for name, path in existing(job, "clean.onnx", "lrn.onnx")]


def openvino(job):
    import openvino as ov

    x, core = channels_first(job), ov.Core()
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": job["threads"],
                "INFERENCE_PRECISION_HINT": "f32"}

    def request(path):
        r = core.compile_model(core.read_model(path), "CPU", settings).create_infer_request()
        r.set_input_tensor(ov.Tensor(x, shared_memory=True))
        output = r.get_output_tensor()

        def call():
            r.start_async()
            r.wait()
            return output

        call.result = lambda: np.array(output.data)
        return call

    return ov.get_version().split("-")[0], ", ".join("%s=%s" % item for item in settings.items()), [
        (name, request(path)) for name, path in existing(job, "clean.onnx", "lrn.onnx")]


def ncnn(job):
    import ncnn

    x = channels_first(job)
    net = ncnn.Net()
    net.opt.num_threads = job["threads"]
    net.opt.use_winograd_convolution = net.opt.use_sgemm_convolution = net.opt.use_packing_layout = True
    for name in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
        setattr(net.opt, name, False)
    path = os.path.join(job["folder"], "one.ncnn.")
    if net.load_param(path + "param") or net.load_model(path + "bin"):
        raise RuntimeError("ncnn does not load its files")
    mats = [ncnn.Mat(image) for image in x]

    def call():
        rows = []
        for mat in mats:
            extractor = net.create_extractor()
            extractor.input("in0", mat)
            rows.append(extractor.extract("out0")[1])
        return rows

    call.result = lambda: np.stack([np.array(row) for row in call()])
    note = ", images one after the other" if len(x) > 1 else ""
    return ncnn.__version__, "fp16 and bf16 off, Winograd on, num_threads=%d%s" % (job["threads"], note), [
        ("pnnx", call)]


def litert(job):
    import importlib.metadata

    from ai_edge_litert.interpreter import Interpreter

    x = np.load(job["x"])

    def interpreter(path):
        i = Interpreter(path, num_threads=job["threads"])
        i.allocate_tensors()
        i.set_tensor(i.get_input_details()[0]["index"], x)
        invoke = lambda: i.invoke()
        invoke.result = lambda: i.get_tensor(i.get_output_details()[0]["index"])
        return invoke

    calls = [(name, interpreter(path)) for name, path in existing(job, "net.tflite", "lrn.tflite")]
    return importlib.metadata.version("ai-edge-litert"), "XNNPACK, num_threads=%d" % job["threads"], calls


def keras(job):
    import keras

    import peers_keras
    import peers_nets

    network = peers_nets.chosen(peers_nets.NETWORKS, [job["network"]])[0]
    model = peers_keras.with_weights(network, job["weights"])
    backend = keras.backend.backend()
    calls = {"jax": peers_keras.jax_calls, "tensorflow": peers_keras.tensorflow_calls}[backend]
    version = "%s on %s %s" % (keras.__version__, backend, sys.modules[backend].__version__)
    return version, "compiled, %d threads" % job["threads"], list(calls(model, np.load(job["x"])))


SYSTEMS = {"lathe": lathe, "onnxruntime": onnxruntime, "openvino": openvino, "ncnn": ncnn, "litert": litert,
           "keras-tensorflow": keras, "keras-jax": keras}
TITLES = {"lathe": "lathe", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO", "ncnn": "ncnn",
          "litert": "LiteRT", "keras-tensorflow": "Keras, TensorFlow", "keras-jax": "Keras, JAX"}


# ---- measuring ---------------------------------------------------------------------------------

def median_seconds(call):
    """Of a call, warm."""
    call()
    times, end = [], time.perf_counter() + TRIAL
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def held_to_avx2():
    """Whether the process runs under bench/hold_avx2.c."""
    try:
        return bool(ctypes.c_int.in_dll(ctypes.CDLL(None), "lathe_held_avx2").value)
    except ValueError:
        return False


def prepare(system, job):
    turns.hold_to_cores(job["threads"])
    before = turns.resident()["now"]
    version, settings, calls = SYSTEMS[system](job)
    seconds, name, call = min(((median_seconds(call), name, call) for name, call in calls), key=lambda t: t[0])
    output = np.asarray(call.result() if hasattr(call, "result") else call())
    np.save(job["output"] % system, output.reshape(len(output), -1) if output.ndim > 1 else output[None])
    together = max(1, round(SAMPLE / seconds))
    samples = min(max(3, int(job["block"] / (together * seconds))), MOST_SAMPLES)

    def block():
        """Milliseconds of a call, for each sample."""
        call()
        times = []
        for _ in range(samples):
            start = time.perf_counter()
            for _ in range(together):
                call()
            times.append((time.perf_counter() - start) / together * 1e3)
        return times

    if len(calls) > 1:
        settings += ", %s" % name
    return {"version": version, "settings": settings, "together": together, "held": held_to_avx2(),
            "before": before, "python": platform.python_version()}, block


def main():
    system, path = sys.argv[1:]
    with open(path) as f:
        job = json.load(f)
    turns.serve(lambda: prepare(system, job))


if __name__ == "__main__":
    main()
