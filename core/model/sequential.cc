// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/model/sequential.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/model/limits.h"

namespace rnnserve {
namespace {

using Json = nlohmann::json;

absl::Status Unimplemented(absl::string_view reason, absl::string_view message) {
  return MakeError(absl::StatusCode::kUnimplemented, reason, message);
}

// A layer or cell, wherever it is nested.
struct Part {
  KerasConfig config;
  bool is_cell = false;
};

bool IsKnown(const Part& part, const LayerRegistry& registry) {
  const std::string name = part.config.registered_name();
  return part.is_cell ? registry.cells().Contains(name) : registry.Contains(name);
}

// Appends the part and all layers and cells inside it. A part that nobody knows is not entered:
// what its configuration means is not known either.
absl::Status CollectParts(Part part, const LayerRegistry& registry, std::vector<Part>& parts) {
  const KerasConfig config = part.config;
  const bool is_known = IsKnown(part, registry);
  parts.push_back(std::move(part));
  if (!is_known) return absl::OkStatus();
  for (const char* key : {"layer", "backward_layer", "cell"}) {
    if (config.Raw(key).is_null()) continue;
    RNNSERVE_ASSIGN_OR_RETURN(KerasConfig nested, config.Object(key));
    const bool is_cell = absl::string_view(key) == "cell";
    RNNSERVE_RETURN_IF_ERROR(CollectParts({std::move(nested), is_cell}, registry, parts));
  }
  if (config.Raw("cells").is_null()) return absl::OkStatus();
  RNNSERVE_ASSIGN_OR_RETURN(const std::vector<KerasConfig> cells, config.Objects("cells"));
  for (const KerasConfig& cell : cells) {
    RNNSERVE_RETURN_IF_ERROR(CollectParts({cell, /*is_cell=*/true}, registry, parts));
  }
  return absl::OkStatus();
}

// Reports every part that nobody knows.
absl::Status CheckKnown(const std::vector<Part>& parts, const LayerRegistry& registry) {
  std::vector<std::string> unknown;
  bool only_cells = true;
  for (const Part& part : parts) {
    if (IsKnown(part, registry)) continue;
    unknown.push_back(absl::StrCat(part.config.path(), " (", part.config.registered_name(), ")"));
    only_cells = only_cells && part.is_cell;
  }
  if (unknown.empty()) return absl::OkStatus();
  return Unimplemented(only_cells ? "CELL_UNSUPPORTED" : "LAYER_UNSUPPORTED",
                       absl::StrCat("not supported: ", absl::StrJoin(unknown, ", ")));
}

absl::Status CheckSize(const KerasConfig& config, absl::string_view key, int64_t max) {
  if (!config.Has(key)) return absl::OkStatus();
  RNNSERVE_ASSIGN_OR_RETURN(const int64_t size, config.PositiveInt(key));
  if (size <= max) return absl::OkStatus();
  return InvalidArgument("MODEL_TOO_LARGE",
                         absl::StrCat(config.path(), ": '", key, "' is ", size, "; at most ", max));
}

absl::Status CheckPart(const KerasConfig& config) {
  RNNSERVE_RETURN_IF_ERROR(config.RequireFloat32());
  RNNSERVE_RETURN_IF_ERROR(CheckSize(config, "units", kUnitsMax));
  RNNSERVE_RETURN_IF_ERROR(CheckSize(config, "output_dim", kUnitsMax));
  return CheckSize(config, "input_dim", kTokensMax);
}

absl::Status CheckName(const KerasConfig& layer, std::set<std::string>& names) {
  const std::string name = layer.name();
  if (name.empty()) return layer.Error("the layer has no name");
  if (name.size() > kLayerNameBytesMax) {
    return layer.Error(
        absl::StrCat("the name has ", name.size(), " bytes; at most ", kLayerNameBytesMax));
  }
  if (std::any_of(name.begin(), name.end(),
                  [](unsigned char c) { return absl::ascii_iscntrl(c); })) {
    return layer.Error("the name holds a control character");
  }
  if (!names.insert(name).second) return layer.Error("two layers have this name");
  return absl::OkStatus();
}

// One timestep of `batch_shape`, which is [batch, time, features...]; null stands for any extent.
absl::StatusOr<Shape> TimestepShape(const KerasConfig& input) {
  const Json& batch_shape = input.Raw("batch_shape");
  if (!batch_shape.is_array() || batch_shape.size() < 2) {
    return input.Error(absl::StrCat("'batch_shape' is ", batch_shape.dump(),
                                    ", not [batch, time] or [batch, time, features...]"));
  }
  std::vector<int64_t> extents;
  for (size_t i = 2; i < batch_shape.size(); ++i) {
    const Json& extent = batch_shape[i];
    if (!extent.is_number_integer() || extent.get<double>() < 1) {
      return input.Error(absl::StrCat("'batch_shape' is ", batch_shape.dump(), ": extent ", i,
                                      " is not a positive number"));
    }
    extents.push_back(std::min(extent.get<uint64_t>(), uint64_t{kUnitsMax} + 1));
  }
  const Shape shape(extents);
  const auto size = shape.NumElements();
  if (!size.has_value() || *size > kUnitsMax) {
    return InvalidArgument("MODEL_TOO_LARGE",
                           absl::StrCat(input.path(), ": one timestep of ", batch_shape.dump(),
                                        " has more than ", kUnitsMax, " values"));
  }
  return shape;
}

absl::StatusOr<Shape> ReadInputLayer(const KerasConfig& input) {
  if (input.class_name() != "InputLayer") {
    return input.Error(absl::StrCat("the first layer is a ", input.class_name(),
                                    ", not the InputLayer that tells the shape of the input"));
  }
  for (const char* option : {"sparse", "ragged"}) {
    RNNSERVE_ASSIGN_OR_RETURN(const bool is_set, input.Bool(option, false));
    if (is_set) return input.Unsupported(absl::StrCat("a ", option, " input is not supported"));
  }
  RNNSERVE_ASSIGN_OR_RETURN(Shape shape, TimestepShape(input));
  RNNSERVE_ASSIGN_OR_RETURN(const std::string dtype, input.String("dtype", "float32"));
  const bool is_integer = dtype.find("int") != std::string::npos;
  if (dtype == "float32" || (is_integer && shape.rank() == 0)) return shape;
  return input.Unsupported(
      absl::StrCat("an input of dtype '", dtype, "' and shape ", input.Raw("batch_shape").dump(),
                   "; only float32, or whole numbers as token ids, is supported"));
}

// The layers of the model with its input in front, each called by its name in error texts.
absl::StatusOr<std::vector<KerasConfig>> NamedLayers(const KerasConfig& model) {
  RNNSERVE_ASSIGN_OR_RETURN(std::vector<KerasConfig> layers, model.Objects("layers"));
  if (layers.size() < 2) return model.Error("the model has no layers behind its input");
  if (layers.size() > kLayersMax + 1) {
    return InvalidArgument("MODEL_TOO_LARGE", absl::StrCat("the model has ", layers.size() - 1,
                                                           " layers; at most ", kLayersMax));
  }
  for (size_t i = 0; i < layers.size(); ++i) {
    layers[i] = KerasConfig(model.Raw("layers")[i], absl::StrCat("layer '", layers[i].name(), "'"));
  }
  return layers;
}

}  // namespace

absl::StatusOr<SequentialDescription> DescribeSequential(const KerasConfig& model,
                                                         const LayerRegistry& registry) {
  if (model.class_name() != "Sequential") {
    return Unimplemented("MODEL_UNSUPPORTED",
                         absl::StrCat("the model is a '", model.registered_name(),
                                      "'; only Sequential models are supported"));
  }
  RNNSERVE_RETURN_IF_ERROR(model.RequireFloat32());
  SequentialDescription description;
  RNNSERVE_ASSIGN_OR_RETURN(description.layers, NamedLayers(model));
  std::vector<KerasConfig>& layers = description.layers;
  const KerasConfig input = layers.front();
  layers.erase(layers.begin());

  std::vector<Part> parts;
  for (const KerasConfig& layer : layers) {
    RNNSERVE_RETURN_IF_ERROR(CollectParts({layer, /*is_cell=*/false}, registry, parts));
  }
  RNNSERVE_RETURN_IF_ERROR(CheckKnown(parts, registry));
  RNNSERVE_ASSIGN_OR_RETURN(description.input_shape, ReadInputLayer(input));
  std::set<std::string> names;
  for (const KerasConfig& layer : layers) RNNSERVE_RETURN_IF_ERROR(CheckName(layer, names));
  for (const Part& part : parts) RNNSERVE_RETURN_IF_ERROR(CheckPart(part.config));
  return description;
}

}  // namespace rnnserve
