"""lathe as a system of the comparisons: generated code in a shared library, on the runtime's threads."""
import ctypes
import os
import subprocess
import sys

import peers_nets

sys.path.insert(0, os.path.join(peers_nets.ROOT, "tests", "oracle"))
import lathe_abi


def thread_pool(folder, threads=0):
    """The runtime's threads, which `lathe train` uses: fields of weights and of a step. 0: all cores."""
    library = os.path.join(folder, "pool.so")
    sources = [os.path.join(peers_nets.ROOT, "runtime", name) for name in ("pool.c", "error.c")]
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-fPIC", "-shared", "-pthread", "-o", library,
                    *sources], check=True)
    pool = ctypes.CDLL(library)
    pool.lathe_pool_open.restype = ctypes.c_void_p
    context = pool.lathe_pool_open(threads, ctypes.create_string_buffer(4096))
    return {"parallel_for": ctypes.cast(pool.lathe_pool_run, ctypes.c_void_p).value,
            "parallel_context": context}


def inference(library, x, threads):
    """A call without arguments on fixed arrays, and the array of its results."""
    predictor = lathe_abi.Predictor(library)
    if threads > 1:
        for field, value in thread_pool(os.path.dirname(library), threads).items():
            setattr(predictor.weights, field, value)
    y = predictor.predict(x)
    inputs, outputs = lathe_abi.pointers([x]), lathe_abi.pointers([y])
    # Values of C already: ctypes would convert them at every call.
    arguments = (ctypes.byref(predictor.weights), ctypes.c_void_p(predictor.workspace.ctypes.data),
                 ctypes.c_int(len(x)), ctypes.byref(inputs), ctypes.byref(outputs))
    predict = ctypes.CFUNCTYPE(None)(ctypes.cast(predictor.table.predict, ctypes.c_void_p).value)

    def call():
        predict(*arguments)
        return y

    call.kept = predictor, x, inputs, outputs
    return call
