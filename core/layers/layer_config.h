// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_LAYER_CONFIG_H_
#define RNNSERVE_CORE_LAYERS_LAYER_CONFIG_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/cells/keras_config.h"
#include "core/layers/layer.h"

namespace rnnserve {

// What several layers ask of their Keras configuration and of what stands in front of them. Every
// error names the layer and, where there is one, the key.

// Whether there is a time axis and something at every timestep. Errors: INVALID_ARGUMENT, reason
// MODEL_CONFIG, with the number of axes that were expected and found.
absl::Status CheckSequence(const KerasConfig& config, const ValueSpec& input);

// The number of features of one timestep. Errors: UNIMPLEMENTED, reason OPTION_UNSUPPORTED, if a
// timestep is not a vector of features.
absl::StatusOr<int64_t> NumFeatures(const KerasConfig& config, const ValueSpec& input);

// Both of the above: for a layer that needs [batch, time, features].
absl::StatusOr<int64_t> NumSequenceFeatures(const KerasConfig& config, const ValueSpec& input);

// Whether `axis` is the last axis of [batch, time, features], or of [batch, features] without time:
// written as -1 or as its index, alone or in a list of one. Absent counts as -1. Errors:
// UNIMPLEMENTED, reason OPTION_UNSUPPORTED, otherwise.
absl::Status CheckLastAxis(const KerasConfig& config, const ValueSpec& input);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_LAYER_CONFIG_H_
