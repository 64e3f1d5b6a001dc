// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/keras_import.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/import/keras_layout.h"
#include "core/import/keras_weights.h"
#include "core/model/json_reader.h"
#include "core/model/limits.h"
#include "core/model/sequential.h"

namespace rnnserve {
namespace {

using Json = nlohmann::json;

// Keys that say nothing of what a model computes. `shared_object_id` is an address in the memory of
// the Python that saved the model: with it no two files would be equal.
bool IsForTrainingOnly(absl::string_view key) {
  return key == "shared_object_id" || key == "trainable" || key == "build_config" ||
         key == "build_input_shape" || key == "compile_config" ||
         absl::EndsWith(key, "_initializer") || absl::EndsWith(key, "_regularizer") ||
         absl::EndsWith(key, "_constraint");
}

// The name under which a serialized object is looked up. Keras leaves it out for its own classes; a
// class of somebody else without a registered name gets that of its module, so that a "mine.LSTM"
// is not taken for the LSTM of Keras.
std::string RegisteredName(const KerasConfig& object, const Json& module) {
  const std::string name = object.registered_name();
  if (!module.is_string() || absl::StrContains(name, ">")) return name;
  const std::string module_name = module.get<std::string>();
  const bool is_keras = module_name == "keras" || absl::StartsWith(module_name, "keras.") ||
                        module_name == "builtins";
  return is_keras ? name : absl::StrCat(module_name, ">", name);
}

// The JSON of a bundle for the JSON of a `.keras` file: the same objects, less what only training
// and Python need.
Json Clean(const Json& value) {
  if (value.is_array()) {
    Json list = Json::array();
    for (const Json& element : value) list.push_back(Clean(element));
    return list;
  }
  if (!value.is_object()) return value;
  Json object = Json::object();
  if (value.contains("class_name") && value.contains("config")) {
    const KerasConfig config(value, "");
    if (config.class_name() == "DTypePolicy" && config.Raw("name").is_string()) {
      return config.Raw("name");
    }
    object["class_name"] = value["class_name"];
    object["config"] = Clean(value["config"]);
    const std::string name = RegisteredName(config, value.value("module", Json()));
    if (name != config.class_name()) object["registered_name"] = name;
    return object;
  }
  for (const auto& [key, element] : value.items()) {
    if (!IsForTrainingOnly(key)) object[key] = Clean(element);
  }
  return object;
}

// A layer on its way into the bundle.
struct ImportedLayer {
  Json object;
  LayerPlace place;
};

// Appends the layers of a serialized Sequential, and in the place of a Sequential among them its
// layers. `place` is that of the Sequential itself; the outermost has an empty scope.
absl::Status Dissolve(const KerasConfig& sequential, const LayerPlace& place,
                      std::vector<ImportedLayer>& layers) {
  RNNSERVE_ASSIGN_OR_RETURN(const std::vector<KerasConfig> objects, sequential.Objects("layers"));
  GroupNames group_names;
  for (size_t i = 0; i < objects.size(); ++i) {
    const KerasConfig& object = objects[i];
    const std::string name = object.name();
    LayerPlace inner{"", name, place.scope.empty() ? name : absl::StrCat(place.scope, "/", name)};
    if (object.class_name() == "InputLayer" && i == 0) {
      // Keras has no group for it; the model has one input.
      if (!layers.empty()) continue;
    } else {
      inner.path = absl::StrCat(place.path, "layers/", group_names.Next(object.class_name()));
    }
    if (object.class_name() == "Sequential") {
      inner.path += "/";
      RNNSERVE_RETURN_IF_ERROR(Dissolve(object, inner, layers));
      continue;
    }
    ImportedLayer layer{sequential.Raw("layers")[i], std::move(inner)};
    if (!name.empty()) layer.object["config"]["name"] = layer.place.scope;
    layers.push_back(std::move(layer));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadKerasVersion(const std::string& text) {
  RNNSERVE_ASSIGN_OR_RETURN(const Json metadata,
                            ParseJson(text, kModelJsonBytesMax, "metadata.json"));
  if (!metadata.is_object() || !metadata.value("keras_version", Json()).is_string()) {
    return InvalidArgument("MODEL_FORMAT", "metadata.json: 'keras_version' is missing");
  }
  const std::string version = metadata["keras_version"];
  if (absl::StartsWith(version, "1.") || absl::StartsWith(version, "2.")) {
    return MakeError(absl::StatusCode::kUnimplemented, "KERAS_VERSION",
                     absl::StrCat("metadata.json: saved by Keras ", version,
                                  "; only files of Keras 3 are read"));
  }
  return version;
}

// Moves the variables of a group into the bundle.
absl::Status TakeVariables(const VariableGroup& group, KerasWeights& source, WeightTable& weights) {
  const auto error = [&group](absl::string_view text) {
    return InvalidArgument("MODEL_WEIGHTS",
                           absl::StrCat("model.weights.h5: '", group.path, "' ", text));
  };
  const auto found = source.find(group.path);
  if (found == source.end()) {
    return group.names.empty() ? absl::OkStatus() : error("is missing");
  }
  KerasVariables& variables = found->second;
  if (!variables.owner.empty() && !group.owner.empty() && variables.owner != group.owner) {
    return error(absl::StrCat("belongs to '", variables.owner, "', but config.json has '",
                              group.owner, "' there"));
  }
  if (variables.values.size() != group.names.size()) {
    return error(absl::StrCat("has ", variables.values.size(), " variables, not the ",
                              group.names.size(), " of its layer (",
                              absl::StrJoin(group.names, ", "), ")"));
  }
  for (size_t i = 0; i < group.names.size(); ++i) {
    weights.insert_or_assign(group.names[i], std::move(variables.values[i]));
  }
  source.erase(found);
  return absl::OkStatus();
}

absl::Status CheckNothingLeft(const KerasWeights& source) {
  for (const auto& [path, variables] : source) {
    if (variables.values.empty()) continue;
    return InvalidArgument(
        "MODEL_WEIGHTS",
        absl::StrCat("model.weights.h5: '", path, "' has ", variables.values.size(),
                     " variables that belong to no layer of config.json"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Bundle> ImportKeras(const KerasArchive& archive, const LayerRegistry& registry) {
  RNNSERVE_ASSIGN_OR_RETURN(const std::string version, ReadKerasVersion(archive.metadata));
  RNNSERVE_ASSIGN_OR_RETURN(const Json config,
                            ParseJson(archive.config, kModelJsonBytesMax, "config.json"));
  Bundle bundle;
  bundle.generator = absl::StrCat("rnnserve-import, from a file of Keras ", version);
  bundle.model = Clean(config);
  std::vector<ImportedLayer> layers;
  const KerasConfig model(bundle.model, "config.json");
  if (model.class_name() == "Sequential") {
    RNNSERVE_RETURN_IF_ERROR(Dissolve(model, {}, layers));
    Json flat = Json::array();
    for (const ImportedLayer& layer : layers) flat.push_back(layer.object);
    bundle.model["config"]["layers"] = std::move(flat);
  }
  // Before the weights, so that an unsupported layer is called that and not a strange weight.
  RNNSERVE_RETURN_IF_ERROR(
      DescribeSequential(KerasConfig(bundle.model, "config.json"), registry).status());

  RNNSERVE_ASSIGN_OR_RETURN(KerasWeights weights, ReadKerasWeights(archive.weights));
  for (const auto& [object, place] : layers) {
    RNNSERVE_ASSIGN_OR_RETURN(const auto groups,
                              VariableGroups(KerasConfig(object, place.owner), place));
    for (const VariableGroup& group : groups) {
      RNNSERVE_RETURN_IF_ERROR(TakeVariables(group, weights, bundle.weights));
    }
  }
  RNNSERVE_RETURN_IF_ERROR(CheckNothingLeft(weights));
  RNNSERVE_RETURN_IF_ERROR(BuildModel(bundle, registry).status());
  return bundle;
}

}  // namespace rnnserve
