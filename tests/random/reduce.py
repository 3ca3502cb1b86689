"""Makes a failing network smaller while it fails in the same stage: outputs, calls, arguments and sizes go one
after the other, until nothing more can go."""
import time

from network import Call

SECONDS = 900


def reduce(net, fails, seconds=SECONDS):
    """`fails(net)` says whether a network still fails so; one that no system takes does not."""
    end = time.time() + seconds
    shrunk = True
    while shrunk and time.time() < end:
        shrunk = False
        for smaller in candidates(net):
            if time.time() > end:
                break
            if fails(smaller):
                net, shrunk = smaller, True
                break
    return net


def candidates(net):
    """Smaller networks, those with most removed first."""
    for change in (outputs, cuts, bypasses, arguments, training, sizes):
        for smaller in change(net):
            yield smaller.without_unused()


def outputs(net):
    for i in range(len(net.outputs)):
        if len(net.outputs) > 1:
            smaller = net.copy()
            del smaller.outputs[i]
            yield smaller


def cuts(net):
    """A call becomes an input of its shape."""
    for i in reversed(net.used()):
        if net.calls[i].text != "Input" and not any(o.call == i for o in net.outputs):
            smaller = net.copy()
            smaller.calls[i] = Call("Input", {"shape": net.calls[i].shape}, shape=net.calls[i].shape)
            for call in smaller.calls:
                if call.shares == i:
                    call.shares, call.args = None, dict(net.calls[i].args)
            yield smaller


def bypasses(net):
    """A call's operand stands for its result."""
    for i in reversed(net.used()):
        for operand in net.calls[i].inputs:
            smaller = net.copy()
            for call in smaller.calls:
                call.inputs = [operand if k == i else k for k in call.inputs]
            for output in smaller.outputs:
                output.call = operand if output.call == i else output.call
            yield smaller


def arguments(net):
    for i, call in enumerate(net.calls):
        if call.shares is not None:
            smaller = net.copy()
            smaller.calls[i].shares, smaller.calls[i].args = None, dict(net.calls[call.shares].args)
            yield smaller
        for name in call.args if call.is_layer and call.text != "Input" else ():
            smaller = net.copy()
            del smaller.calls[i].args[name]
            yield smaller


def training(net):
    simple = {"optimizer": "SGD", "optimizer_args": {}, "batch": 1, "short": 0, "weighted": False}
    for name, value in simple.items():
        if getattr(net, name) != value:
            smaller = net.copy()
            setattr(smaller, name, value)
            yield smaller
    if net.short:
        smaller = net.copy()
        smaller.batch, smaller.short = net.batch - net.short, 0
        yield smaller
    for name in net.optimizer_args:
        smaller = net.copy()
        del smaller.optimizer_args[name]
        yield smaller
    for i, output in enumerate(net.outputs):
        for name in ("weight", "metric", "loss"):
            if getattr(output, name) is not None:
                smaller = net.copy()
                setattr(smaller.outputs[i], name, None)
                yield smaller
        if output.loss not in (None, "'mse'"):
            smaller = net.copy()
            smaller.outputs[i].loss, smaller.outputs[i].metric = "'mse'", None
            yield smaller


def sizes(net):
    for batch in {1, net.batch // 2, net.batch - 1} - {0, net.batch}:
        smaller = net.copy()
        smaller.batch, smaller.short = batch, min(net.short, batch - 1)
        yield smaller
    for i, call in enumerate(net.calls):
        for name, value in call.args.items():
            for less in smaller_values(value):
                smaller = net.copy()
                smaller.calls[i].args[name] = less
                if call.text == "Input":
                    smaller.calls[i].shape = less
                yield smaller


def smaller_values(value):
    if isinstance(value, bool) or not isinstance(value, (int, tuple)):
        return
    if isinstance(value, int):
        yield from sorted({1, value // 2, value - 1} - {0, value}) if value > 1 else ()
        return
    for k, one in enumerate(value):
        if isinstance(one, int):
            for less in smaller_values(one):
                yield value[:k] + (less,) + value[k + 1:]
