// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/model/model_parts.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/model/limits.h"

namespace rnnserve {
namespace {

// The maximum depth of nested models. Each level is a level of recursion here and in
// ReadGraph.
constexpr int kNestingMax = 16;

// How a class that is not built in can be served. Plug-ins provide cells only.
constexpr absl::string_view kWaysOfCells =
    "a class of your own is served as a step program that is exported with the model "
    "(rnnserve>ProgramCell and rnnserve>Program, core/program/PROGRAMS.md), and a cell also by a "
    "plug-in (--cell-plugin, core/cells/CUSTOM_CELLS.md)";
constexpr absl::string_view kWayOfLayers =
    "a class of your own is served as a step program that is exported with the model "
    "(rnnserve>Program, core/program/PROGRAMS.md)";

// A layer or cell at any depth.
struct Part {
  KerasConfig config;
  bool is_cell = false;
};

bool IsKnown(const Part& part, const LayerRegistry& registry) {
  const std::string name = part.config.registered_name();
  if (part.is_cell) return registry.cells().Contains(name);
  return registry.Contains(name) || name == "InputLayer";
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

// All parts of a model, in the order of the file.
class PartList {
 public:
  explicit PartList(const LayerRegistry& registry) : registry_(registry) {}

  const std::vector<Part>& parts() const { return parts_; }

  absl::Status AddModel(const KerasConfig& model, const std::string& scope, int depth) {
    if (depth > kNestingMax) {
      return model.Error(absl::StrCat("models are nested more than ", kNestingMax, " deep"));
    }
    models_.push_back({model, false});
    RNNSERVE_ASSIGN_OR_RETURN(const std::vector<KerasConfig> layers, model.Objects("layers"));
    std::set<std::string> names;
    for (size_t i = 0; i < layers.size(); ++i) {
      const std::string path = scope + layers[i].name();
      const KerasConfig layer(model.Raw("layers")[i], absl::StrCat("layer '", path, "'"));
      name_status_.Update(CheckName(layer, names));
      RNNSERVE_RETURN_IF_ERROR(IsModelClass(layer.registered_name())
                                   ? AddModel(layer, path + "/", depth + 1)
                                   : AddPart({layer, false}));
    }
    return absl::OkStatus();
  }

  // Reports all parts whose class is not registered.
  absl::Status CheckKnown() const {
    std::vector<std::string> unknown;
    bool only_cells = true;
    bool any_cells = false;
    for (const Part& part : parts_) {
      if (IsKnown(part, registry_)) continue;
      unknown.push_back(absl::StrCat(part.config.path(), " (", part.config.registered_name(), ")"));
      only_cells = only_cells && part.is_cell;
      any_cells = any_cells || part.is_cell;
    }
    if (unknown.empty()) return absl::OkStatus();
    return MakeError(absl::StatusCode::kUnimplemented,
                     only_cells ? "CELL_UNSUPPORTED" : "LAYER_UNSUPPORTED",
                     absl::StrCat("not supported: ", absl::StrJoin(unknown, ", "), "; ",
                                  any_cells ? kWaysOfCells : kWayOfLayers));
  }

  absl::Status CheckEach() const {
    RNNSERVE_RETURN_IF_ERROR(name_status_);
    for (const Part& model : models_) RNNSERVE_RETURN_IF_ERROR(model.config.CheckDtypePolicy());
    int64_t num_layers = 0;
    for (const Part& part : parts_) {
      if (part.config.class_name() == "InputLayer") continue;
      RNNSERVE_RETURN_IF_ERROR(CheckPart(part.config));
      ++num_layers;
    }
    if (num_layers == 0) return models_.front().config.Error("the model has no layers");
    if (num_layers <= kLayersMax) return absl::OkStatus();
    return InvalidArgument("MODEL_TOO_LARGE", absl::StrCat("the model has ", num_layers,
                                                           " layers; at most ", kLayersMax));
  }

 private:
  // Appends the part and all layers and cells inside it. The parts of an unknown class are not
  // appended, because the meaning of its configuration is unknown too.
  absl::Status AddPart(Part part) {
    const KerasConfig config = part.config;
    parts_.push_back(std::move(part));
    if (!IsKnown(parts_.back(), registry_)) return absl::OkStatus();
    for (const char* key : {"layer", "backward_layer", "cell"}) {
      if (config.Raw(key).is_null()) continue;
      RNNSERVE_ASSIGN_OR_RETURN(KerasConfig nested, config.Object(key));
      RNNSERVE_RETURN_IF_ERROR(AddPart({std::move(nested), absl::string_view(key) == "cell"}));
    }
    if (config.Raw("cells").is_null()) return absl::OkStatus();
    RNNSERVE_ASSIGN_OR_RETURN(const std::vector<KerasConfig> cells, config.Objects("cells"));
    for (const KerasConfig& cell : cells) {
      RNNSERVE_RETURN_IF_ERROR(AddPart({cell, /*is_cell=*/true}));
    }
    return absl::OkStatus();
  }

  static absl::Status CheckSize(const KerasConfig& config, absl::string_view key, int64_t max) {
    if (!config.Has(key)) return absl::OkStatus();
    RNNSERVE_ASSIGN_OR_RETURN(const int64_t size, config.PositiveInt(key));
    if (size <= max) return absl::OkStatus();
    return InvalidArgument("MODEL_TOO_LARGE", absl::StrCat(config.path(), ": '", key, "' is ", size,
                                                           "; at most ", max));
  }

  static absl::Status CheckPart(const KerasConfig& config) {
    RNNSERVE_RETURN_IF_ERROR(config.CheckDtypePolicy());
    RNNSERVE_RETURN_IF_ERROR(CheckSize(config, "units", kUnitsMax));
    RNNSERVE_RETURN_IF_ERROR(CheckSize(config, "filters", kUnitsMax));
    RNNSERVE_RETURN_IF_ERROR(CheckSize(config, "output_dim", kUnitsMax));
    return CheckSize(config, "input_dim", kTokensMax);
  }

  const LayerRegistry& registry_;
  std::vector<Part> parts_;
  std::vector<Part> models_;  // the model itself and those inside it
  absl::Status name_status_;  // the first invalid name; unknown classes are reported first
};

}  // namespace

bool IsModelClass(absl::string_view class_name) {
  return class_name == "Sequential" || class_name == "Functional";
}

absl::Status CheckModelParts(const KerasConfig& model, const LayerRegistry& registry) {
  PartList list(registry);
  RNNSERVE_RETURN_IF_ERROR(list.AddModel(model, "", 0));
  RNNSERVE_RETURN_IF_ERROR(list.CheckKnown());
  return list.CheckEach();
}

}  // namespace rnnserve
