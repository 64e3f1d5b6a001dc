# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The cell of core/cells/examples/adaptive_leaky_cell.cc, and a layer that passes it its constant.

The documentation of keras.layers.RNN lets a layer pass `constants` to its cell. Keras 3 itself no
longer does, so the layer here does. rnnserve knows it as rnnserve>RNN.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="rnnserve", name="AdaptiveLeakyCell")
class AdaptiveLeakyCell(keras.Layer):
    """Leaky integrators with an adaptive threshold (Bellec et al., 2018); see the C++ file."""

    constants = ()  # The gain, [batch, units], set by RNN below.

    def __init__(self, units, leak=0.9, decay=0.97, strength=1.8, threshold=0.5, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.leak = leak
        self.decay = decay
        self.strength = strength
        self.threshold = threshold
        self.state_size = [units, units]
        self.output_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units), initializer="glorot_uniform", name="kernel"
        )
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, self.units), initializer="orthogonal", name="recurrent_kernel"
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def get_initial_state(self, batch_size=None):
        shape = (batch_size, self.units)
        return [ops.zeros(shape), ops.full(shape, self.threshold, dtype="float32")]

    def call(self, inputs, states):
        (gain,) = self.constants
        v, a = states
        rate = ops.sigmoid(v - a)
        drive = gain * ops.matmul(inputs, self.kernel)
        drive += ops.matmul(rate, self.recurrent_kernel) + self.bias
        v = self.leak * v + (1 - self.leak) * drive
        a = (
            self.threshold
            + self.decay * (a - self.threshold)
            + (1 - self.decay) * self.strength * rate
        )
        return ops.sigmoid(v - a), [v, a]

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "leak": self.leak,
            "decay": self.decay,
            "strength": self.strength,
            "threshold": self.threshold,
        }


@keras.saving.register_keras_serializable(package="rnnserve", name="RNN")
class RNN(keras.layers.RNN):
    """keras.layers.RNN with the documented `constants`: tensors that every timestep of a call gets.

    A layer called with constants or an initial state does not get the mask of its input; pass
    `mask`.
    """

    def call(self, sequences, initial_state=None, mask=None, training=False, constants=()):
        self.cell.constants = tuple(constants)
        try:
            return super().call(
                sequences, initial_state=initial_state, mask=mask, training=training
            )
        finally:
            self.cell.constants = ()
