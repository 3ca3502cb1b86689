"""Damages ONNX files where it hurts: mutate_onnx.py SEEDS OUT COUNT [SEED]. Each of the COUNT files in OUT is a file of
SEEDS with one to four changes that keep it a valid message: an input that is missing, another operator, a size of 0 or
of 2^31, an attribute of another kind, a constant where a value was. Random bits rarely get that far. The same files
every time."""
import glob
import os
import random
import sys

import onnx
from google.protobuf.message import DecodeError
from onnx import AttributeProto, TensorProto

SMALL = [0, 1, 2, 3, 5, 7, -1, -2]
SIZES = SMALL + [64, 4096, 65536, 1 << 20, (1 << 31) - 1, 1 << 31, 1 << 62, (1 << 63) - 1, -(1 << 63)]
KINDS = [TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL, TensorProto.UINT8, TensorProto.INT8,
         TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.STRING, TensorProto.INT4, TensorProto.BFLOAT16,
         TensorProto.UINT64, TensorProto.FLOAT8E4M3FN, TensorProto.UNDEFINED]
FLOATS = [0.0, -1.0, 0.5, 1e38, float("nan"), float("inf")]
TEXTS = [b"", b"SAME_UPPER", b"SAME_LOWER", b"VALID", b"linear", b"cubic", b"edge", b"wrap", b"none", b"mean", b"add",
         b"tf_crop_and_resize", b"ij,jk->ik", b"...i->i", b"x" * 300]
OPSETS = [1, 4, 6, 7, 8, 9, 10, 11, 12, 13, 15, 17, 18, 19, 21, 23, 25]
MOST_CHANGES = 4


class Change:
    """A model that is being changed, with what is chosen from."""

    def __init__(self, r, data, operators, attributes):
        self.r, self.operators, self.attributes = r, operators, attributes
        self.model = onnx.load_from_string(data)
        self.graphs = [self.model.graph]  # and those of If, Loop and Scan
        for graph in self.graphs:
            self.graphs += [a.g for n in graph.node for a in n.attribute if a.HasField("g")]
        self.bodies = [g for g in self.graphs + list(self.model.functions) if g.node]

    def pick(self, items):
        return self.r.choice(items) if items else None

    def place(self, items):
        return self.r.randrange(len(items))

    def nodes(self):
        body = self.pick(self.bodies)
        return list(body.node) if body else []

    def node(self):
        return self.pick(self.nodes())

    def attribute(self):
        return self.pick([a for n in self.nodes() for a in n.attribute])

    def name(self):
        return self.pick([name for n in self.nodes() for name in list(n.input) + list(n.output)])

    def tensor(self):
        nodes = [n for body in self.bodies for n in body.node]
        return self.pick([t for g in self.graphs for t in g.initializer] +
                         [a.t for n in nodes for a in n.attribute if a.HasField("t")])


# ---- nodes: what they take and give ---------------------------------------------------------------------------------

def forget_input(c):
    node = c.node()
    if node and node.input:
        node.input[c.place(node.input)] = ""


def drop_input(c):
    node = c.node()
    if node and node.input:
        del node.input[c.place(node.input):]


def add_input(c):
    node, name = c.node(), c.name()
    if node and name:
        node.input.append(name)


def swap_input(c):
    node, name = c.node(), c.name()
    if node and node.input and name:
        node.input[c.place(node.input)] = name


def change_outputs(c):
    node = c.node()
    if node and node.output and c.r.random() < 0.5:
        del node.output[c.place(node.output):]
    elif node:
        node.output.append("more")


def change_operator(c):
    node = c.node()
    if node:
        node.op_type, node.domain = c.r.choice(c.operators)


def repeat_node(c):
    """A node once more behind itself, of its own result: ranks and sizes grow."""
    body = c.pick(c.bodies)
    if not body:
        return
    k = c.place(body.node)
    old = body.node[k]
    if not old.input or not old.output:
        return
    made = type(old)()
    made.CopyFrom(old)
    result = old.output[0]
    old.output[0] = result + "/before"
    made.input[0] = old.output[0]
    body.node.insert(k + 1, made)


def give_node(c):
    """Any result of a node becomes one of the model."""
    name = c.name()
    if name:
        c.model.graph.output.append(onnx.ValueInfoProto(name=name))


# ---- attributes -----------------------------------------------------------------------------------------------------

def drop_attribute(c):
    node = c.pick([n for n in c.nodes() if n.attribute])
    if node:
        del node.attribute[c.place(node.attribute)]


def change_number(c):
    a = c.attribute()
    if a is None:
        return
    if a.ints:
        a.ints[c.place(a.ints)] = c.r.choice(SIZES)
    elif a.floats:
        a.floats[c.place(a.floats)] = c.r.choice(FLOATS)
    elif a.type == AttributeProto.INT:
        a.i = c.r.choice(SIZES)
    elif a.type == AttributeProto.FLOAT:
        a.f = c.r.choice(FLOATS)
    elif a.type == AttributeProto.STRING:
        a.s = c.r.choice(TEXTS)


def change_length(c):
    a = c.attribute()
    if a is None:
        return
    for values, value in ((a.ints, c.r.choice(SMALL)), (a.floats, 1.0), (a.strings, b"Relu")):
        if values and c.r.random() < 0.5:
            del values[c.place(values):]
        elif values:
            values.extend([value] * c.r.choice([1, 1, 2, 20]))


def change_kind(c):
    a = c.attribute()
    if a:
        a.type = c.r.choice([t for _, t in AttributeProto.AttributeType.items()])


def refer(c):
    a = c.attribute()
    if a:
        a.ref_attr_name = "alpha"


def add_attribute(c):
    """One that a node of this kind has in some seed, or that stands anywhere in this model."""
    node = c.node()
    if not node:
        return
    known = c.attributes.get(node.op_type)
    if known and c.r.random() < 0.7:
        node.attribute.add().ParseFromString(c.r.choice(known))
    elif c.attribute():
        node.attribute.append(c.attribute() or AttributeProto())


# ---- tensors --------------------------------------------------------------------------------------------------------

def change_type(c):
    t = c.tensor()
    if t:
        t.data_type = c.r.choice(KINDS)


def change_dims(c):
    t = c.tensor()
    if not t:
        return
    if t.dims and c.r.random() < 0.6:
        t.dims[c.place(t.dims)] = c.r.choice(SIZES)
    elif c.r.random() < 0.5:
        t.dims.insert(0, 1)
    else:
        t.ClearField("dims")


def empty_tensor(c):
    """No elements, and other sizes of any kind."""
    t = c.tensor()
    if t:
        name, kind = t.name, t.data_type
        t.Clear()
        t.name, t.data_type = name, kind
        t.dims.extend(c.r.choice(SIZES) for _ in range(c.r.randrange(4)))
        t.dims.insert(c.r.randrange(len(t.dims) + 1), 0)


def change_list(c):
    """Another list of integers, as shapes, axes and indices are."""
    t = c.tensor()
    if t:
        size = c.r.randrange(5)
        values = [c.r.choice(SMALL if c.r.random() < 0.8 else SIZES) for _ in range(size)]
        t.CopyFrom(onnx.helper.make_tensor(t.name, TensorProto.INT64, [size], values))


def change_element(c):
    """One number of a constant."""
    t = c.tensor()
    if not t or t.data_type != TensorProto.INT64 or not t.raw_data:
        return
    at = 8 * c.r.randrange(len(t.raw_data) // 8) if len(t.raw_data) >= 8 else 0
    number = c.r.choice(SIZES).to_bytes(8, "little", signed=True)
    t.raw_data = t.raw_data[:at] + number + t.raw_data[at + 8:]


# ---- inputs and outputs of graphs -----------------------------------------------------------------------------------

def port(c):
    return c.pick([p for g in c.graphs for p in list(g.input) * 2 + list(g.output)])


def change_port_type(c):
    p = port(c)
    if p:
        p.type.tensor_type.elem_type = c.r.choice(KINDS)


def change_port_rank(c):
    p = port(c)
    if not p:
        return
    dims = p.type.tensor_type.shape.dim
    if dims and c.r.random() < 0.5:
        del dims[c.place(dims)]
    else:
        dims.add().dim_value = c.r.choice(SIZES)


def change_port_size(c):
    p = port(c)
    if not p or not p.type.tensor_type.shape.dim:
        return
    dims = p.type.tensor_type.shape.dim
    dim = dims[c.place(dims) if c.r.random() < 0.6 else 0]
    if c.r.random() < 0.3:
        dim.dim_param = c.r.choice(["N", "M"])
    else:
        dim.dim_value = c.r.choice(SMALL if c.r.random() < 0.7 else SIZES)


def change_batch(c):
    """The first size of all inputs, so that they still agree."""
    for p in c.model.graph.input:
        for dim in list(p.type.tensor_type.shape.dim)[:1]:
            dim.dim_param = "N"


def drop_ports(c):
    graph = c.pick(c.graphs)
    ports = c.pick([graph.input, graph.output])
    if ports:
        del ports[c.place(ports)]


def sequence_port(c):
    """A sequence or an optional value where a tensor was."""
    p = c.pick(list(c.model.graph.input))
    if p:
        kind = p.type.tensor_type.elem_type
        p.type.Clear()
        made = c.r.choice([p.type.sequence_type, p.type.optional_type])
        made.elem_type.tensor_type.elem_type = kind


def know_input(c):
    """An input becomes a constant."""
    graph = c.pick(c.graphs)
    if not graph.input:
        return
    k = c.place(graph.input)
    kind = graph.input[k].type.tensor_type
    dims = [d.dim_value if 0 <= d.dim_value < 8 else 2 for d in kind.shape.dim]
    count = 1
    for d in dims:
        count *= d
    if count > 4096 or kind.elem_type not in KINDS[:6]:
        return
    values = [c.r.choice([0, 1] if kind.elem_type == TensorProto.BOOL else [0, 1, 1, 2, 3]) for _ in range(count)]
    graph.initializer.append(onnx.helper.make_tensor(graph.input[k].name, kind.elem_type, dims, values))
    if graph is c.model.graph:
        del graph.input[k]


def forget_constant(c):
    """A constant becomes an input."""
    graph = c.model.graph
    if graph.initializer:
        k = c.place(graph.initializer)
        t = graph.initializer[k]
        graph.input.append(onnx.helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)))
        del graph.initializer[k]


def change_opset(c):
    for opset in c.model.opset_import:
        opset.version = c.r.choice(OPSETS)


CHANGES = [forget_input, drop_input, add_input, swap_input, swap_input, change_outputs, change_operator, repeat_node,
           give_node, drop_attribute, change_number, change_number, change_length, change_kind, refer, add_attribute,
           add_attribute, change_type, change_dims, empty_tensor, change_list, change_element, change_port_type,
           change_port_rank, change_port_size, change_port_size, change_batch, drop_ports, sequence_port, know_input,
           know_input, forget_constant, change_opset]


def read_seeds(folder):
    """The seeds that the package reads, the operators in them, and the attributes of each operator."""
    found, operators, attributes = [], set(), {}
    for path in sorted(glob.glob(folder + "/*")):
        try:
            model = onnx.load_model(path, load_external_data=False)
        except DecodeError:
            continue
        found.append(model.SerializeToString())
        for node in model.graph.node:
            operators.add((node.op_type, node.domain))
            attributes.setdefault(node.op_type, set()).update(a.SerializeToString() for a in node.attribute)
    return found, sorted(operators), {op: sorted(known) for op, known in attributes.items()}


def main():
    seeds, out, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    r = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
    os.makedirs(out, exist_ok=True)
    models, operators, attributes = read_seeds(seeds)
    for k in range(count):
        c = Change(r, r.choice(models), operators, attributes)
        for _ in range(r.randrange(1, MOST_CHANGES + 1)):
            try:
                r.choice(CHANGES)(c)
            except (ValueError, TypeError):  # the package refuses some of them
                continue
        with open(os.path.join(out, f"{k:06}"), "wb") as f:
            f.write(c.model.SerializeToString())


main()
