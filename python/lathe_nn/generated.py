"""The files that `lathe compile` writes for one model, and the library made of them."""
from __future__ import annotations

import os
import re
import shutil
import tempfile
import weakref
import numpy as np

from . import abi
from .errors import LatheError
from .toolchain import compile_library, lathe


def symbol_of(name: str) -> str:
    """A file name that is a C name as it stands: lathe names the model's symbols after its file."""
    symbol = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "model"
    return symbol if symbol[0].isalpha() else "model_" + symbol


class Generated:
    """What lathe wrote for a model: NAME.c, NAME.h and, for larger networks, NAME.weights, in a folder
    that lives as long as this object."""

    def __init__(self, model: str, *options: object):
        """Runs `lathe compile MODEL options`. Raises LatheError with lathe's message."""
        own = tempfile.mkdtemp(prefix="lathe-")
        weakref.finalize(self, shutil.rmtree, own, ignore_errors=True)
        self.folder = os.path.join(own, "generated")
        lathe("compile", model, "-o", self.folder, *options)
        sources = [name for name in os.listdir(self.folder) if name.endswith(".c")]
        if len(sources) != 1:
            raise LatheError("lathe compile wrote %s, not one C file" % sources)
        self.source = os.path.join(self.folder, sources[0])
        self.name = sources[0][:-2]

    def library(self) -> str:
        """The path of the compiled library. Raises LatheError with the C compiler's message."""
        return compile_library(self.source)

    def text(self) -> str:
        """The C."""
        with open(self.source, encoding="utf-8") as f:
            return f.read()

    def code(self) -> str:
        """The C without what follows from the weights: their image, and the self-test's values."""
        text = re.sub(r"(_image = \{\{\n#endif\n).*?(\}\};)", r"\1\2", self.text(), flags=re.S)
        return re.sub(r"(static const float expected\[\] = )\{[^}]*\}", r"\1", text)

    def image(self) -> np.ndarray:
        """The weights image: the file beside the C, or the words inside it."""
        path = self.source[:-2] + ".weights"
        if os.path.exists(path):
            return abi.read_image(path)
        words = re.search(r"_image = \{\{\n#endif\n(.*?)\}\};", self.text(), re.S)
        if not words:
            raise LatheError("%s has no weights" % self.source)
        values = np.array([int(word, 16) for word in re.findall(r"0x([0-9a-f]+)u", words.group(1))], "<u4")
        image = abi.aligned(values.nbytes, 64)
        image[:] = values.view(np.uint8)
        return image

    def predictor(self) -> abi.Predictor:
        """The compiled inference functions with the weights that lathe wrote."""
        return abi.Predictor(self.library(), self.name, self.image())

    def trainer(self) -> abi.Trainer:
        """The compiled training functions."""
        return abi.Trainer(self.library(), self.name)
