// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/layers/broadcast.h"

#include <algorithm>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/layers/layer_config.h"

namespace rnnserve {
namespace {

using Extents = absl::InlinedVector<int64_t, 4>;

// Returns the extents of a timestep, with leading ones so that there are `count`.
Extents Aligned(const Shape& shape, size_t count) {
  Extents extents(count - static_cast<size_t>(shape.rank()), 1);
  extents.insert(extents.end(), shape.extents().begin(), shape.extents().end());
  return extents;
}

std::vector<int32_t> Sources(const Extents& input, const Extents& output) {
  if (input == output) return {};
  std::vector<int32_t> sources = {0};
  for (size_t axis = 0; axis < output.size(); ++axis) {
    std::vector<int32_t> finer;
    for (const int32_t source : sources) {
      for (int64_t i = 0; i < output[axis]; ++i) {
        const int64_t at = input[axis] == 1 ? 0 : i;
        finer.push_back(static_cast<int32_t>(source * input[axis] + at));
      }
    }
    sources = std::move(finer);
  }
  return sources;
}

absl::Status Differ(const KerasConfig& config, int64_t a, int64_t b) {
  return config.Error(
      absl::StrCat("the inputs have incompatible shapes: an extent of ", a, " meets one of ", b));
}

// Joins `extent` with `other`, the extent of another input.
absl::Status Widen(const KerasConfig& config, int64_t other, int64_t* extent) {
  if (*extent == 1) *extent = other;
  if (other == 1 || other == *extent) return absl::OkStatus();
  return Differ(config, *extent, other);
}

// Returns the number of timesteps. It is known if an input has a known number other than 1, or if
// all inputs have 1.
absl::StatusOr<std::optional<int64_t>> CommonTime(const KerasConfig& config,
                                                  absl::Span<const ValueSpec> inputs) {
  int64_t time = 1;
  bool is_open = false;
  for (const ValueSpec& input : inputs) {
    if (!input.has_time) continue;
    is_open = is_open || !input.time.has_value();
    RNNSERVE_RETURN_IF_ERROR(Widen(config, input.time.value_or(1), &time));
  }
  return is_open && time == 1 ? std::nullopt : std::optional<int64_t>(time);
}

}  // namespace

absl::StatusOr<Broadcast> Broadcast::Create(const KerasConfig& config,
                                            absl::Span<const ValueSpec> inputs) {
  const ValueSpec& longest =
      *std::max_element(inputs.begin(), inputs.end(),
                        [](const ValueSpec& a, const ValueSpec& b) { return a.rank() < b.rank(); });
  const auto num_axes = static_cast<size_t>(longest.shape.rank());
  Extents extents(num_axes, 1);
  for (const ValueSpec& input : inputs) {
    const bool fits =
        input.rank() == longest.rank() ? input.has_time == longest.has_time : !input.has_time;
    if (!fits || static_cast<size_t>(input.shape.rank()) > num_axes) {
      return config.Unsupported(absl::StrCat("inputs of ", longest.rank(), " and ", input.rank(),
                                             " axes, of which only one is time, are not ",
                                             "supported"));
    }
    const Extents aligned = Aligned(input.shape, num_axes);
    for (size_t i = 0; i < num_axes; ++i) {
      RNNSERVE_RETURN_IF_ERROR(Widen(config, aligned[i], &extents[i]));
    }
  }
  Broadcast broadcast;
  broadcast.output_ = {Shape(extents), longest.has_time, std::nullopt};
  if (longest.has_time) {
    RNNSERVE_ASSIGN_OR_RETURN(broadcast.output_.time, CommonTime(config, inputs));
  }
  RNNSERVE_RETURN_IF_ERROR(CheckElements(config, broadcast.output_));
  for (const ValueSpec& input : inputs) {
    broadcast.sources_.push_back(Sources(Aligned(input.shape, num_axes), extents));
    if (input.has_time && input.time == 1 && broadcast.output_.time != 1) {
      broadcast.repeats_timestep_ = true;
    }
  }
  return broadcast;
}

int64_t Broadcast::OutputTime(absl::Span<const int64_t> input_times) const {
  int64_t time = 1;
  for (const int64_t input_time : input_times) {
    if (time == 1) time = input_time;
    if (input_time != 1 && input_time != time) return 0;
  }
  return time;
}

}  // namespace rnnserve
