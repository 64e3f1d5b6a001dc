// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/keras2_masks.h"

#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/import/keras2_calls.h"
#include "core/keras/keras_config.h"

namespace rnnserve {
namespace {

using Json = nlohmann::json;

Json Operation(const std::string& class_name, const std::string& name, Json config, Json args) {
  config["name"] = name;
  Json call = {{"args", std::move(args)}, {"kwargs", Json::object()}};
  return {{"module", "keras.src.ops.numpy"},
          {"class_name", class_name},
          {"config", std::move(config)},
          {"inbound_nodes", Json::array({std::move(call)})}};
}

class MaskFinder {
 public:
  MaskFinder(const Json& layers, const LayerRegistry& registry) : registry_(registry) {
    for (const Json& layer : layers) layers_.emplace(KerasConfig(layer, "").name(), &layer);
  }

  // The operations that compute the masks found so far.
  const Json& operations() const { return operations_; }

  // Returns the mask of a tensor, as a tensor; null if it has none.
  absl::StatusOr<Json> MaskOf(const Json& tensor, int depth);

 private:
  // Returns null if no input of the layer has a mask. Otherwise returns an error, because it is not
  // known what the layer does with a mask.
  absl::StatusOr<Json> NoMaskOf(const Json& input, const KerasConfig& layer, int depth);
  // Returns the tensor from which the mask is computed, the first argument of a call; null if there
  // is no such call.
  static Json InputOf(const Json& layer, size_t call);
  Json Compare(const KerasConfig& layer, size_t call, const Json& input, const Json& number,
               bool any_feature);

  const LayerRegistry& registry_;
  std::map<std::string, const Json*> layers_;
  std::set<std::string> compared_;  // the names of the operations
  Json operations_ = Json::array();
};

Json MaskFinder::InputOf(const Json& layer, size_t call) {
  const Json calls = layer.value("inbound_nodes", Json());
  if (!calls.is_array() || call >= calls.size()) return Json();
  return calls[call]["args"][0];
}

Json MaskFinder::Compare(const KerasConfig& layer, size_t call, const Json& input,
                         const Json& number, bool any_feature) {
  const std::string not_equal = absl::StrCat(layer.name(), "_mask_", call);
  const std::string any = absl::StrCat(not_equal, "_any");
  const std::string& last = any_feature ? any : not_equal;
  if (compared_.insert(last).second) {
    operations_.push_back(
        Operation("NotEqual", not_equal, Json::object(), Json::array({input, number})));
    if (any_feature) {
      operations_.push_back(Operation("Any", any, {{"axis", -1}, {"keepdims", false}},
                                      Json::array({KerasTensor(not_equal, 0, 0)})));
    }
  }
  return KerasTensor(last, 0, 0);
}

absl::StatusOr<Json> MaskFinder::MaskOf(const Json& tensor, int depth) {
  if (!tensor.is_object()) return Json();
  const Json& history = tensor["config"]["keras_history"];
  const auto found = layers_.find(history[0].get<std::string>());
  const auto call = history[1].get<int64_t>();
  // ReadGraph reports tensors of unknown layers and cycles.
  if (found == layers_.end() || call < 0 || depth > static_cast<int>(layers_.size())) return Json();
  const Json& object = *found->second;
  const KerasConfig layer(object, absl::StrCat("layer '", found->first, "'"));
  const std::string class_name = layer.class_name();
  const Json input = InputOf(object, static_cast<size_t>(call));
  const LayerTraits* const traits = registry_.TraitsOf(class_name);
  if (input.is_null()) return Json();
  switch (traits == nullptr ? Keras2Mask::kUnknown : traits->keras2_mask) {
    case Keras2Mask::kEnds:
      return Json();
    case Keras2Mask::kPasses:
      return MaskOf(input, depth + 1);
    case Keras2Mask::kWithSequences: {
      const KerasConfig inner(layer.Has("layer") ? layer.Raw("layer") : object, layer.path());
      RNNSERVE_ASSIGN_OR_RETURN(const bool is_sequence, inner.Bool("return_sequences", false));
      return is_sequence && history[2] == 0 ? MaskOf(input, depth + 1) : Json();
    }
    case Keras2Mask::kNotZero: {
      RNNSERVE_ASSIGN_OR_RETURN(const bool has_mask, layer.Bool("mask_zero", false));
      if (!has_mask) return Json();
      return Compare(layer, static_cast<size_t>(call), input, 0, /*any_feature=*/false);
    }
    case Keras2Mask::kNotMaskValue: {
      const Json& value = layer.Raw("mask_value");
      return Compare(layer, static_cast<size_t>(call), input, value.is_null() ? Json(0.0) : value,
                     /*any_feature=*/true);
    }
    case Keras2Mask::kUnknown:
      break;
  }
  return NoMaskOf(input, layer, depth);
}

absl::StatusOr<Json> MaskFinder::NoMaskOf(const Json& input, const KerasConfig& layer, int depth) {
  const Json inputs = input.is_array() ? input : Json::array({input});
  for (const Json& one : inputs) {
    RNNSERVE_ASSIGN_OR_RETURN(const Json mask, MaskOf(one, depth + 1));
    if (mask.is_null()) continue;
    return layer.Unsupported(absl::StrCat("a mask through a ", layer.class_name(),
                                          " to a layer with an initial state is not supported"));
  }
  return Json();
}

}  // namespace

absl::Status WriteOutKeras2Masks(Json& functional_config, const LayerRegistry& registry) {
  Json& layers = functional_config["layers"];
  const Json original = layers;
  MaskFinder finder(original, registry);
  for (Json& layer : layers) {
    if (!TakesKeras2States(registry, KerasConfig(layer, "").class_name()) ||
        !layer.value("inbound_nodes", Json()).is_array()) {
      continue;
    }
    for (Json& call : layer["inbound_nodes"]) {
      Json& kwargs = call["kwargs"];
      if (!kwargs.contains("initial_state") || !kwargs.value("mask", Json()).is_null()) continue;
      RNNSERVE_ASSIGN_OR_RETURN(Json mask, finder.MaskOf(call["args"][0], 0));
      if (!mask.is_null()) kwargs["mask"] = std::move(mask);
    }
  }
  for (const Json& operation : finder.operations()) layers.push_back(operation);
  return absl::OkStatus();
}

}  // namespace rnnserve
