"""A Keras model's architecture (its JSON) as a PyTorch module: what a PyTorch user writes for the same
network. Images are N,C,H,W in the channels_last memory format, which is PyTorch's fastest on CPUs. The
last softmax is left to the loss, as PyTorch's cross entropy wants it."""
import torch
from torch import nn

ACTIVATIONS = {"linear": nn.Identity, "relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


def same_padding(size, kernel, stride):
    missing = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(size, kernel, stride)]
    return [missing[1] // 2, missing[1] - missing[1] // 2, missing[0] // 2, missing[0] - missing[0] // 2]


def windowed(make, config, x, kernel, stride):
    """A layer with windows, behind a layer that pads where its own padding cannot."""
    if config["padding"] == "valid":
        return [make(0)]
    left, right, top, bottom = same_padding(x.shape[2:], kernel, stride)
    if (left, top) == (right, bottom):
        return [make((top, left))]
    return [nn.ZeroPad2d((left, right, top, bottom)), make(0)]


def layers_of(kind, c, x):
    """The PyTorch layers for one of Keras's, for an input like x."""
    if kind == "Conv2D":
        make = lambda padding: nn.Conv2d(x.shape[1], c["filters"], c["kernel_size"], c["strides"], padding,
                                         groups=c["groups"], bias=c["use_bias"])
        return windowed(make, c, x, c["kernel_size"], c["strides"])
    if kind in ("MaxPooling2D", "AveragePooling2D"):
        pool = {"M": nn.MaxPool2d, "A": nn.AvgPool2d}[kind[0]]
        return windowed(lambda padding: pool(c["pool_size"], c["strides"], padding), c, x, c["pool_size"], c["strides"])
    if kind == "Dense":
        return [nn.Linear(x.shape[1], c["units"], c["use_bias"])]
    if kind == "BatchNormalization":
        return [nn.BatchNorm2d(x.shape[1], c["epsilon"], 1 - c["momentum"])]
    if kind == "ZeroPadding2D":
        (top, bottom), (left, right) = c["padding"]
        return [nn.ZeroPad2d((left, right, top, bottom))]
    if kind == "GlobalAveragePooling2D":
        return [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    simple = {"Flatten": nn.Flatten, "ReLU": nn.ReLU, "Activation": nn.Identity}
    if kind == "Dropout":
        return [nn.Dropout(c["rate"])]
    if kind in simple:
        return [simple[kind]()]
    raise NotImplementedError("no PyTorch layer for Keras's " + kind)


class Net(nn.Module):
    """`steps` are (output, layer or None for a sum, inputs) by name."""

    def __init__(self, architecture, x):
        super().__init__()
        self.layers, self.steps, values = nn.ModuleDict(), [], {}
        layers, last = architecture["config"]["layers"], None
        for i, layer in enumerate(layers):
            kind, c = layer["class_name"], layer["config"]
            name = c["name"]
            if kind == "InputLayer":
                values[name] = x
            else:
                sources = sources_of(layer) or [last]
                values[name] = self.append(kind, c, sources, values, i == len(layers) - 1)
            last = name

    def append(self, kind, c, sources, values, is_last):
        x, name = values[sources[0]], c["name"].replace(".", "_")
        if kind == "Add":
            self.steps.append((c["name"], None, sources))
            return sum(values[s] for s in sources)
        chain = layers_of(kind, c, x)
        activation = c.get("activation") or "linear"
        if not (is_last and activation == "softmax") and activation != "linear":
            chain.append(ACTIVATIONS[activation]())
        self.layers[name] = nn.Sequential(*chain) if len(chain) > 1 else chain[0]
        self.steps.append((c["name"], name, sources))
        return self.layers[name](x)

    def forward(self, x):
        values = {self.steps[0][2][0]: x}
        for out, layer, sources in self.steps:
            parts = [values[s] for s in sources]
            values[out] = self.layers[layer](parts[0]) if layer else sum(parts[1:], parts[0])
        return values[self.steps[-1][0]]


def sources_of(layer):
    """Names of the layers that a functional model's layer reads."""
    found = []

    def visit(value):
        if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
            found.append(value["config"]["keras_history"][0])
        elif isinstance(value, dict):
            visit(list(value.values()))
        elif isinstance(value, list):
            for item in value:
                visit(item)

    visit(layer.get("inbound_nodes", []))
    return found


def optimizer_of(config, parameters):
    """The optimizer that the script compiles the model with."""
    kind, c = config["class_name"], config["config"]
    if kind == "Adam":
        return torch.optim.Adam(parameters, c["learning_rate"], (c["beta_1"], c["beta_2"]), c["epsilon"])
    if kind == "SGD":
        return torch.optim.SGD(parameters, c["learning_rate"], c["momentum"], nesterov=c["nesterov"])
    raise NotImplementedError("no PyTorch optimizer for Keras's " + kind)


def training_step(job, x, y, compiled):
    """A function of a tensor of positions that trains on those samples."""
    torch.set_num_threads(job["threads"])
    x = torch.tensor(x).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
    y = torch.tensor(y, dtype=torch.long)
    net = Net(job["architecture"]["model"], x[:2]).to(memory_format=torch.channels_last).train()
    optimizer = optimizer_of(job["architecture"]["optimizer"], net.parameters())
    call, loss_of = torch.compile(net) if compiled else net, nn.CrossEntropyLoss()

    def step(chosen):
        optimizer.zero_grad(set_to_none=True)
        loss_of(call(x[chosen]), y[chosen]).backward()
        optimizer.step()

    return torch.__version__, step
