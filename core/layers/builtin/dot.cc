// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

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

// keras.layers.Dot: the dot products of all vectors along one axis of x with all vectors along one
// axis of y. The output has the other axes of x, then the other axes of y; for two vectors it is
// [1].
//
//   axes       one axis for both inputs, or one for each; the batch is axis 0, and -1 is the last
//   normalize  scales the vectors to length 1 first; a vector of zeros stays as it is
//
// The output has no mask. The layer can stream only if there is no time axis. The extent of an axis
// may be unknown only if the axis is summed over or becomes the first axis of the output.
// Immutable; safe to share.
class Dot final : public Layer {
 public:
  // Errors: see LayerRegistry::MergeFactory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       absl::Span<const ValueSpec> inputs,
                                                       WeightSource& weights);

  int64_t output_time(absl::Span<const int64_t> input_times) const override;
  bool can_stream() const override { return !sides_[0].has_time && !sides_[1].has_time; }
  void Run(const LayerRun& run) const override;
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  // One of the two inputs. A row is [outer, length, inner]; the sums are over `length`.
  struct Side {
    bool has_time = false;
    bool sums_time = false;
    int64_t inner = 1;           // the product of the extents after the axis
    int64_t extent = 1;          // the length, if the axis is not time
    int64_t timestep_outer = 1;  // the product of the extents between time and the axis
  };
  struct Vector;

  static Side SideOf(const ValueSpec& input, int axis);

  Dot(const KerasConfig& config, ValueSpec output, const Side& x, const Side& y, bool normalize);

  const Side sides_[2];
  const bool normalize_;
};

// The vectors of one side in one row of a batch.
struct Dot::Vector {
  const ConstSequence& x;
  int64_t b;
  int64_t length;
  int64_t inner;

  int64_t count() const { return RowSize(x) / length; }
  float operator()(int64_t index, int64_t i) const {
    return RowElement(x, b, (index / inner * length + i) * inner + index % inner);
  }
  // Returns the factor that scales vector `index` to length 1. Keras' epsilon keeps it finite for a
  // vector of zeros.
  float InverseNorm(int64_t index) const {
    constexpr float kLargest = 1e7f;
    float sum = 0.0f;
    for (int64_t i = 0; i < length; ++i) sum += (*this)(index, i) * (*this)(index, i);
    return std::min(1.0f / std::sqrt(sum), kLargest);
  }
};

Dot::Side Dot::SideOf(const ValueSpec& input, int axis) {
  Side side;
  side.has_time = input.has_time;
  side.sums_time = input.has_time && axis == 0;
  const int shape_axis = axis - (input.has_time ? 1 : 0);
  if (shape_axis >= 0) side.extent = input.shape[shape_axis];
  for (int i = shape_axis + 1; i < input.shape.rank(); ++i) side.inner *= input.shape[i];
  for (int i = 0; i < shape_axis; ++i) side.timestep_outer *= input.shape[i];
  return side;
}

Dot::Dot(const KerasConfig& config, ValueSpec output, const Side& x, const Side& y, bool normalize)
    : Layer(config, std::move(output)), sides_{x, y}, normalize_(normalize) {}

absl::StatusOr<std::unique_ptr<Layer>> Dot::Create(const LayerRegistry& /*registry*/,
                                                   const KerasConfig& config,
                                                   absl::Span<const ValueSpec> inputs,
                                                   WeightSource& /*weights*/) {
  if (inputs.size() != 2) {
    return config.Error(absl::StrCat("the layer reads two inputs, found ", inputs.size()));
  }
  const nlohmann::json& raw = config.Raw("axes");
  const bool is_pair =
      raw.is_array() && raw.size() == 2 && raw[0].is_number_integer() && raw[1].is_number_integer();
  if (!is_pair && !raw.is_number_integer()) {
    return config.Error("'axes' is not one or two whole numbers");
  }
  RNNSERVE_ASSIGN_OR_RETURN(const bool normalize, config.Bool("normalize", false));
  Axes output_axes;
  Side sides[2];
  std::optional<int64_t> lengths[2];
  for (size_t k = 0; k < 2; ++k) {
    Axes axes = AxesOf(inputs[k]);
    RNNSERVE_ASSIGN_OR_RETURN(
        const int axis,
        AxisIndex(config, (is_pair ? raw[k] : raw).get<int64_t>(), static_cast<int>(axes.size())));
    sides[k] = SideOf(inputs[k], axis);
    lengths[k] = axes[static_cast<size_t>(axis)];
    axes.erase(axes.begin() + axis);
    output_axes.insert(output_axes.end(), axes.begin(), axes.end());
  }
  if (lengths[0].has_value() && lengths[1].has_value() && lengths[0] != lengths[1]) {
    return config.Error(absl::StrCat("the axes have ", *lengths[0], " and ", *lengths[1],
                                     " elements; they must have as many"));
  }
  if (output_axes.empty()) output_axes.push_back(1);
  RNNSERVE_ASSIGN_OR_RETURN(ValueSpec output, ValueOfAxes(config, output_axes));
  return absl::WrapUnique(new Dot(config, std::move(output), sides[0], sides[1], normalize));
}

int64_t Dot::output_time(absl::Span<const int64_t> input_times) const {
  int64_t lengths[2];
  int64_t counts = 1;
  for (size_t k = 0; k < 2; ++k) {
    lengths[k] = sides_[k].sums_time ? input_times[k] : sides_[k].extent;
    counts *= sides_[k].inner * sides_[k].timestep_outer;
    if (!sides_[k].sums_time) counts *= input_times[k];
  }
  if (lengths[0] != lengths[1]) return 0;
  const int64_t elements = *output_shape().NumElements();
  const int64_t time = counts % elements == 0 ? counts / elements : 0;
  if (!output().has_time) return time == 1 ? 1 : 0;
  return time == output().time.value_or(time) ? time : 0;
}

void Dot::Run(const LayerRun& run) const {
  const ConstSequence* inputs[2] = {&run.x, run.more_x.data()};
  const auto length = sides_[0].sums_time ? run.x.time : sides_[0].extent;
  for (int64_t b = 0; b < run.x.batch; ++b) {
    const Vector x{*inputs[0], b, length, sides_[0].inner};
    const Vector y{*inputs[1], b, length, sides_[1].inner};
    const int64_t num_x = x.count();
    const int64_t num_y = y.count();
    for (int64_t p = 0; p < num_x; ++p) {
      const float x_scale = normalize_ ? x.InverseNorm(p) : 1.0f;
      for (int64_t q = 0; q < num_y; ++q) {
        const float y_scale = normalize_ ? y.InverseNorm(q) : 1.0f;
        float sum = 0.0f;
        for (int64_t i = 0; i < length; ++i) sum += (x(p, i) * x_scale) * (y(q, i) * y_scale);
        const int64_t at = p * num_y + q;
        run.y.At(at / run.y.rows).column(b)[at % run.y.rows] = sum;
      }
    }
  }
}

Mask Dot::OutputMask(const LayerRun& /*run*/, uint8_t* /*buffer*/) const { return Mask{}; }

}  // namespace

void RegisterDot(LayerRegistry& registry) {
  registry.RegisterMerge("Dot", Dot::Create, {.variables = LayerVariables::None()});
}

}  // namespace rnnserve
