# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Every feature; importing this package fills feature.REGISTRY in the order of the page."""

# `isort: skip` keeps the imports in the order of the page. F401: the modules are imported for the
# features that they register.
import features.recurrent  # isort: skip
import features.convolutional  # isort: skip
import features.recurrent_options  # isort: skip
import features.bidirectional  # isort: skip
import features.around  # isort: skip
import features.normalization  # isort: skip
import features.merging  # isort: skip
import features.shapes  # isort: skip
import features.graphs  # isort: skip
import features.training  # isort: skip
import features.files  # noqa: F401  isort: skip

from feature import Deviation

# The deviations that apply to every model.
DEVIATIONS = (
    Deviation(
        "Bad input is refused with a reason before anything is computed.",
        "Keras accepts whatever its backend accepts: NaN and infinities, token ids that wrap "
        "around or are clamped, a batch of one beside a batch of many. A sequence without "
        "timesteps fails inside its loop.",
    ),
    Deviation(
        "A result that is not finite is an error, and the state stays as it was.",
        "Keras returns it. In a session, NaN would stay for ever.",
    ),
    Deviation(
        "Where the backends of Keras differ, TensorFlow's numbers count.",
        "A masked timestep repeats the output before it, or zeros at the beginning; the JAX and "
        "NumPy backends emit the state instead.",
    ),
)
