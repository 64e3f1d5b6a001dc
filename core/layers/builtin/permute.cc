// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/base/status_macros.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/builtin/builtin_layers.h"
#include "core/layers/layer.h"
#include "core/layers/layer_config.h"
#include "core/layers/layer_registry.h"
#include "core/layers/row_elements.h"

namespace rnnserve {
namespace {

// keras.layers.Permute: axis i of the output is axis dims[i] of the input (the batch is axis 0).
// The first axis of the output is its time axis. The output has no mask.
//
// The layer can stream if dims begins with 1, because then the time axis stays in place. Otherwise
// the model must fix the number of timesteps. Immutable; safe to share.
class Permute final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t output_time(absl::Span<const int64_t> input_times) const override;
  bool can_stream() const override { return keeps_time_; }
  void Run(const LayerRun& run) const override;
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  Permute(const KerasConfig& config, const ValueSpec& input, const ValueSpec& output,
          absl::Span<const int> dims);

  const bool keeps_time_;
  const int64_t input_time_;  // 0 if any number of timesteps is allowed
  // The input element of each output element: in a timestep if the time axis stays in place, else
  // in a row.
  std::vector<int32_t> source_;
};

// Returns dims, renumbered so that the first axis after the batch is 0.
absl::StatusOr<std::vector<int>> ReadDims(const KerasConfig& config, const ValueSpec& input) {
  const nlohmann::json& raw = config.Raw("dims");
  const int num_axes = input.rank() - 1;
  std::vector<int> dims;
  std::vector<bool> is_seen(static_cast<size_t>(num_axes), false);
  for (const nlohmann::json& dim : raw) {
    const int64_t axis = dim.is_number_integer() ? dim.get<int64_t>() - 1 : -1;
    if (axis < 0 || axis >= num_axes || is_seen[static_cast<size_t>(axis)]) break;
    is_seen[static_cast<size_t>(axis)] = true;
    dims.push_back(static_cast<int>(axis));
  }
  if (raw.is_array() && dims.size() == raw.size() && dims.size() == is_seen.size()) return dims;
  return config.Error(absl::StrCat("'dims' is ", raw.dump().substr(0, 80),
                                   ", not an order of the axes 1 to ", num_axes));
}

// Permutes the axes of a tensor with these extents by `dims`. Returns, for each element of the
// result, its index in the tensor.
std::vector<int32_t> PermutedElements(absl::Span<const int64_t> extents,
                                      absl::Span<const int> dims) {
  std::vector<int32_t> elements = {0};
  for (const int dim : dims) {
    int64_t stride = 1;
    for (size_t i = static_cast<size_t>(dim) + 1; i < extents.size(); ++i) stride *= extents[i];
    std::vector<int32_t> finer;
    for (const int32_t element : elements) {
      for (int64_t i = 0; i < extents[static_cast<size_t>(dim)]; ++i) {
        finer.push_back(static_cast<int32_t>(element + i * stride));
      }
    }
    elements = std::move(finer);
  }
  return elements;
}

Permute::Permute(const KerasConfig& config, const ValueSpec& input, const ValueSpec& output,
                 absl::Span<const int> dims)
    : Layer(config, output), keeps_time_(dims[0] == 0), input_time_(keeps_time_ ? 0 : *input.time) {
  std::vector<int64_t> extents;
  for (const std::optional<int64_t>& extent : AxesOf(input)) extents.push_back(extent.value_or(1));
  // A timestep that stays in place is one step along the outermost axis.
  if (keeps_time_ && input.has_time) extents[0] = 1;
  source_ = PermutedElements(extents, dims);
}

absl::StatusOr<std::unique_ptr<Layer>> Permute::Create(const LayerRegistry& /*registry*/,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& /*weights*/) {
  RNNSERVE_ASSIGN_OR_RETURN(const std::vector<int> dims, ReadDims(config, input));
  if (dims.size() == 1) return absl::WrapUnique(new Permute(config, input, input, dims));
  const Axes axes = AxesOf(input);
  Axes permuted;
  for (const int dim : dims) permuted.push_back(axes[static_cast<size_t>(dim)]);
  RNNSERVE_ASSIGN_OR_RETURN(const ValueSpec output, ValueOfAxes(config, permuted));
  return absl::WrapUnique(new Permute(config, input, output, dims));
}

int64_t Permute::output_time(absl::Span<const int64_t> input_times) const {
  if (keeps_time_) return output().has_time ? input_times[0] : 1;
  return input_times[0] == input_time_ ? *output().time : 0;
}

void Permute::Run(const LayerRun& run) const {
  const auto size = static_cast<int64_t>(source_.size());
  for (int64_t b = 0; b < run.x.batch; ++b) {
    for (int64_t i = 0; !keeps_time_ && i < size; ++i) {
      run.y.At(i / run.y.rows).column(b)[i % run.y.rows] =
          RowElement(run.x, b, source_[static_cast<size_t>(i)]);
    }
    for (int64_t t = 0; keeps_time_ && t < run.x.time; ++t) {
      const float* x = run.x.At(t).column(b);
      float* y = run.y.At(t).column(b);
      for (const int32_t source : source_) *y++ = x[source];
    }
  }
}

Mask Permute::OutputMask(const LayerRun& /*run*/, uint8_t* /*buffer*/) const { return Mask{}; }

}  // namespace

void RegisterPermute(LayerRegistry& registry) {
  registry.Register("Permute", Permute::Create,
                    {.variables = LayerVariables::None(), .keras2_mask = Keras2Mask::kEnds});
}

}  // namespace rnnserve
