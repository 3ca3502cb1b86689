"""Philox4x32-10 in numpy: lathe's dropout masks, computed from their definition.

Written from the generator's published definition, not from lathe's source, so that the two are
independent.
"""
import numpy as np

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = 0x9E3779B9, 0xBB67AE85
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


def philox(counter, key):
    """Four words for each counter: `counter` is four arrays (or numbers) of 32-bit words."""
    c = [np.asarray(x, dtype=np.uint64) for x in counter]
    k0, k1 = int(key[0]), int(key[1])
    for _ in range(10):
        p0, p1 = _M0 * c[0], _M1 * c[2]
        c = [(p1 >> _SHIFT) ^ c[1] ^ np.uint64(k0), p1 & _LOW,
             (p0 >> _SHIFT) ^ c[3] ^ np.uint64(k1), p0 & _LOW]
        k0, k1 = (k0 + _W0) & 0xFFFFFFFF, (k1 + _W1) & 0xFFFFFFFF
    return [x.astype(np.uint32) for x in np.broadcast_arrays(*c)]


def dropout_mask(shape, rate, stream, seed, step, first_sample):
    """What dropout multiplies a batch of `shape` (batch first) by: 0 or 1 / (1 - rate)."""
    samples, elements = shape[0], int(np.prod(shape[1:]))
    blocks = np.arange((elements + 3) // 4)
    ids = (first_sample + np.arange(samples)) & 0xFFFFFFFF
    words = philox((blocks[None, :], ids[:, None], step & 0xFFFFFFFF, seed >> 32),
                   (seed & 0xFFFFFFFF, stream))
    words = np.stack(words, axis=-1).reshape(samples, -1)[:, :elements]
    # The rate is a float of the graph: its threshold comes from that float, not from the decimal.
    rate = np.float32(rate)
    keep = words >= np.uint32(np.floor(float(rate) * 2.0 ** 32))
    scale = np.float32(1) / (np.float32(1) - rate)
    return np.where(keep, scale, np.float32(0)).astype(np.float32).reshape(shape)
