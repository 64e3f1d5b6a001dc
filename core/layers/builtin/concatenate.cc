// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/base/status_macros.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/broadcast.h"
#include "core/layers/builtin/builtin_layers.h"
#include "core/layers/layer.h"
#include "core/layers/layer_config.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {
namespace {

// keras.layers.Concatenate: joins inputs along one axis. The inputs may differ only in the extent
// of that axis. Along time it cannot stream; along any other axis each timestep is joined on its
// own.
//
// The output has a mask if any input has one. As in Keras, all timesteps of an input without a mask
// count. Along time the masks are joined too; along another axis a timestep counts if it counts in
// any input. Immutable; safe to share.
class Concatenate final : public Layer {
 public:
  // Errors: see LayerRegistry::MergeFactory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       absl::Span<const ValueSpec> inputs,
                                                       WeightSource& weights);

  int64_t output_time(absl::Span<const int64_t> input_times) const override;
  bool can_stream() const override { return !joins_time_; }
  void Run(const LayerRun& run) const override;
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  Concatenate(const KerasConfig& config, ValueSpec output, bool joins_time, int64_t num_blocks);

  void JoinTime(const LayerRun& run) const;
  void JoinFeatures(const LayerRun& run) const;

  const bool joins_time_;
  // The number of blocks in a timestep: the product of the extents before the joined axis. Each
  // block is joined on its own.
  const int64_t num_blocks_;
};

size_t NumInputs(const LayerRun& run) { return 1 + run.more_x.size(); }

// Joins the axes of another input to `joined` along `axis`.
absl::Status Join(const KerasConfig& config, const ValueSpec& input, int axis, Axes* joined) {
  const Axes axes = AxesOf(input);
  bool fits = axes.size() == joined->size();
  for (size_t i = 0; fits && i < axes.size(); ++i) {
    std::optional<int64_t>& extent = (*joined)[i];
    if (static_cast<int>(i) == axis) {
      extent = extent.has_value() && axes[i].has_value()
                   ? std::optional<int64_t>(*extent + *axes[i])
                   : std::nullopt;
    } else if (extent.has_value() && axes[i].has_value()) {
      fits = extent == axes[i];
    } else if (!extent.has_value()) {
      extent = axes[i];
    }
  }
  if (fits) return absl::OkStatus();
  return config.Error(absl::StrCat(
      "the inputs may differ only in the axis that is joined; found a ", "timestep of shape ",
      input.shape.ToString(), " in one of ", input.rank(), " axes"));
}

Concatenate::Concatenate(const KerasConfig& config, ValueSpec output, bool joins_time,
                         int64_t num_blocks)
    : Layer(config, std::move(output)), joins_time_(joins_time), num_blocks_(num_blocks) {}

absl::StatusOr<std::unique_ptr<Layer>> Concatenate::Create(const LayerRegistry& /*registry*/,
                                                           const KerasConfig& config,
                                                           absl::Span<const ValueSpec> inputs,
                                                           WeightSource& /*weights*/) {
  const nlohmann::json& raw = config.Raw("axis");
  if (!raw.is_null() && !raw.is_number_integer()) {
    return config.Error("'axis' is not a whole number");
  }
  const ValueSpec& first = inputs[0];
  RNNSERVE_ASSIGN_OR_RETURN(
      const int axis, AxisIndex(config, raw.is_null() ? -1 : raw.get<int64_t>(), first.rank() - 1));
  Axes axes = AxesOf(first);
  for (const ValueSpec& input : inputs.subspan(1)) {
    if (input.has_time != first.has_time) {
      return config.Error("an input with a time axis cannot be joined to one without");
    }
    RNNSERVE_RETURN_IF_ERROR(Join(config, input, axis, &axes));
  }
  const bool joins_time = first.has_time && axis == 0;
  ValueSpec output{Shape{}, first.has_time, first.has_time ? axes[0] : std::nullopt};
  if (first.shape.rank() > 0) {
    RNNSERVE_ASSIGN_OR_RETURN(output, ValueOfAxes(config, axes));
  }
  const int shape_axis = axis - (first.has_time ? 1 : 0);
  int64_t num_blocks = 1;
  for (int i = 0; i < shape_axis; ++i) num_blocks *= first.shape[i];
  return absl::WrapUnique(new Concatenate(config, std::move(output), joins_time, num_blocks));
}

int64_t Concatenate::output_time(absl::Span<const int64_t> input_times) const {
  if (!output().has_time) return 1;
  if (joins_time_) return std::accumulate(input_times.begin(), input_times.end(), int64_t{0});
  const auto differs = [&](int64_t time) { return time != input_times[0]; };
  return std::any_of(input_times.begin(), input_times.end(), differs) ? 0 : input_times[0];
}

void Concatenate::Run(const LayerRun& run) const {
  if (joins_time_) {
    JoinTime(run);
  } else {
    JoinFeatures(run);
  }
}

void Concatenate::JoinTime(const LayerRun& run) const {
  int64_t begin = 0;
  for (size_t k = 0; k < NumInputs(run); ++k) {
    const ConstSequence& x = InputOf(run, k);
    for (int64_t t = 0; t < x.time; ++t) Copy(x.At(t), run.y.At(begin + t));
    begin += x.time;
  }
}

void Concatenate::JoinFeatures(const LayerRun& run) const {
  const int64_t y_block = run.y.rows / num_blocks_;
  for (int64_t t = 0; t < run.y.time; ++t) {
    int64_t begin = 0;
    for (size_t k = 0; k < NumInputs(run); ++k) {
      const ConstColumns x = InputOf(run, k).At(t);
      const int64_t x_block = x.rows / num_blocks_;
      for (int64_t b = 0; b < x.cols; ++b) {
        for (int64_t block = 0; block < num_blocks_; ++block) {
          std::copy_n(x.column(b) + block * x_block, x_block,
                      run.y.At(t).column(b) + block * y_block + begin);
        }
      }
      begin += x_block;
    }
  }
}

Mask Concatenate::OutputMask(const LayerRun& run, uint8_t* buffer) const {
  bool has_mask = false;
  int64_t time = joins_time_ ? 0 : run.x.time;
  for (size_t k = 0; k < NumInputs(run); ++k) {
    has_mask = has_mask || MaskOf(run, k).data != nullptr;
    if (joins_time_) time += InputOf(run, k).time;
  }
  if (!has_mask || !output().has_time) return Mask{};
  for (int64_t b = 0; b < run.x.batch; ++b) {
    uint8_t* row = buffer + b * time;
    std::fill_n(row, time, uint8_t{0});
    for (size_t k = 0; k < NumInputs(run); ++k) {
      const int64_t x_time = InputOf(run, k).time;
      for (int64_t t = 0; t < x_time; ++t) {
        if (MaskOf(run, k)(b, t)) row[t] = 1;
      }
      if (joins_time_) row += x_time;
    }
  }
  return {buffer, time, 1};
}

}  // namespace

void RegisterConcatenate(LayerRegistry& registry) {
  registry.RegisterMerge("Concatenate", Concatenate::Create, {.variables = LayerVariables::None()});
}

}  // namespace rnnserve
