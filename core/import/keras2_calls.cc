// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/keras2_calls.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/status_macros.h"
#include "core/keras/keras_config.h"

namespace rnnserve {
namespace {

using Json = nlohmann::json;

// Returns whether the value is [layer, call, tensor]. In calls the keyword arguments follow as a
// fourth element.
bool IsTensor(const Json& value) {
  return value.is_array() && value.size() >= 3 && value.size() <= 4 && value[0].is_string() &&
         value[1].is_number_integer() && value[2].is_number_integer();
}

class CallConverter {
 public:
  // `models` are the layers whose calls are counted from 1.
  CallConverter(const KerasConfig& layer, bool takes_states, const std::set<std::string>& models)
      : layer_(layer), takes_states_(takes_states), models_(models) {}

  absl::StatusOr<Json> Convert(const Json& call) const {
    // There may be no list around a single tensor.
    const Json tensors = IsTensor(call) ? Json::array({call}) : call;
    if (!tensors.is_array() || tensors.empty() ||
        !std::all_of(tensors.begin(), tensors.end(), IsTensor)) {
      return layer_.Error("an entry of 'inbound_nodes' is not a list of tensors");
    }
    Json kwargs = Json::object();
    if (tensors[0].size() == 4 && tensors[0][3].is_object()) {
      for (const auto& [name, value] : tensors[0][3].items()) kwargs[name] = Argument(value);
    }
    Json inputs = Json::array();
    for (const Json& tensor : tensors) inputs.push_back(Argument(tensor));
    Json converted = Json::object();
    if (inputs.size() > 1 && !takes_states_) {
      converted["args"].push_back(std::move(inputs));
    } else {
      RNNSERVE_RETURN_IF_ERROR(MoveStates(inputs, kwargs));
      converted["args"].push_back(inputs[0]);
    }
    converted["kwargs"] = std::move(kwargs);
    return converted;
  }

 private:
  // Moves the states and constants from the inputs, [x, states..., constants...], to `kwargs`.
  absl::Status MoveStates(const Json& inputs, Json& kwargs) const {
    const Json& count = layer_.Raw("num_constants");
    const int64_t num_constants = count.is_number_integer() ? count.get<int64_t>() : 0;
    const auto num_others = static_cast<int64_t>(inputs.size()) - 1;
    if (num_constants < 0 || num_constants > num_others) {
      return layer_.Error(absl::StrCat("'num_constants' is ", num_constants, ", but a call has ",
                                       num_others, " tensors after the first"));
    }
    const auto constants = inputs.end() - num_constants;
    if (inputs.begin() + 1 != constants) {
      kwargs["initial_state"] = Json(inputs.begin() + 1, constants);
    }
    if (num_constants > 0) kwargs["constants"] = Json(constants, inputs.end());
    return absl::OkStatus();
  }

  // Returns an argument with all its tensors in the form of Keras 3.
  Json Argument(const Json& value) const {
    if (IsTensor(value)) {
      const bool is_model = models_.contains(value[0].get<std::string>());
      const auto call = value[1].get<int64_t>();
      return KerasTensor(value[0], is_model && call > 0 ? call - 1 : call, value[2]);
    }
    if (!value.is_array()) return value;
    Json list = Json::array();
    for (const Json& element : value) list.push_back(Argument(element));
    return list;
  }

  const KerasConfig& layer_;
  const bool takes_states_;
  const std::set<std::string>& models_;
};

// Converts the tensors in `output_layers`. There Keras 2 counts the calls of every inner model from
// 1. Keras 3 does so only for a Functional and counts the calls of a Sequential from 0.
void CountFromZero(Json& output, const std::set<std::string>& sequentials) {
  if (IsTensor(output)) {
    const bool is_sequential = sequentials.contains(output[0].get<std::string>());
    if (is_sequential && output[1] >= 1) output[1] = output[1].get<int64_t>() - 1;
  } else if (output.is_structured()) {
    for (Json& element : output) CountFromZero(element, sequentials);
  }
}

}  // namespace

bool TakesKeras2States(const LayerRegistry& registry, absl::string_view class_name) {
  const LayerTraits* const traits = registry.TraitsOf(class_name);
  return traits != nullptr && traits->takes_states;
}

Json KerasTensor(const Json& layer, const Json& call, const Json& tensor) {
  return {{"class_name", "__keras_tensor__"},
          {"config", {{"keras_history", Json::array({layer, call, tensor})}}}};
}

absl::Status ConvertKeras2Calls(Json& functional_config, const LayerRegistry& registry) {
  std::set<std::string> models;
  std::set<std::string> sequentials;
  for (Json& layer : functional_config["layers"]) {
    const std::string class_name = KerasConfig(layer, "").class_name();
    std::string name = KerasConfig(layer, "").name();
    // The config of a Sequential may be a bare list; then the name is a key of the object.
    if (name.empty() && layer.is_object() && layer.value("name", Json()).is_string()) {
      name = layer["name"];
    }
    if (class_name == "Sequential") sequentials.insert(name);
    if (class_name == "Sequential" || class_name == "Functional" || class_name == "Model") {
      models.insert(std::move(name));
    }
  }
  for (Json& layer : functional_config["layers"]) {
    if (!layer.is_object() || !layer.value("inbound_nodes", Json()).is_array()) continue;
    const KerasConfig config(layer, absl::StrCat("layer '", KerasConfig(layer, "").name(), "'"));
    const CallConverter converter(config, TakesKeras2States(registry, config.class_name()), models);
    for (Json& call : layer["inbound_nodes"]) {
      RNNSERVE_ASSIGN_OR_RETURN(call, converter.Convert(Json(call)));
    }
  }
  if (functional_config.contains("output_layers")) {
    CountFromZero(functional_config["output_layers"], sequentials);
  }
  return absl::OkStatus();
}

}  // namespace rnnserve
