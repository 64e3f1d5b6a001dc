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

// Whether `axis` is the last axis of the input: written as -1 or as its index, alone or in a list
// of one. Absent counts as -1. Errors: UNIMPLEMENTED, reason OPTION_UNSUPPORTED, otherwise, and for
// [batch, time], whose last axis is time.
absl::Status CheckLastAxis(const KerasConfig& config, const ValueSpec& input);

// The extent of the last axis of a timestep. Errors: UNIMPLEMENTED, reason OPTION_UNSUPPORTED, for
// [batch, time].
absl::StatusOr<int64_t> LastExtent(const KerasConfig& config, const ValueSpec& input);

// Whether `data_format` is absent or channels_last. Errors: UNIMPLEMENTED, reason
// OPTION_UNSUPPORTED, otherwise.
absl::Status CheckChannelsLast(const KerasConfig& config);

// The axes of a Keras tensor behind the batch axis. The extent of the time axis may not be known.
using Axes = absl::InlinedVector<std::optional<int64_t>, 4>;
Axes AxesOf(const ValueSpec& value);

// The tensor of these axes. One axis is a vector; of more, the first is time. Errors:
// UNIMPLEMENTED, reason OPTION_UNSUPPORTED, if there is no axis or another one than time is not
// known; INVALID_ARGUMENT, reason MODEL_CONFIG, for an extent below 1 or too many elements.
absl::StatusOr<ValueSpec> ValueOfAxes(const KerasConfig& config, const Axes& axes);

// Whether there are not too many elements in a timestep (4 MiB), and in a row with a known number
// of timesteps (256 MiB). Errors: INVALID_ARGUMENT, reason MODEL_CONFIG.
absl::Status CheckElements(const KerasConfig& config, const ValueSpec& value);

// The place in AxesOf() of an axis that Keras counts with the batch, from the end if it is
// negative. Errors: INVALID_ARGUMENT, reason MODEL_CONFIG, if it is the batch or out of `num_axes`.
absl::StatusOr<int> AxisIndex(const KerasConfig& config, int64_t axis, int num_axes);

// What a layer may be told to multiply or add timesteps by: 64 Ki. Times the timesteps of one call
// it stays far below 2^31.
inline constexpr int64_t kTimestepsMax = int64_t{1} << 16;

// The whole number under `key`. Errors: INVALID_ARGUMENT, reason MODEL_CONFIG, if it is missing or
// not in [least, kTimestepsMax].
absl::StatusOr<int64_t> TimestepCount(const KerasConfig& config, absl::string_view key,
                                      int64_t least);

// One number or a list of one, as Keras writes the options of a one-dimensional window; `fallback`
// if it is absent or null. Errors: as TimestepCount with a least of 1.
absl::StatusOr<int64_t> WindowOption(const KerasConfig& config, absl::string_view key,
                                     int64_t fallback);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_LAYER_CONFIG_H_
