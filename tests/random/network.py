"""A drawn network as data: calls of layers and operations on tensors, outputs with losses, an optimizer.
It prints as the Keras script that both systems read; reduce.py makes it smaller."""
import copy
from dataclasses import dataclass, field


@dataclass
class Call:
    """One tensor: `text` is "Input", a layer's class ("Conv2D"), or an expression with {0} for its first
    operand and {name} for its argument `name`. A layer with `shares` uses the layer of that earlier call."""
    text: str
    args: dict = field(default_factory=dict)
    inputs: list = field(default_factory=list)  # positions of earlier calls
    shares: int = None
    shape: tuple = None  # of a sample

    @property
    def is_layer(self):
        return "{" not in self.text


@dataclass
class Output:
    call: int
    loss: str = None
    weight: float = None
    metric: str = None


@dataclass
class Network:
    seed: int
    kernels: int  # for --kernels random:
    calls: list = field(default_factory=list)
    outputs: list = field(default_factory=list)
    optimizer: str = "SGD"
    optimizer_args: dict = field(default_factory=dict)
    batch: int = 2
    short: int = 0  # samples that the last step has less
    weighted: bool = False  # samples have weights

    def copy(self):
        return copy.deepcopy(self)

    # -- structure ----------------------------------------------------------------------------

    def used(self):
        """The positions of the calls that reach an output."""
        found = set()
        todo = [o.call for o in self.outputs]
        while todo:
            i = todo.pop()
            if i not in found:
                found.add(i)
                todo += self.calls[i].inputs
        return sorted(found)

    def inputs(self):
        return [i for i in self.used() if self.calls[i].text == "Input"]

    def without_unused(self):
        """The same network without calls that reach no output."""
        kept = self.used()
        new = {old: i for i, old in enumerate(kept)}
        small = self.copy()
        small.calls = [small.calls[i] for i in kept]
        for call in small.calls:
            if call.shares is not None and call.shares not in new:
                call.shares, call.args = None, dict(self.calls[call.shares].args)
            elif call.shares is not None:
                call.shares = new[call.shares]
            call.inputs = [new[i] for i in call.inputs]
        for output in small.outputs:
            output.call = new[output.call]
        return small

    # -- text ---------------------------------------------------------------------------------

    def script(self):
        lines = ["import keras", "from keras import layers, ops, regularizers", ""]
        shared = {c.shares for c in self.calls if c.shares is not None}
        for i, call in enumerate(self.calls):
            lines += self._lines(i, call, i in shared)
        inputs = ["x%d" % i for i in self.inputs()]
        outputs = ["x%d" % o.call for o in self.outputs]
        lines.append("model = keras.Model(%s, %s)" % (_one_or_list(inputs), _one_or_list(outputs)))
        lines += self._compile()
        return "\n".join(lines) + "\n"

    def _lines(self, i, call, is_shared):
        operands = ["x%d" % k for k in call.inputs]
        if call.text == "Input":
            return ["x%d = layers.Input(%s, name='input%d')" % (i, call.args["shape"], i)]
        if not call.is_layer:
            values = {name: _text(value) for name, value in call.args.items()}
            return ["x%d = %s" % (i, call.text.format(*operands, **values))]
        operand = _one_or_list(operands)
        if call.shares is not None:
            return ["x%d = layer%d(%s)" % (i, call.shares, operand)]
        made = "layers.%s(%s)" % (call.text, _arguments(call.args))
        if is_shared:
            return ["layer%d = %s" % (i, made), "x%d = layer%d(%s)" % (i, i, operand)]
        return ["x%d = %s(%s)" % (i, made, operand)]

    def _compile(self):
        losses = [o.loss for o in self.outputs]
        weights = [o.weight for o in self.outputs]
        metrics = [o.metric and [o.metric] for o in self.outputs]
        args = {"loss": _one_or_list([l or "None" for l in losses])}
        if any(w is not None for w in weights):
            args["loss_weights"] = [1.0 if w is None and l else w for w, l in zip(weights, losses)]
        if any(metrics):
            args["metrics"] = metrics if len(metrics) > 1 else metrics[0]
        return ["model.compile(keras.optimizers.%s(%s)," % (self.optimizer, _arguments(self.optimizer_args)),
                "              %s)" % ", ".join("%s=%s" % (k, v) for k, v in args.items())]


class Text(str):
    """An argument that is a piece of the script, not a string."""


def _text(value):
    return str(value) if isinstance(value, Text) else repr(value)


def _arguments(args):
    return ", ".join("%s=%s" % (name, _text(value)) for name, value in args.items())


def _one_or_list(texts):
    return texts[0] if len(texts) == 1 else "[%s]" % ", ".join(texts)
