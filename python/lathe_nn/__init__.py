"""lathe turns neural networks into C. From Python:

    lathe_nn.accelerate(model)        a live Keras 3 model's fit, evaluate and predict run in C
    net = lathe_nn.compile(model)     a model or model file as a function: net(x)

Both run `lathe` and a C compiler; what they compiled is kept in ~/.cache/lathe."""
from .errors import FallbackWarning, LatheError
from .net import Net, compile

__all__ = ["FallbackWarning", "LatheError", "Net", "accelerate", "compile", "restore"]
__version__ = "0.1.0"


def __getattr__(name: str):
    # Keras is imported only by what needs it: compile works on files without it.
    if name in ("accelerate", "restore"):
        from . import accelerated
        return getattr(accelerated, name)
    raise AttributeError("module %r has no attribute %r" % (__name__, name))
