// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/memory/memory.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/base/aligned_buffer.h"
#include "core/base/status_macros.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/builtin/builtin_layers.h"
#include "core/layers/layer_config.h"
#include "core/layers/layer_registry.h"
#include "core/layers/pointwise_layer.h"

namespace rnnserve {
namespace {

using Json = nlohmann::json;

// keras.layers.Normalization, for each element, with any shape:
//
//   y = (x - mean) / max(sqrt(variance), 1e-7)
//   y = mean + x * max(sqrt(variance), 1e-7)          with invert
//
// There is a mean and a variance for each step along the axes in `axis`, -1 by default; they may be
// any axes except the batch and time. Without an axis there is one mean and one variance for all
// elements. They are either the options `mean` and `variance`, or weights that adapt() has
// computed: "mean", "variance", and "count" [], which only adapt() needs. Owns its weights.
// Immutable; safe to share.
class Normalization final : public PointwiseLayer {
 public:
  // Errors: see LayerRegistry::Factory; also INVALID_ARGUMENT, reason MODEL_CONFIG, for a negative
  // variance.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t num_parameters() const override { return num_parameters_; }

 private:
  // The numbers that normalize each element of a timestep.
  struct Statistics {
    AlignedBuffer mean;       // [PaddedRows(elements)]
    AlignedBuffer deviation;  // the same
    int64_t num_parameters = 0;
  };

  static absl::StatusOr<Statistics> ReadStatistics(const KerasConfig& config,
                                                   const ValueSpec& input, WeightSource& weights);

  Normalization(const KerasConfig& config, const ValueSpec& input, Statistics statistics,
                bool invert);

  void Apply(ConstColumns x, Columns y) const override;

  const AlignedBuffer mean_;
  const AlignedBuffer deviation_;
  const int64_t num_parameters_;
  const bool invert_;
};

// Returns the axes of a timestep along which each step has its own mean, in ascending order.
absl::StatusOr<std::vector<int>> KeptAxes(const KerasConfig& config, const ValueSpec& input) {
  const Json& raw = config.Raw("axis");
  Json axes = Json::array();
  if (raw.is_array()) {
    axes = raw;
  } else if (!raw.is_null()) {
    axes.push_back(raw);
  } else if (!config.Has("axis")) {
    axes.push_back(-1);
  }
  std::vector<int> kept;
  for (const Json& axis : axes) {
    if (!axis.is_number_integer()) return config.Error("'axis' is not a list of whole numbers");
    RNNSERVE_ASSIGN_OR_RETURN(const int index,
                              AxisIndex(config, axis.get<int64_t>(), input.rank() - 1));
    if (input.has_time && index == 0) {
      return config.Unsupported("axis 1 is time, along which normalization is not supported");
    }
    kept.push_back(index - (input.has_time ? 1 : 0));
  }
  absl::c_sort(kept);
  if (absl::c_adjacent_find(kept) == kept.end()) return kept;
  return config.Error("'axis' has an axis twice");
}

// A row-major tensor of means or variances.
struct Tensor {
  std::vector<int64_t> extents;
  std::vector<float> values;

  // Appends the numbers in `json`, which is `depth` levels below the outermost list. Returns false
  // if its lists do not have the extents of the tensor or hold anything but numbers.
  bool Append(const Json& json, size_t depth) {
    if (depth == extents.size()) {
      if (json.is_number()) values.push_back(json.get<float>());
      return json.is_number();
    }
    return json.is_array() && static_cast<int64_t>(json.size()) == extents[depth] &&
           absl::c_all_of(json, [&](const Json& element) { return Append(element, depth + 1); });
  }
};

// Returns the tensor under `key` of the configuration. Its axes are the last ones in `kept`; an
// extent of 1 is repeated.
absl::StatusOr<Tensor> ConfiguredTensor(const KerasConfig& config, absl::string_view key,
                                        const Shape& timestep, absl::Span<const int> kept) {
  const Json& raw = config.Raw(key);
  Tensor tensor;
  for (const Json* list = &raw; list->is_array() && !list->empty(); list = &list->front()) {
    tensor.extents.push_back(static_cast<int64_t>(list->size()));
  }
  bool fits = tensor.Append(raw, 0) && tensor.extents.size() <= kept.size();
  for (size_t i = 1; fits && i <= tensor.extents.size(); ++i) {
    const int64_t extent = tensor.extents[tensor.extents.size() - i];
    fits = extent == 1 || extent == timestep[kept[kept.size() - i]];
  }
  if (fits) return tensor;
  return config.Error(absl::StrCat("'", key, "' is ", raw.dump().substr(0, 80),
                                   ", which does not fit the axes in 'axis'"));
}

// Returns the weight `name`, with a value for each step along the axes in `kept`.
absl::StatusOr<Tensor> AdaptedTensor(absl::string_view name, const Shape& timestep,
                                     absl::Span<const int> kept, WeightSource& weights) {
  Tensor tensor;
  for (const int axis : kept) tensor.extents.push_back(timestep[axis]);
  RNNSERVE_ASSIGN_OR_RETURN(const absl::Span<const float> values,
                            weights.Weight(name, Shape(tensor.extents)));
  tensor.values.assign(values.begin(), values.end());
  return tensor;
}

// Returns the value in the tensor for each element of a timestep, padded.
AlignedBuffer Spread(const Tensor& tensor, const Shape& timestep, absl::Span<const int> kept) {
  // The distance in the tensor between two steps along each axis of the timestep.
  std::vector<int64_t> strides(static_cast<size_t>(timestep.rank()), 0);
  int64_t stride = 1;
  for (size_t i = 1; i <= tensor.extents.size(); ++i) {
    const int64_t extent = tensor.extents[tensor.extents.size() - i];
    if (extent > 1) strides[static_cast<size_t>(kept[kept.size() - i])] = stride;
    stride *= extent;
  }
  const int64_t elements = *timestep.NumElements();
  AlignedBuffer spread(PaddedRows(elements));
  for (int64_t i = 0; i < elements; ++i) {
    int64_t source = 0;
    int64_t rest = i;
    for (int axis = timestep.rank() - 1; axis >= 0; --axis) {
      source += rest % timestep[axis] * strides[static_cast<size_t>(axis)];
      rest /= timestep[axis];
    }
    spread.data()[i] = tensor.values[static_cast<size_t>(source)];
  }
  return spread;
}

Normalization::Normalization(const KerasConfig& config, const ValueSpec& input,
                             Statistics statistics, bool invert)
    : PointwiseLayer(config, input),
      mean_(std::move(statistics.mean)),
      deviation_(std::move(statistics.deviation)),
      num_parameters_(statistics.num_parameters),
      invert_(invert) {}

absl::StatusOr<Normalization::Statistics> Normalization::ReadStatistics(const KerasConfig& config,
                                                                        const ValueSpec& input,
                                                                        WeightSource& weights) {
  constexpr float kLeastDeviation = 1e-7f;  // the default of keras.config.epsilon()
  RNNSERVE_ASSIGN_OR_RETURN(const std::vector<int> kept, KeptAxes(config, input));
  const Shape& timestep = input.shape;
  Statistics statistics;
  Tensor mean;
  Tensor variance;
  if (config.Raw("mean").is_null() && config.Raw("variance").is_null()) {
    RNNSERVE_ASSIGN_OR_RETURN(mean, AdaptedTensor("mean", timestep, kept, weights));
    RNNSERVE_ASSIGN_OR_RETURN(variance, AdaptedTensor("variance", timestep, kept, weights));
    RNNSERVE_RETURN_IF_ERROR(weights.Weight("count", Shape{}).status());
    statistics.num_parameters = 2 * static_cast<int64_t>(mean.values.size()) + 1;
  } else {
    RNNSERVE_ASSIGN_OR_RETURN(mean, ConfiguredTensor(config, "mean", timestep, kept));
    RNNSERVE_ASSIGN_OR_RETURN(variance, ConfiguredTensor(config, "variance", timestep, kept));
    if (mean.extents != variance.extents) {
      return config.Error("'mean' and 'variance' must have the same shape");
    }
  }
  for (float& value : variance.values) {
    if (!(value >= 0.0f)) {
      return config.Error(absl::StrCat("the variance must not be negative, found ", value));
    }
    value = std::max(std::sqrt(value), kLeastDeviation);
  }
  statistics.mean = Spread(mean, timestep, kept);
  statistics.deviation = Spread(variance, timestep, kept);
  // The padding is computed like the values and must not become NaN.
  const int64_t elements = *timestep.NumElements();
  std::fill(statistics.deviation.data() + elements,
            statistics.deviation.data() + PaddedRows(elements), 1.0f);
  return statistics;
}

absl::StatusOr<std::unique_ptr<Layer>> Normalization::Create(const LayerRegistry& /*registry*/,
                                                             const KerasConfig& config,
                                                             const ValueSpec& input,
                                                             WeightSource& weights) {
  RNNSERVE_ASSIGN_OR_RETURN(const bool invert, config.Bool("invert", false));
  RNNSERVE_ASSIGN_OR_RETURN(Statistics statistics, ReadStatistics(config, input, weights));
  return absl::WrapUnique(new Normalization(config, input, std::move(statistics), invert));
}

void Normalization::Apply(ConstColumns x, Columns y) const {
  using Array = Eigen::Map<const Eigen::ArrayXf, Eigen::Aligned64>;
  const Array mean(mean_.data(), mean_.size());
  const Array deviation(deviation_.data(), deviation_.size());
  for (int64_t b = 0; b < x.cols; ++b) {
    if (invert_) {
      y.padded(b) = mean + x.padded(b) * deviation;
    } else {
      y.padded(b) = (x.padded(b) - mean) / deviation;
    }
  }
}

// Returns the variables. There are none if the configuration holds the mean.
absl::StatusOr<std::vector<LayerVariable>> Variables(const KerasConfig& config) {
  if (!config.Raw("mean").is_null()) return std::vector<LayerVariable>();
  return std::vector<LayerVariable>{{.name = "mean", .is_trained = false},
                                    {.name = "variance", .is_trained = false},
                                    {.name = "count", .is_trained = false}};
}

}  // namespace

void RegisterNormalization(LayerRegistry& registry) {
  registry.Register("Normalization", Normalization::Create,
                    {.variables = LayerVariables::ChosenBy(Variables)});
}

}  // namespace rnnserve
