// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/layers/builtin/reshape.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/layers/row_elements.h"

namespace rnnserve {
namespace {

// The elements of a row; nothing if an extent is not known.
std::optional<int64_t> Product(const Axes& axes) {
  std::optional<int64_t> product = 1;
  for (const std::optional<int64_t>& extent : axes) {
    if (!extent.has_value() || !product.has_value()) return std::nullopt;
    product = CheckedMultiply(*product, *extent);
  }
  return product;
}

Axes Flattened(const ValueSpec& input) { return {Product(AxesOf(input))}; }

}  // namespace

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

}  // namespace rnnserve
