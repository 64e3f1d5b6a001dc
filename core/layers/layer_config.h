// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_LAYER_CONFIG_H_
#define RNNSERVE_CORE_LAYERS_LAYER_CONFIG_H_

#include <cstdint>
#include <optional>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/keras/keras_config.h"
#include "core/layers/layer.h"

namespace rnnserve {

// Checks of a layer's input and Keras configuration, shared by several layers. Every error names
// the layer and, if a key is at fault, the key.

// Checks that the input has a time axis and at least one further axis. Errors: INVALID_ARGUMENT,
// reason MODEL_CONFIG, with the number of axes that were expected and found.
absl::Status CheckSequence(const KerasConfig& config, const ValueSpec& input);

// Returns the number of features of one timestep. Errors: UNIMPLEMENTED, reason OPTION_UNSUPPORTED,
// if a timestep is not a vector of features.
absl::StatusOr<int64_t> NumFeatures(const KerasConfig& config, const ValueSpec& input);

// Does the work of both CheckSequence and NumFeatures, for a layer that needs [batch, time,
// features].
absl::StatusOr<int64_t> NumSequenceFeatures(const KerasConfig& config, const ValueSpec& input);

// Checks that the option `axis` names the last axis of the input: as -1 or as its index, alone or
// in a list of one. An absent option is -1. Errors: UNIMPLEMENTED, reason OPTION_UNSUPPORTED, if
// it names another axis, and for [batch, time], whose last axis is time.
absl::Status CheckLastAxis(const KerasConfig& config, const ValueSpec& input);

// Returns the extent of the last axis of a timestep. Errors: UNIMPLEMENTED, reason
// OPTION_UNSUPPORTED, for [batch, time].
absl::StatusOr<int64_t> LastExtent(const KerasConfig& config, const ValueSpec& input);

// Checks that `data_format` is absent or channels_last. Errors: UNIMPLEMENTED, reason
// OPTION_UNSUPPORTED, if it is not.
absl::Status CheckChannelsLast(const KerasConfig& config);

// The extents of the axes of a Keras tensor after the batch axis. The extent of the time axis may
// be unknown.
using Axes = absl::InlinedVector<std::optional<int64_t>, 4>;
Axes AxesOf(const ValueSpec& value);

// Returns the tensor that has these axes. A single axis is a vector without time; if there are
// more, the first is time. Errors: UNIMPLEMENTED, reason OPTION_UNSUPPORTED, if there is no axis or
// the extent of an axis other than time is unknown; INVALID_ARGUMENT, reason MODEL_CONFIG, for an
// extent below 1 or too many elements.
absl::StatusOr<ValueSpec> ValueOfAxes(const KerasConfig& config, const Axes& axes);

// Checks that a timestep takes at most 4 MiB, and a row with a known number of timesteps at most
// 256 MiB. Errors: INVALID_ARGUMENT, reason MODEL_CONFIG.
absl::Status CheckElements(const KerasConfig& config, const ValueSpec& value);

// Returns the index in AxesOf() of an axis as Keras counts it: with the batch as axis 0, or from
// the end if it is negative. Errors: INVALID_ARGUMENT, reason MODEL_CONFIG, if it is the batch axis
// or not one of the `num_axes` after it.
absl::StatusOr<int> AxisIndex(const KerasConfig& config, int64_t axis, int num_axes);

// The largest number that a layer may multiply the number of timesteps by, or add to it: 64 Ki. Its
// product with the number of timesteps of one call is far below 2^31.
inline constexpr int64_t kTimestepsMax = int64_t{1} << 16;

// Returns the whole number under `key`. Errors: INVALID_ARGUMENT, reason MODEL_CONFIG, if it is
// missing or not in [least, kTimestepsMax].
absl::StatusOr<int64_t> TimestepCount(const KerasConfig& config, absl::string_view key,
                                      int64_t least);

// Returns an option of a one-dimensional window, which Keras writes as a number or as a list of one
// number; `fallback` if it is absent or null. Errors: as for TimestepCount with `least` 1.
absl::StatusOr<int64_t> WindowOption(const KerasConfig& config, absl::string_view key,
                                     int64_t fallback);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_LAYER_CONFIG_H_
