"""The files that every system gets of one network: peers_prepare.py NETWORK FOLDER BATCH

FOLDER gets weights.safetensors (drawn, unless the model has its own), net.onnx as lathe writes it,
clean.onnx (and lrn.onnx, where normalisation over channels can be one operation), net.tflite, net.ncnn.*,
the inputs x.npy (images as N,H,W,C) and the outputs in double precision y.npy. What could not be made,
and why, stands in missing.json.
"""
import importlib.util
import json
import os
import subprocess
import sys
import zlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np

import peers_keras
import peers_nets

import lathe_abi
import zoo


def convert(network, folder):
    """Weights and the ONNX file."""
    options, weights = list(network.options), os.path.join(folder, "weights.safetensors")
    if not network.trained:
        if not os.path.exists(weights):
            peers_keras.draw(network, weights)
        options += ["--weights", weights]
    lathe_abi.lathe("convert", network.model, os.path.join(folder, "net.onnx"), *options)


def write_ncnn(path, shape):
    """ncnn's files by its converter pnnx, which works on the ONNX file beside them."""
    spec = importlib.util.find_spec("pnnx")
    if spec is None:
        raise RuntimeError("pnnx is not installed")
    command = [os.path.join(os.path.dirname(spec.origin), "pnnx"), path, "fp16=0",
               "inputshape=[%s]" % ",".join(map(str, (1,) + shape[1:]))]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode or not os.path.exists(path[:-5] + ".ncnn.param"):
        raise RuntimeError("pnnx ended with status %d" % run.returncode)


def main():
    name, folder, batch = sys.argv[1], sys.argv[2], int(sys.argv[3])
    import peers_graph
    import peers_tf

    network = peers_nets.chosen(peers_nets.NETWORKS, [name])[0]
    missing = {}
    convert(network, folder)
    at = lambda file: os.path.join(folder, file)
    clean = lambda n: peers_graph.clean(at("net.onnx"), n, network.channels_last)
    g = clean(batch)
    g.save(at("clean.onnx"))
    n, c, h, w = g.shapes[g.input]
    x = (zoo.pictures((h, w, c), batch, zlib.crc32(name.encode()) + 1) * network.size).astype(np.float32)
    np.save(at("x.npy"), x)
    lrn = peers_graph.with_lrn(g)
    if lrn:
        g.save(at("lrn.onnx"))
    np.save(at("y.npy"), peers_tf.reference(g, x))
    single = clean(1)
    peers_graph.with_lrn(single)
    single.save(at("one.onnx"))
    for system, make in (("litert", lambda: [peers_tf.write_tflite(g, x.shape, at(file), native) for file, native in
                                             (("net.tflite", False), ("lrn.tflite", True))[:1 + lrn]]),
                         ("ncnn", lambda: write_ncnn(at("one.onnx"), single.shapes[g.input]))):
        try:
            make()
        except Exception as error:
            missing[system] = "%s: %s" % (type(error).__name__, str(error).split("\n")[0][:200])
    with open(at("missing.json"), "w") as f:
        json.dump(missing, f)


if __name__ == "__main__":
    main()
