# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The custom cell of the Keras RNN documentation, registered so that a model file can name it."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="rnnserve", name="MinimalRNNCell")
class MinimalRNNCell(keras.Layer):
    """The cell as documented by keras.layers.RNN, plus get_config, which saving requires."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units), initializer="uniform", name="kernel"
        )
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, self.units), initializer="uniform", name="recurrent_kernel"
        )

    def call(self, inputs, states):
        prev_output = states[0]
        h = ops.matmul(inputs, self.kernel)
        output = h + ops.matmul(prev_output, self.recurrent_kernel)
        return output, [output]

    def get_config(self):
        return {**super().get_config(), "units": self.units}
