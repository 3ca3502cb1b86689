"""An ONNX file in the form that inference engines run best: images as N,C,H,W from the input to the
classifier, no transposes, normalisation in convolutions, padding in what follows it.

`lathe convert` writes Keras's layout, N,H,W,C, with transposes around the operations that ONNX has for
the other one only. `clean` turns that graph, or anybody's, into the one that a PyTorch user exports.
"""
import numpy as np
import onnx
from onnx import helper, numpy_helper

TO_NCHW, TO_NHWC = [0, 3, 1, 2], [0, 2, 3, 1]
AXIS = {0: 0, 1: 2, 2: 3, 3: 1, -1: 1, -2: 3, -3: 2, -4: 0}  # of N,H,W,C in N,C,H,W
ELEMENTWISE = {"Add", "Sub", "Mul", "Div", "Pow", "Relu", "Clip", "Tanh", "Sigmoid", "Identity"}


class Node:
    def __init__(self, op, inputs, outputs, attrs):
        self.op, self.inputs, self.outputs, self.attrs = op, list(inputs), list(outputs), dict(attrs)


class Graph:
    """Nodes in order, constants by name, one input of a fixed batch and one output."""

    def __init__(self, path, batch):
        model = onnx.load(path)
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = batch
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
        g = model.graph
        self.constants = {t.name: numpy_helper.to_array(t) for t in g.initializer}
        self.shapes = {v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim)
                       for v in [*g.value_info, *g.input, *g.output]}
        self.input = next(v.name for v in g.input if v.name not in self.constants)
        self.output = g.output[0].name
        self.nodes = []
        for n in g.node:
            attrs = {a.name: helper.get_attribute_value(a) for a in n.attribute}
            if n.op_type == "Constant":
                self.constants[n.output[0]] = numpy_helper.to_array(attrs["value"])
            else:
                self.nodes.append(Node(n.op_type, n.input, n.output, attrs))

    def constant(self, value, name="constant"):
        name = "%s.%d" % (name, len(self.constants))
        self.constants[name] = np.asarray(value)
        return name

    def readers(self, name):
        return [n for n in self.nodes if name in n.inputs]

    def only_reader(self, name):
        readers = self.readers(name)
        return readers[0] if len(readers) == 1 and name != self.output else None

    def maker(self, name):
        return next((n for n in self.nodes if name in n.outputs), None)

    def replace(self, old, new):
        """Every reader of `old` reads `new`."""
        for n in self.nodes:
            n.inputs = [new if i == old else i for i in n.inputs]

    def pads(self, node):
        """The padding of a Pad with zeros as [before..., after...], else None."""
        if node.attrs.get("mode", b"constant") != b"constant" or len(node.inputs) > 3 and node.inputs[3]:
            return None
        if len(node.inputs) > 2 and node.inputs[2] and self.constants[node.inputs[2]].any():
            return None
        return [int(p) for p in self.constants[node.inputs[1]]]

    def save(self, path):
        used = {i for n in self.nodes for i in n.inputs}
        initializers = [numpy_helper.from_array(np.ascontiguousarray(v), k)
                        for k, v in self.constants.items() if k in used]
        value = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, self.shapes[name])
                 for name in (self.input, self.output)]
        nodes = [helper.make_node(n.op, n.inputs, n.outputs, **n.attrs) for n in self.nodes]
        graph = helper.make_graph(nodes, "net", [value[0]], [value[1]], initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(model, path)


def clean(path, batch, channels_last):
    """The graph of an ONNX file whose images are N,H,W,C or N,C,H,W, rewritten."""
    g = Graph(path, batch)
    Layout(g, channels_last).run()
    for step in (drop_identities, join_padding, fold_normalization, make_gemm):
        step(g)
    return g


class Layout:
    """Holds every image as N,C,H,W. `held` are tensors of the file's graph that are N,H,W,C there;
    `flat` are flattened ones, whose elements are now in the order of C,H,W, with those sizes."""

    def __init__(self, g, channels_last):
        self.g, self.held, self.flat, self.alias = g, {g.input} if channels_last else set(), {}, {}

    def run(self):
        g = self.g
        nodes, g.nodes = g.nodes, []
        for node in nodes:
            self.visit(node)
        if g.input in self.held:
            g.shapes[g.input] = tuple(g.shapes[g.input][i] for i in TO_NCHW)

    def visit(self, node):
        g, held = self.g, [i in self.held for i in node.inputs]
        perm = node.attrs.get("perm")
        if node.op == "Transpose" and perm in (TO_NCHW, TO_NHWC):
            assert held[0] == (perm == TO_NCHW)
            self.alias[node.outputs[0]] = self.alias.get(node.inputs[0], node.inputs[0])
            if perm == TO_NHWC:
                self.held.add(node.outputs[0])
            return
        flat = next((self.flat[i] for i in node.inputs if i in self.flat), None)
        if any(held):
            self.rewrite_held(node)
        elif flat and node.op in ("MatMul", "Gemm"):
            self.permute_rows(node, flat)
        elif flat and node.op in ELEMENTWISE:
            self.flat[node.outputs[0]] = flat
        elif flat:
            raise NotImplementedError("%s of flattened images" % node.op)
        node.inputs = [self.alias.get(i, i) for i in node.inputs]
        g.nodes.append(node)

    def rewrite_held(self, node):
        g, out = self.g, node.outputs[0]
        if node.op in ("Flatten", "Reshape") and len(g.shapes[out]) == 2:
            n, h, w, c = g.shapes[node.inputs[0]]
            assert g.shapes[out][1] == h * w * c
            self.flat[out] = (c, h, w)
            return
        if node.op in ELEMENTWISE and all(
                i in self.held or i in g.constants or not i for i in node.inputs):
            node.inputs = [self.channels_first(i) for i in node.inputs]
        elif node.op == "Pad":
            before, after = np.split(g.constants[node.inputs[1]], 2)
            node.inputs[1] = g.constant(np.concatenate([before[TO_NCHW], after[TO_NCHW]]))
        elif node.op == "Concat":
            node.attrs["axis"] = AXIS[node.attrs["axis"]]
        elif node.op == "Slice":
            node.inputs[3] = g.constant(np.array([AXIS[int(a)] for a in g.constants[node.inputs[3]]]))
        else:
            raise NotImplementedError("%s of images as N,H,W,C" % node.op)
        self.held.add(out)

    def channels_first(self, name):
        """A constant beside images, with their axes."""
        value = self.g.constants.get(name)
        if value is None or value.ndim == 0 or value.size == 1:
            return name
        value = value.reshape((1,) * (4 - value.ndim) + value.shape)
        return self.g.constant(value.transpose(TO_NCHW), name)

    def permute_rows(self, node, sizes):
        """The rows of a dense layer's weights in the order of C,H,W."""
        c, h, w = sizes
        weights = self.g.constants[node.inputs[1]]
        if not (node.op == "Gemm" and node.attrs.get("transB")):
            weights = weights.reshape(h, w, c, -1).transpose(2, 0, 1, 3).reshape(h * w * c, -1)
        else:
            weights = weights.reshape(-1, h, w, c).transpose(0, 3, 1, 2).reshape(-1, h * w * c)
        node.inputs[1] = self.g.constant(weights, node.inputs[1])


def drop_identities(g):
    same = lambda n: n.op == "Reshape" and g.shapes[n.inputs[0]] == g.shapes[n.outputs[0]]
    for node in [n for n in g.nodes if n.op in ("Identity", "Dropout") or same(n)]:
        maker = g.maker(node.inputs[0])
        if node.outputs[0] == g.output:
            g.replace(node.inputs[0], g.output)
            maker.outputs = [g.output]
        else:
            g.replace(node.outputs[0], node.inputs[0])
        g.nodes.remove(node)


def join_padding(g):
    """Zeros around images become padding of the convolution that reads them, and of the pooling if no
    value is negative: the largest of a window is the same then."""
    for node in [n for n in g.nodes if n.op == "Pad"]:
        pads, reader = g.pads(node), g.only_reader(node.outputs[0])
        if pads is None or len(pads) != 8 or pads[0] or pads[1] or pads[4] or pads[5] or reader is None:
            continue
        maker = g.maker(node.inputs[0])
        if reader.op == "MaxPool" and (maker is None or maker.op != "Relu"):
            continue
        if reader.op not in ("Conv", "MaxPool") or reader.attrs.get("auto_pad", b"NOTSET") != b"NOTSET":
            continue
        own = reader.attrs.get("pads", [0, 0, 0, 0])
        reader.attrs["pads"] = [a + b for a, b in zip(own, pads[2:4] + pads[6:8])]
        reader.inputs = [node.inputs[0] if i == node.outputs[0] else i for i in reader.inputs]
        g.nodes.remove(node)


def fold_normalization(g):
    """A normalisation right behind a convolution becomes part of its weights."""
    for node in [n for n in g.nodes if n.op == "BatchNormalization"]:
        conv = g.maker(node.inputs[0])
        if conv is None or conv.op != "Conv" or g.only_reader(node.inputs[0]) is not node:
            continue
        gamma, beta, mean, variance = (g.constants[i].astype(np.float64) for i in node.inputs[1:5])
        scale = gamma / np.sqrt(variance + node.attrs.get("epsilon", 1e-5))
        kernel = g.constants[conv.inputs[1]].astype(np.float64)
        bias = g.constants[conv.inputs[2]].astype(np.float64) if len(conv.inputs) > 2 else 0
        conv.inputs[1:] = [g.constant((kernel * scale.reshape(-1, 1, 1, 1)).astype(np.float32), "kernel"),
                           g.constant(((bias - mean) * scale + beta).astype(np.float32), "bias")]
        conv.outputs = node.outputs
        g.nodes.remove(node)


def make_gemm(g):
    for node in [n for n in g.nodes if n.op == "MatMul"]:
        add = g.only_reader(node.outputs[0])
        if add is None or add.op != "Add" or node.inputs[1] not in g.constants:
            continue
        bias = next((i for i in add.inputs if i in g.constants), None)
        if bias is None:
            continue
        node.op, node.inputs, node.outputs = "Gemm", node.inputs + [bias], add.outputs
        g.nodes.remove(add)


def with_lrn(g):
    """Turns x / (bias + alpha * (squares of 5 neighbours)) ** beta into ONNX's one operation. True if
    there was any."""
    found = False
    for node in [n for n in g.nodes if n.op == "Div"]:
        x, power = node.inputs[0], g.maker(node.inputs[1])
        if power is None or power.op != "Pow":
            continue
        shifted = g.maker(power.inputs[0])
        scaled = g.maker(next(i for i in shifted.inputs if i not in g.constants))
        number = [float(g.constants[next(i for i in n.inputs if i in g.constants)])
                  for n in (power, shifted, scaled)]
        slices = sum(n.op == "Slice" for n in chain(g, scaled, x))
        inner = [n for n in chain(g, scaled, x)] + [power, shifted]
        g.nodes[g.nodes.index(node)] = Node("LRN", [x], node.outputs, {
            "size": slices, "alpha": number[2] * slices, "beta": number[0], "bias": number[1]})
        g.nodes = [n for n in g.nodes if n not in inner]
        found = True
    return found


def chain(g, last, first):
    """The nodes between the value `first` and the node `last`, that one among them."""
    found, waiting = [], [last]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in found:
            found.append(node)
            waiting += [g.maker(i) for i in node.inputs if i != first and i not in g.constants]
    return found
