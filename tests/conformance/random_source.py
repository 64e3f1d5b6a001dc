# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The random choices behind models and calls."""

import zlib

import numpy as np
from reference import keras

# These are small numbers, powers of two, and the numbers next to the widths of vectors (4, 8, 16
# floats).
SMALL_SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 16, 17)
LARGE_SIZES = (23, 24, 31, 32, 33, 47, 63, 64, 65, 96, 100, 127, 128, 129, 200, 255, 256)


def random_weights(model):
    """Returns the weights except those that adapt() computes; their layers keep copies of these."""
    adapted = {
        id(weight)
        for layer in model._flatten_layers()
        if hasattr(layer, "adapt")
        for weight in layer.weights
    }
    return [weight for weight in model.weights if id(weight) not in adapted]


class Random:
    """A stream of random choices that depends on its name only; `tiny`: no size is above 5."""

    def __init__(self, *name, tiny=False):
        self.tiny = tiny
        self._generator = np.random.default_rng([zlib.crc32(str(part).encode()) for part in name])

    def choice(self, options):
        options = list(options)
        return options[self._generator.integers(len(options))]

    def chance(self, probability=0.5):
        return bool(self._generator.random() < probability)

    def integer(self, low, high):
        """Returns an integer in [low, high]."""
        return int(self._generator.integers(low, high + 1))

    def size(self, large=0.06):
        """Returns a number of units or features, 1 to 256, mostly small."""
        if self.tiny:
            return self.small_size()
        return self.choice(LARGE_SIZES if self.chance(large) else SMALL_SIZES)

    def small_size(self):
        return self.choice(SMALL_SIZES[: 5 if self.tiny else 8])

    def sample(self, options, count):
        picked = self._generator.choice(len(options), count, replace=False)
        return [options[i] for i in picked]

    def normal(self, shape, scale=1.0):
        return self._generator.normal(0.0, scale, shape).astype(np.float32)

    def uniform(self, shape, low, high):
        return self._generator.uniform(low, high, shape).astype(np.float32)

    def integers(self, shape, limit):
        return self._generator.integers(0, limit, shape).astype(np.int32)

    def mask(self, batch, time, may_mask_all=True):
        """Returns [batch, time] with rows padded right, left, both, with holes, all masked,
        unmasked."""
        mask = np.stack([self._mask_row(time, may_mask_all) for _ in range(batch)])
        return mask.astype(bool)

    def _mask_row(self, time, may_mask_all):
        kind = self.choice(["right", "left", "both", "holes", "all", "none"])
        first, last = sorted(self.integer(0, time) for _ in range(2))
        row = np.ones(time, bool)
        if kind in ("left", "both"):
            row[:first] = False
        if kind in ("right", "both"):
            row[last:] = False
        if kind == "holes":
            row = self._generator.random(time) < 0.6
        if kind == "all":
            row[:] = False
        if not may_mask_all and not row.any():
            row[self.integer(0, time - 1)] = True
        return row

    def cuts(self, time):
        """Returns lengths that add up to `time`."""
        lengths = []
        while sum(lengths) < time:
            lengths.append(self.integer(1, time - sum(lengths)))
        return lengths

    def sequential(self, layers, shape, dtype="float32", batch_size=None):
        """Returns a Sequential model of the layers with random weights."""
        entry = keras.Input(shape, batch_size=batch_size, dtype=dtype)
        return self.fill(keras.Sequential([entry, *layers]))

    def functional(self, inputs, outputs):
        return self.fill(keras.Model(inputs, outputs))

    def fill(self, model):
        """Sets random weights that keep numbers near one; no bias is zero."""
        for weight in random_weights(model):
            weight.assign(self._weight(weight.path.split("/")[-1], weight.shape))
        return model

    def _weight(self, name, shape):
        if name in ("gamma", "scale", "moving_variance"):
            return self.uniform(shape, 0.5, 1.5)
        if name == "embeddings":
            return self.normal(shape)
        if name == "alpha":
            return self.uniform(shape, 0.0, 0.5)
        if "bias" in name or name in ("beta", "moving_mean"):
            return self.normal(shape, 0.3)
        if "kernel" in name:
            fan_in = max(1, int(np.prod(shape[:-1])))
            return self.normal(shape, 1.0 / np.sqrt(fan_in))
        if name == "rnn_state":
            return np.zeros(shape, np.float32)
        raise ValueError(f"no rule for weights named '{name}'")
