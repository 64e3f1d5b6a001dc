// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/keras2_config.h"

#include <set>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/import/keras2_calls.h"
#include "core/import/keras2_masks.h"
#include "core/keras/keras_config.h"

namespace rnnserve {
namespace {

using Json = nlohmann::json;

KerasConfig Config(const Json& object) {
  const std::string name = KerasConfig(object, "").name();
  return KerasConfig(object, absl::StrCat("layer '", name, "'"));
}

// Renames the function that Keras 2 calls hard_sigmoid, in every option that is an activation.
void RenameHardSigmoid(Json& config) {
  for (auto& [key, value] : config.items()) {
    if (absl::EndsWith(key, "activation") && value == "hard_sigmoid") value = "hard_sigmoid_v1";
  }
}

// Renames the option `from` to `to`, unless there is a `to` already.
void Rename(Json& config, const char* from, const char* to) {
  if (!config.contains(from) || config.contains(to)) return;
  config[to] = std::move(config[from]);
  config.erase(from);
}

// Removes options that Keras 3 no longer has; refuses those whose value Keras 3 cannot express.
absl::Status RemoveOldOptions(Json& object) {
  Json& config = object["config"];
  for (const char* option : {"time_major", "reverse_state_order"}) {
    if (config.value(option, Json(false)) != false) {
      return Config(object).Unsupported(absl::StrCat("'", option, "' is not supported"));
    }
    config.erase(option);
  }
  config.erase("batch_input_shape");
  config.erase("input_length");
  return absl::OkStatus();
}

// Adds the options of a Bidirectional that Keras 2 does not write: the backward layer, which it
// usually leaves out, and zeros for masked timesteps in both layers.
void CompleteBidirectional(Json& config) {
  Json& forward = config["layer"];
  if (!forward.is_object() || !forward.value("config", Json()).is_object()) return;
  if (config.value("backward_layer", Json()).is_null()) {
    config["backward_layer"] = forward;
    Json& backward = config["backward_layer"]["config"];
    backward["go_backwards"] = forward["config"].value("go_backwards", Json(false)) == false;
  }
  for (const char* key : {"layer", "backward_layer"}) {
    Json& layer = config[key]["config"];
    if (!layer.is_object()) continue;
    layer["zero_output_for_mask"] = layer.value("return_sequences", Json(false));
  }
}

// Converts those options of a class whose names or defaults have changed.
void ConvertOptions(const std::string& class_name, Json& config) {
  RenameHardSigmoid(config);
  if (class_name == "GRU" || class_name == "GRUCell") {
    if (!config.contains("reset_after")) config["reset_after"] = false;
  } else if (class_name == "LeakyReLU") {
    Rename(config, "alpha", "negative_slope");
  } else if (class_name == "BatchNormalization") {
    const Json axis = config.value("axis", Json());
    if (axis.is_array() && axis.size() == 1) config["axis"] = axis[0];
  } else if (class_name == "Bidirectional") {
    CompleteBidirectional(config);
  }
}

// Returns the shape of the input that a layer, or the first layer of a model, was created with.
Json InputShapeOf(const Json& object) {
  const KerasConfig config(object, "");
  for (const char* key : {"batch_input_shape", "batch_shape"}) {
    if (config.Raw(key).is_array()) return config.Raw(key);
  }
  const Json& layers = config.class_name() == "Sequential" && object["config"].is_array()
                           ? object["config"]
                           : config.Raw("layers");
  if (layers.is_array() && !layers.empty()) {
    const Json shape = InputShapeOf(layers[0]);
    if (!shape.is_null()) return shape;
  }
  return config.Raw("build_input_shape");
}

// Inserts an InputLayer into a Sequential in which only the first layer has the shape of the input.
void AddInputLayer(Json& config, const Json& shape) {
  Json& layers = config["layers"];
  if (!layers.is_array() || layers.empty() || !shape.is_array()) return;
  const KerasConfig first(layers[0], "");
  if (first.class_name() == "InputLayer") return;
  Json input = {{"class_name", "InputLayer"},
                {"config", {{"name", first.name() + "_input"}, {"batch_shape", shape}}}};
  if (first.class_name() == "Embedding") input["config"]["dtype"] = "int32";
  layers.insert(layers.begin(), std::move(input));
}

absl::Status ConvertObject(Json& object, const LayerRegistry& registry);

absl::Status ConvertModel(Json& object, const LayerRegistry& registry) {
  const Json shape = InputShapeOf(object);
  if (object["config"].is_array()) {
    Json layers = std::move(object["config"]);
    object["config"] = {{"name", object.value("name", Json("sequential"))},
                        {"layers", std::move(layers)}};
  }
  Json& config = object["config"];
  if (!config.is_object() || !config.value("layers", Json()).is_array()) return absl::OkStatus();
  if (object["class_name"] == "Sequential") {
    AddInputLayer(config, shape);
  } else {
    RNNSERVE_RETURN_IF_ERROR(ConvertKeras2Calls(config, registry));
    RNNSERVE_RETURN_IF_ERROR(WriteOutKeras2Masks(config, registry));
  }
  for (Json& layer : config["layers"]) RNNSERVE_RETURN_IF_ERROR(ConvertObject(layer, registry));
  return absl::OkStatus();
}

// Converts a layer, a cell, a model or any other serialized object.
absl::Status ConvertObject(Json& object, const LayerRegistry& registry) {
  if (!object.is_object() || !object.value("class_name", Json()).is_string()) {
    return absl::OkStatus();
  }
  if (object["class_name"] == "Model") object["class_name"] = "Functional";
  const std::string class_name = object["class_name"];
  if (class_name == "Sequential" || class_name == "Functional")
    return ConvertModel(object, registry);
  Json& config = object["config"];
  if (!config.is_object()) return absl::OkStatus();
  if (class_name == "InputLayer") {
    Rename(config, "batch_input_shape", "batch_shape");
    return absl::OkStatus();
  }
  RNNSERVE_RETURN_IF_ERROR(RemoveOldOptions(object));
  ConvertOptions(class_name, config);
  for (const char* key : {"layer", "backward_layer", "cell", "activation"}) {
    if (config.contains(key)) RNNSERVE_RETURN_IF_ERROR(ConvertObject(config[key], registry));
  }
  if (!config.value("cells", Json()).is_array()) return absl::OkStatus();
  for (Json& cell : config["cells"]) RNNSERVE_RETURN_IF_ERROR(ConvertObject(cell, registry));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Json> ConvertKeras2Config(Json model, const LayerRegistry& registry) {
  RNNSERVE_RETURN_IF_ERROR(ConvertObject(model, registry));
  return model;
}

}  // namespace rnnserve
