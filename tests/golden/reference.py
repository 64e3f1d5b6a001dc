# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs a Keras model layer by layer, with masks and initial states, and returns final states too.

Keras does all the arithmetic and all the mask propagation. This file only gives access to something
that a Sequential model hides: the initial and final states of its recurrent layers.
"""

import os
import warnings

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # The same summation order on every CPU.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# E402: the environment above must be set first.
import keras  # noqa: E402
import numpy as np  # noqa: E402
from adaptive_leaky_cell import AdaptiveLeakyCell  # noqa: E402
from keras.src.backend.common.masking import get_keras_mask, set_keras_mask  # noqa: E402
from keras.src.layers.rnn.conv_lstm import ConvLSTMCell  # noqa: E402

# Keras warns when a model or an Embedding loses the mask that it is called with. Neither is meant to
# pass the mask on.
warnings.filterwarnings("ignore", message=".*destroy the mask information")


TWO_STATE_CELLS = (keras.layers.LSTMCell, ConvLSTMCell)


def is_recurrent(layer):
    return isinstance(layer, (keras.layers.RNN, keras.layers.Bidirectional))


def zero_states(layer, batch_size):
    """Returns the layer's initial states in the nesting that Keras expects."""
    if isinstance(layer, keras.layers.Bidirectional):
        halves = (layer.forward_layer, layer.backward_layer)
        return [state for half in halves for state in zero_states(half, batch_size)]
    return layer.get_initial_state(batch_size)


def state_names(layer):
    """Returns names in flattened order: h, c; 0/h in a stack; forward/h, backward/h in a pair."""
    if isinstance(layer, keras.layers.Bidirectional):
        halves = (("forward", layer.forward_layer), ("backward", layer.backward_layer))
        return [f"{prefix}/{name}" for prefix, half in halves for name in state_names(half)]
    return cell_state_names(layer.cell)


def cell_state_names(cell):
    if isinstance(cell, keras.layers.StackedRNNCells):
        return [f"{i}/{n}" for i, inner in enumerate(cell.cells) for n in cell_state_names(inner)]
    if isinstance(cell, AdaptiveLeakyCell):
        return ["v", "a"]
    return ["h", "c"] if isinstance(cell, TWO_STATE_CELLS) else ["h"]


def returning_state(layer):
    """Returns the layers whose return_state makes `layer` return its states."""
    if isinstance(layer, keras.layers.Bidirectional):
        return [layer, layer.forward_layer, layer.backward_layer]
    return [layer]


def reset(layer):
    """Resets a stateful layer, the only kind that keeps anything from earlier calls."""
    if is_recurrent(layer) and layer.stateful:
        layer.reset_state()


def call_for_states(layer, call):
    """Returns (call()'s result, the final states).

    call: calls `layer`. It runs twice, each time after a reset.
    """
    reset(layer)
    outputs = call()
    reset(layer)
    switched = [part for part in returning_state(layer) if not part.return_state]
    for part in switched:
        part.return_state = True
    flat = keras.tree.flatten(call())
    for part in switched:
        part.return_state = False
    reset(layer)
    return outputs, [np.asarray(state) for state in flat[-len(state_names(layer)) :]]


def call_recurrent(layer, inputs, initial_state):
    """Returns (outputs with their Keras mask, final states) of one recurrent layer.

    initial_state: flat list of arrays, or None for the layer's own.
    """
    arguments = {}
    if initial_state is not None:
        nesting = zero_states(layer, inputs.shape[0])
        tensors = [keras.ops.convert_to_tensor(state) for state in initial_state]
        # Passed explicitly: with initial_state, Keras drops the mask that is attached to the
        # inputs.
        arguments["mask"] = get_keras_mask(inputs)
        arguments["initial_state"] = keras.tree.pack_sequence_as(nesting, tensors)
    return call_for_states(layer, lambda: layer(inputs, **arguments))


def run(model, inputs, mask=None, initial_states=None):
    """Returns (list of output arrays, {layer name: list of final states}).

    initial_states: {layer name: flat list of arrays}; other layers start with Keras' defaults.
    """
    initial_states = initial_states or {}
    tensor = keras.ops.convert_to_tensor(inputs)
    if mask is not None:
        set_keras_mask(tensor, keras.ops.convert_to_tensor(mask))
    final_states = {}
    for layer in model.layers:
        if is_recurrent(layer):
            tensor, states = call_recurrent(layer, tensor, initial_states.get(layer.name))
            final_states[layer.name] = states
        else:
            tensor = layer(tensor)
    outputs = tensor if isinstance(tensor, (list, tuple)) else [tensor]
    # If the last layer has return_state, its states are outputs too; they are reported as states.
    if is_recurrent(model.layers[-1]) and model.layers[-1].return_state:
        outputs = outputs[: -len(state_names(model.layers[-1]))]
    outputs = [np.asarray(output) for output in outputs]
    if not initial_states:
        expect_same_as_whole_model(model, inputs, mask, outputs)
    return outputs, final_states


def expect_same_as_whole_model(model, inputs, mask, outputs):
    """Raises unless calling the whole model gives the same results as the chain of layers."""
    for layer in model.layers:
        reset(layer)
    tensor = keras.ops.convert_to_tensor(inputs)
    mask = None if mask is None else keras.ops.convert_to_tensor(mask)
    whole = keras.tree.flatten(model(tensor, mask=mask))
    for ours, theirs in zip(outputs, whole):
        np.testing.assert_allclose(ours, np.asarray(theirs), rtol=1e-6, atol=1e-6)
    # TimeDistributed of this Keras version loses steps in predict(), so such models are skipped.
    kinds = [type(layer) for layer in model.layers]
    for layer in model.layers:
        reset(layer)
    if mask is None and keras.layers.TimeDistributed not in kinds:
        predicted = keras.tree.flatten(model.predict(inputs, batch_size=len(inputs), verbose=0))
        np.testing.assert_allclose(outputs[0], predicted[0], rtol=1e-6, atol=1e-6)
