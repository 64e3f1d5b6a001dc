# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Gives access to the initial and final states of a Keras model's recurrent layers.

Keras does all the arithmetic, all the wiring and all the mask propagation. While a model is called,
each recurrent layer in it gets the requested initial states, and is called a second time with
`return_state` to record its final states.
"""

import contextlib

import numpy as np
from reference import call_for_states, is_recurrent, keras, reset, state_names, zero_states

get_keras_mask = keras.src.backend.common.masking.get_keras_mask
_keras_call = keras.Layer.__call__
_active = None
_keeps_states = False


class _Recording:
    """One call of a model. The names of layers in nested models start with those of the models."""

    def __init__(self, model, initial_states):
        self.states = {}  # {(layer, state): array} in the order of the calls
        self._model = model
        self._initial_states = initial_states
        self._scope = []
        self._num_calls = {}  # for each recurrent layer
        self._inside = False  # inside a wrapper layer, which handles the states of its own layers

    def call(self, layer, args, kwargs):
        if self._inside or layer is self._model:
            return _keras_call(layer, *args, **kwargs)
        if isinstance(layer, keras.Model):
            self._scope.append(layer.name)
            outputs = _keras_call(layer, *args, **kwargs)
            self._scope.pop()
            return outputs
        if not is_recurrent(layer) and not isinstance(layer, keras.layers.TimeDistributed):
            return _keras_call(layer, *args, **kwargs)
        self._inside = True
        try:
            if is_recurrent(layer):
                return self._call_recurrent(layer, args, kwargs)
            return _keras_call(layer, *args, **kwargs)
        finally:
            self._inside = False

    def _name_of_call(self, layer):
        """Returns "outer/lstm", or "outer/lstm:1" for the second call of a shared layer."""
        name = "/".join([*self._scope, layer.name])
        count = self._num_calls[name] = self._num_calls.get(name, -1) + 1
        return f"{name}:{count}" if count else name

    def _call_recurrent(self, layer, args, kwargs):
        name = self._name_of_call(layer)
        names = state_names(layer)
        if self._initial_states and kwargs.get("initial_state") is None:
            nesting = zero_states(layer, args[0].shape[0])
            states = [
                keras.ops.convert_to_tensor(self._initial_states[name, state]) for state in names
            ]
            kwargs = {**kwargs, "initial_state": keras.tree.pack_sequence_as(nesting, states)}
            # If initial_state is passed, Keras drops the mask that is attached to the inputs. The
            # caller's states are not part of the model, so its mask must stay; constants are part
            # of it.
            if kwargs.get("mask") is None and not kwargs.get("constants"):
                kwargs["mask"] = get_keras_mask(args[0])
        if _keeps_states:
            return _keras_call(layer, *args, **kwargs)
        outputs, states = call_for_states(layer, lambda: _keras_call(layer, *args, **kwargs))
        for state, value in zip(names, states, strict=True):
            self.states[name, state] = value
        return outputs


def _call(layer, *args, **kwargs):
    if _active is None:
        return _keras_call(layer, *args, **kwargs)
    return _active.call(layer, args, kwargs)


keras.Layer.__call__ = _call


def run(model, inputs, masks=None, initial_states=None, training=False):
    """Returns (list of output arrays, {(layer, state): array}) of one call of a model.

    inputs, masks: lists in the order of the model's inputs. initial_states: for every call of a
    recurrent layer, by (layer, state), or None; if the model wires them itself, the model wins.
    """
    global _active
    _active = _Recording(model, initial_states)
    tensors = [keras.ops.convert_to_tensor(value) for value in inputs]
    arguments = {"training": True} if training else {}
    if masks is not None:
        values = [None if mask is None else keras.ops.convert_to_tensor(mask) for mask in masks]
        arguments["mask"] = values if len(values) > 1 else values[0]
    try:
        outputs = model(tensors if len(tensors) > 1 else tensors[0], **arguments)
        states = _active.states
    finally:
        _active = None
    return [np.array(output) for output in keras.tree.flatten(outputs)], states


@contextlib.contextmanager
def keeping_states():
    """Lets stateful layers continue from the previous call; final states are not recorded."""
    global _keeps_states
    _keeps_states = True
    try:
        yield
    finally:
        _keeps_states = False


def reset_states(model):
    for layer in model.layers:
        reset(layer)


def state_shapes(model, time):
    """Returns {(layer, state): shape} of one row: the states that a caller of `model` may pass."""
    shapes = [
        [1, *entry.shape[1:]] if entry.shape[0] is None else entry.shape for entry in model.inputs
    ]
    zeros = [
        np.zeros([time if extent is None else extent for extent in shape], entry.dtype)
        for shape, entry in zip(shapes, model.inputs)
    ]
    return {key: value.shape[1:] for key, value in run(model, zeros)[1].items()}
