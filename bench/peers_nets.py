"""The networks of bench/peers, and how fast lathe must be: its time over the best other system's."""
import os
from dataclasses import dataclass

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
EXAMPLES = os.path.join(ROOT, "examples")
BATCH_MUST = 0.9  # of every network in batches of 8 and 32
EXACT_MUST = {"vgg16": 1.05, "resnet50": 1.05}  # without Winograd, against EXACT_PEERS
EXACT_PEERS = ("onnxruntime", "openvino")


@dataclass
class Network:
    name: str
    model: str  # a built-in name, a script, a .keras or an .onnx file
    must: float | None
    variable: str = "model"  # of a script
    size: float = 1.0  # deviation of the inputs' values

    @property
    def trained(self):
        """Whether the file has weights."""
        return self.model.endswith((".keras", ".onnx"))

    @property
    def channels_last(self):
        return not self.model.endswith(".onnx")

    @property
    def options(self):
        return ["--model", self.variable] if self.variable != "model" else []


@dataclass
class Training:
    name: str
    model: str
    must: float
    batch: int = 32
    steps: int = 100  # in a block


def data(*path):
    return os.path.join(os.environ.get("LATHE_DATA") or os.path.join(ROOT, "..", "shared", "data"), *path)


def example(*path):
    return os.path.join(EXAMPLES, *path)


NETWORKS = [
    Network("vgg16", "vgg16", 0.75),
    Network("alexnet", example("alexnet", "alexnet.py"), 0.9),
    Network("googlenet", example("googlenet", "googlenet.py"), 0.85, variable="inference"),
    Network("squeezenet", data("weights", "squeezenet_v1.0_imagenet.keras"), 0.85, size=60),
    Network("resnet50", "resnet50", 0.85),
    Network("densenet121", "densenet121", 0.9),
    Network("mobilenetv2", "mobilenetv2", 0.95),
    Network("efficientnet_lite0", data("weights", "efficientnet_lite0_imagenet.onnx"), 0.9, size=0.5),
    Network("lenet5", example("lenet5", "lenet5.py"), 0.25),
    Network("model1", example("cifar10", "model1.py"), 0.6),
    Network("model2", example("cifar10", "model2.py"), 0.75),
    # How long a call of each system takes that has nothing to compute.
    Network("call", os.path.join(ROOT, "bench", "call.py"), None),
]

TRAININGS = [
    Training("model1", example("cifar10", "model1.py"), 0.12),
    Training("model2", example("cifar10", "model2.py"), 0.25, steps=40),
    Training("lenet5", example("lenet5", "lenet5.py"), 0.12),
    Training("resnet20", example("resnet20", "resnet20.py"), 0.5, steps=10),
    Training("vgg16", example("vgg16", "vgg16.py"), 0.8, batch=8, steps=2),
]


def chosen(table, names):
    """The rows with these names, all if there are none; a KeyError names one that is not there."""
    rows = {row.name: row for row in table}
    return [rows[name] for name in names] if names else table
