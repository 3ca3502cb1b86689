"""lathe turns neural networks into C. From Python:

    lathe_nn.accelerate(model)        a live Keras 3 model's fit, evaluate and predict run in C
    net = lathe_nn.compile(model)     a model or model file as a function: net(x)

Both run `lathe` and a C compiler; what they compiled is kept in ~/.cache/lathe."""
from .errors import FallbackWarning, LatheError
from .net import Net, compile

__all__ = ["FallbackWarning", "LatheError", "Net", "compile"]
__version__ = "0.1.0"
