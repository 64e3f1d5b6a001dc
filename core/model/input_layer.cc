// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/model/input_layer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/model/limits.h"

namespace rnnserve {
namespace {

using Json = nlohmann::json;

std::string ShapeText(const KerasConfig& layer) {
  return layer.Raw("batch_shape").dump().substr(0, 80);
}

absl::StatusOr<std::vector<std::optional<int64_t>>> ReadExtents(const KerasConfig& layer) {
  const Json& batch_shape = layer.Raw("batch_shape");
  if (!batch_shape.is_array() || batch_shape.size() < 2) {
    return layer.Error(absl::StrCat("'batch_shape' is ", ShapeText(layer),
                                    ", not [batch, time], [batch, features] or [batch, time, ",
                                    "features...]"));
  }
  std::vector<std::optional<int64_t>> extents;
  for (size_t i = 1; i < batch_shape.size(); ++i) {
    const Json& extent = batch_shape[i];
    if (extent.is_null()) {
      extents.push_back(std::nullopt);
    } else if (extent.is_number_integer() && extent.get<double>() >= 1) {
      extents.push_back(
          static_cast<int64_t>(std::min(extent.get<uint64_t>(), uint64_t{kUnitsMax} + 1)));
    } else {
      return layer.Error(absl::StrCat("'batch_shape' is ", ShapeText(layer), ": extent ", i,
                                      " is not a positive number"));
    }
  }
  return extents;
}

}  // namespace

absl::StatusOr<InputLayer> ReadInputLayer(const KerasConfig& layer) {
  for (const char* option : {"sparse", "ragged", "optional"}) {
    RNNSERVE_ASSIGN_OR_RETURN(const bool is_set, layer.Bool(option, false));
    if (is_set)
      return layer.Unsupported(absl::StrCat("an input that is ", option, " is not supported"));
  }
  InputLayer input;
  input.name = layer.name();
  RNNSERVE_ASSIGN_OR_RETURN(input.extents, ReadExtents(layer));
  RNNSERVE_ASSIGN_OR_RETURN(const std::string dtype, layer.String("dtype", "float32"));
  input.is_integer = absl::StrContains(dtype, "int");
  const bool is_float = absl::StrContains(dtype, "float");
  if (is_float || (input.is_integer && input.extents.size() == 1)) return input;
  return layer.Unsupported(
      absl::StrCat("an input of dtype '", dtype, "' and shape ", ShapeText(layer),
                   "; only floating point, or whole numbers as token ids, is supported"));
}

absl::StatusOr<ValueSpec> SpecOf(const KerasConfig& layer, const InputLayer& input,
                                 bool is_numbers) {
  ValueSpec spec;
  spec.has_time = is_numbers || input.extents.size() > 1;
  if (spec.has_time) spec.time = input.extents.front();
  std::vector<int64_t> shape;
  for (size_t i = spec.has_time ? 1 : 0; i < input.extents.size(); ++i) {
    if (!input.extents[i].has_value()) {
      return layer.Error(
          absl::StrCat("'batch_shape' is ", ShapeText(layer), ": extent ", i + 1,
                       " must be a number; only batch and time may differ from ",
                       "call to call, and [batch, time] is for an Embedding or a program to read"));
    }
    shape.push_back(*input.extents[i]);
  }
  spec.shape = Shape(shape);
  const auto size = spec.shape.NumElements();
  if (size.has_value() && *size <= kUnitsMax) return spec;
  return InvalidArgument("MODEL_TOO_LARGE",
                         absl::StrCat(layer.path(), ": one timestep of ", ShapeText(layer),
                                      " has more than ", kUnitsMax, " values"));
}

}  // namespace rnnserve
