// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

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

// keras.layers.Reshape and keras.layers.Flatten, and the operation ExpandDims: change the axes of a
// row; its elements stay in row-major order. If the output has three or more axes, including the
// batch, the second one is time; if it has two, it is a vector. The output has no mask.
//
//   Reshape       to the option target_shape, in which one extent may be -1
//   Flatten       [...] -> [all elements]
//   ExpandDims    inserts an axis of extent 1 at the option axis
//
// The layer can stream if it keeps the time axis, as Reshape((-1, 2, 3)) does for [time, 6]. If the
// model does not fix the number of timesteps, runs whose timesteps do not fit the output are
// refused by output_time. Immutable; safe to share.
class Reshape final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory. UNIMPLEMENTED, reason OPTION_UNSUPPORTED, if the extent of
  // an output axis other than time depends on the number of timesteps.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t output_time(absl::Span<const int64_t> input_times) const override;
  bool can_stream() const override { return keeps_time_; }
  void Run(const LayerRun& run) const override;
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  static absl::StatusOr<Axes> TargetShape(const KerasConfig& config, const ValueSpec& input);
  static absl::StatusOr<Axes> ExpandedShape(const KerasConfig& config, const ValueSpec& input);

  Reshape(const KerasConfig& config, const ValueSpec& input, const ValueSpec& output);

  const int64_t input_elements_;   // of a timestep
  const int64_t output_elements_;  // of a timestep
  const bool keeps_time_;
};

// Returns the number of elements of a row, or nullopt if an extent is unknown.
std::optional<int64_t> Product(const Axes& axes) {
  std::optional<int64_t> product = 1;
  for (const std::optional<int64_t>& extent : axes) {
    if (!extent.has_value() || !product.has_value()) return std::nullopt;
    product = CheckedMultiply(*product, *extent);
  }
  return product;
}

Axes Flattened(const ValueSpec& input) { return {Product(AxesOf(input))}; }

Reshape::Reshape(const KerasConfig& config, const ValueSpec& input, const ValueSpec& output)
    : Layer(config, output),
      input_elements_(*input.shape.NumElements()),
      output_elements_(*output.shape.NumElements()),
      keeps_time_(input.has_time == output.has_time && input_elements_ == output_elements_) {}

absl::StatusOr<Axes> Reshape::TargetShape(const KerasConfig& config, const ValueSpec& input) {
  const nlohmann::json& target = config.Raw("target_shape");
  Axes axes;
  std::optional<size_t> open;  // the axis that is -1
  for (const nlohmann::json& extent : target) {
    if (extent == -1 && !open.has_value()) {
      open = axes.size();
      axes.push_back(1);
    } else if (extent.is_number_integer() && extent.get<int64_t>() >= 1) {
      axes.push_back(extent.get<int64_t>());
    } else {
      axes.clear();
      break;
    }
  }
  if (!target.is_array() || axes.empty()) {
    return config.Error(absl::StrCat("'target_shape' is ", target.dump().substr(0, 80),
                                     ", not a list of extents, of which one may be -1"));
  }
  const std::optional<int64_t> size = Product(AxesOf(input));
  const std::optional<int64_t> known = Product(axes);
  if (open.has_value()) axes[*open] = std::nullopt;
  if (!size.has_value()) return axes;
  const bool fits = known.has_value() && (open.has_value() ? *size % *known == 0 : size == known);
  if (!fits) {
    return config.Error(absl::StrCat("target_shape ", target.dump().substr(0, 80),
                                     " does not hold the ", *size, " elements of the input"));
  }
  if (open.has_value()) axes[*open] = *size / *known;
  return axes;
}

absl::StatusOr<Axes> Reshape::ExpandedShape(const KerasConfig& config, const ValueSpec& input) {
  const nlohmann::json& raw = config.Raw("axis");
  if (!raw.is_number_integer()) return config.Error("'axis' is not a whole number");
  Axes axes = AxesOf(input);
  const int num_axes = static_cast<int>(axes.size()) + 1;
  RNNSERVE_ASSIGN_OR_RETURN(const int axis, AxisIndex(config, raw.get<int64_t>(), num_axes));
  axes.insert(axes.begin() + axis, 1);
  return axes;
}

absl::StatusOr<std::unique_ptr<Layer>> Reshape::Create(const LayerRegistry& /*registry*/,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& /*weights*/) {
  Axes axes;
  if (config.class_name() == "Flatten") {
    RNNSERVE_RETURN_IF_ERROR(CheckChannelsLast(config));
    axes = Flattened(input);
  } else if (config.class_name() == "ExpandDims") {
    RNNSERVE_ASSIGN_OR_RETURN(axes, ExpandedShape(config, input));
  } else {
    RNNSERVE_ASSIGN_OR_RETURN(axes, TargetShape(config, input));
  }
  RNNSERVE_ASSIGN_OR_RETURN(const ValueSpec output, ValueOfAxes(config, axes));
  return absl::WrapUnique(new Reshape(config, input, output));
}

int64_t Reshape::output_time(absl::Span<const int64_t> input_times) const {
  if (keeps_time_) return input_times[0];
  const int64_t elements = input_times[0] * input_elements_;
  const int64_t time = elements % output_elements_ == 0 ? elements / output_elements_ : 0;
  const int64_t expected = output().has_time ? output().time.value_or(time) : 1;
  return time == expected ? time : 0;
}

void Reshape::Run(const LayerRun& run) const {
  for (int64_t b = 0; b < run.x.batch; ++b) CopyRow(run.x, run.y, b);
}

Mask Reshape::OutputMask(const LayerRun& /*run*/, uint8_t* /*buffer*/) const { return Mask{}; }

}  // namespace

void RegisterReshape(LayerRegistry& registry) {
  for (const char* name : {"Reshape", "Flatten"}) {
    registry.Register(name, Reshape::Create,
                      {.variables = LayerVariables::None(), .keras2_mask = Keras2Mask::kEnds});
  }
  registry.Register("ExpandDims", Reshape::Create,
                    {.variables = LayerVariables::None(), .is_mask_operation = true});
}

}  // namespace rnnserve
