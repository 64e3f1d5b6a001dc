// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/keras_config_cleaner.h"

#include <algorithm>
#include <array>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/keras/keras_config.h"

namespace rnnserve {
namespace {

using Json = nlohmann::json;

// Returns whether the key has no influence on what a model computes. `shared_object_id` is an
// address in the memory of the process that saved the model; with it, no two bundles would be
// equal.
bool IsForTrainingOnly(absl::string_view key) {
  constexpr std::array<absl::string_view, 5> kKeys = {
      "shared_object_id", "trainable", "build_config", "build_input_shape", "compile_config"};
  return std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end() ||
         absl::EndsWith(key, "_initializer") || absl::EndsWith(key, "_regularizer") ||
         absl::EndsWith(key, "_constraint");
}

bool IsDtypePolicy(absl::string_view class_name) {
  return class_name == "DTypePolicy" || class_name == "FloatDTypePolicy" || class_name == "Policy";
}

Json CleanTensor(const Json& config) {
  Json kept = Json::object();
  if (config.is_object() && config.contains("keras_history")) {
    kept["keras_history"] = config["keras_history"];
  }
  return {{"class_name", "__keras_tensor__"}, {"config", std::move(kept)}};
}

// Moves the number from the arguments [tensor, number] to the config.
void MoveComparedNumber(Json& object) {
  Json& calls = object["inbound_nodes"];
  if (!calls.is_array() || calls.size() != 1 || !calls[0].is_object() ||
      !object["config"].is_object()) {
    return;
  }
  Json& args = calls[0]["args"];
  if (!args.is_array() || args.size() != 2 || !args[1].is_number()) return;
  object["config"]["value"] = args[1];
  args.erase(1);
}

// Converts tensors in which the calls of `models` are counted from 1, because Keras counts the call
// that created the model as call 0.
void CountCallsFromZero(Json& output, const std::set<std::string>& models) {
  if (!output.is_structured()) return;
  const bool is_tensor = output.is_array() && output.size() == 3 && output[0].is_string();
  if (!is_tensor) {
    for (Json& element : output) CountCallsFromZero(element, models);
  } else if (models.contains(output[0].get<std::string>()) && output[1].is_number_integer() &&
             output[1] >= 1) {
    output[1] = output[1].get<int64_t>() - 1;
  }
}

void CleanOutputs(Json& config) {
  std::set<std::string> models;
  for (const Json& layer : config["layers"]) {
    const KerasConfig object(layer, "");
    if (object.class_name() == "Functional") models.insert(object.name());
  }
  if (config.contains("output_layers")) CountCallsFromZero(config["output_layers"], models);
}

Json CleanObject(const Json& value) {
  const KerasConfig source(value, "");
  const std::string class_name = source.class_name();
  if (class_name == "__keras_tensor__") return CleanTensor(value["config"]);
  if (IsDtypePolicy(class_name) && source.Raw("name").is_string()) return source.Raw("name");
  if ((class_name == "__tensor__" || class_name == "__numpy__") &&
      source.Raw("value").is_number()) {
    return source.Raw("value");
  }
  // The older formats have no registered name; the class name is "package>Name".
  const std::string plain_name = class_name.substr(class_name.rfind('>') + 1);
  Json object = {{"class_name", plain_name}, {"config", CleanKerasConfig(value["config"])}};
  // Only masks have the dtype bool; all other supported dtypes are floating-point types.
  if (object["config"].is_object() && object["config"].value("dtype", Json()) == "bool") {
    object["config"].erase("dtype");
  }
  const std::string name = RegisteredNameOf(value);
  if (name != plain_name) object["registered_name"] = name;
  if (value.contains("inbound_nodes")) {
    object["inbound_nodes"] = CleanKerasConfig(value["inbound_nodes"]);
    if (class_name == "NotEqual") MoveComparedNumber(object);
  }
  if (class_name == "Functional" && object["config"].is_object()) CleanOutputs(object["config"]);
  return object;
}

}  // namespace

std::string RegisteredNameOf(const Json& object) {
  std::string name = KerasConfig(object, "").registered_name();
  if (!object.is_object() || absl::StrContains(name, ">")) return name;
  const Json module = object.value("module", Json());
  if (!module.is_string()) {
    // Keras writes null for the module "__main__". Its own classes have a module and no registered
    // name; the older formats have neither.
    const bool is_keras = !object.value("registered_name", Json()).is_string();
    return is_keras ? name : absl::StrCat("__main__>", name);
  }
  const std::string module_name = module.get<std::string>();
  const bool is_keras = module_name == "keras" || absl::StartsWith(module_name, "keras.") ||
                        module_name == "builtins";
  return is_keras ? name : absl::StrCat(module_name, ">", name);
}

Json CleanKerasConfig(const Json& value) {
  if (value.is_array()) {
    Json list = Json::array();
    for (const Json& element : value) list.push_back(CleanKerasConfig(element));
    return list;
  }
  if (!value.is_object()) return value;
  if (value.contains("class_name") && value.contains("config")) return CleanObject(value);
  Json object = Json::object();
  for (const auto& [key, element] : value.items()) {
    // A frozen BatchNormalization computes the same with training=True as without.
    const bool is_frozen = key == "trainable" && element == false;
    if (is_frozen || !IsForTrainingOnly(key)) object[key] = CleanKerasConfig(element);
  }
  return object;
}

}  // namespace rnnserve
