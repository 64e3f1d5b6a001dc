// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_CORE_MODEL_KERAS_JSON_H_
#define RNNSERVE_TESTS_CORE_MODEL_KERAS_JSON_H_

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

// Functions that return serialized Keras objects with no more than a test needs.
namespace rnnserve::testing {

using Json = nlohmann::json;

inline Json LayerJson(const std::string& class_name, const std::string& name,
                      Json config = Json::object()) {
  config["name"] = name;
  return {{"class_name", class_name}, {"config", std::move(config)}};
}

// Returns an InputLayer "x" of shape [batch, time, features], or [batch, time] for 0 features.
inline Json InputJson(int64_t features) {
  Json batch_shape = {nullptr, nullptr};
  if (features > 0) batch_shape.push_back(features);
  return LayerJson("InputLayer", "x", {{"batch_shape", std::move(batch_shape)}});
}

inline Json InputJson(const std::string& name, Json batch_shape) {
  return LayerJson("InputLayer", name, {{"batch_shape", std::move(batch_shape)}});
}

// Returns a reference to a tensor of a Functional: output `tensor` of call `call` of a layer.
inline Json TensorJson(const std::string& layer, int call = 0, int tensor = 0) {
  return {{"class_name", "__keras_tensor__"},
          {"config", {{"keras_history", {layer, call, tensor}}}}};
}

// Returns the layer with one more call, which has these arguments and keyword arguments.
inline Json Called(Json layer, Json args, Json kwargs = Json::object()) {
  layer["inbound_nodes"].push_back({{"args", std::move(args)}, {"kwargs", std::move(kwargs)}});
  return layer;
}

// Returns a Functional. Inputs and outputs are lists of [layer, call, tensor].
inline Json FunctionalJson(std::vector<Json> layers, Json inputs, Json outputs,
                           const std::string& name = "model") {
  return LayerJson("Functional", name,
                   {{"layers", std::move(layers)},
                    {"input_layers", std::move(inputs)},
                    {"output_layers", std::move(outputs)}});
}

inline Json SequentialJson(std::vector<Json> layers, const std::string& name = "model") {
  return LayerJson("Sequential", name, {{"layers", std::move(layers)}});
}

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_CORE_MODEL_KERAS_JSON_H_
