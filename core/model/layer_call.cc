// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/model/layer_call.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/limits.h"

namespace rnnserve {
namespace {

using Json = nlohmann::json;

constexpr char kTensorClass[] = "__keras_tensor__";

bool IsTensor(const Json& value) {
  return value.is_object() && value.value("class_name", Json()) == kTensorClass;
}

bool IsIndex(const Json& value) {
  return value.is_number_integer() && value.get<double>() >= 0 && value.get<double>() < 1 << 20;
}

// Reads [layer, call, tensor].
bool IsHistory(const Json& value) {
  return value.is_array() && value.size() == 3 && value[0].is_string() && IsIndex(value[1]) &&
         IsIndex(value[2]);
}

TensorRef FromHistory(const Json& history) {
  return {history[0].get<std::string>(), history[1].get<size_t>(), history[2].get<size_t>()};
}

// Appends the tensors of an argument, which is a tensor or nested lists of tensors. Anything else
// is appended to `others`.
absl::Status CollectTensors(const KerasConfig& layer, const Json& argument,
                            std::vector<TensorRef>& tensors, int& others) {
  if (IsTensor(argument)) {
    const Json& config = argument.value("config", Json());
    const Json history = config.is_object() ? config.value("keras_history", Json()) : Json();
    if (!IsHistory(history)) return layer.Error("a tensor in 'inbound_nodes' has no history");
    tensors.push_back(FromHistory(history));
  } else if (argument.is_array()) {
    for (const Json& element : argument) {
      RNNSERVE_RETURN_IF_ERROR(CollectTensors(layer, element, tensors, others));
    }
  } else {
    ++others;
  }
  return absl::OkStatus();
}

// Returns the tensors of an argument that holds only tensors; null holds none.
absl::StatusOr<std::vector<TensorRef>> Tensors(const KerasConfig& layer, const Json& argument,
                                               const std::string& name) {
  std::vector<TensorRef> tensors;
  if (argument.is_null()) return tensors;
  int others = 0;
  RNNSERVE_RETURN_IF_ERROR(CollectTensors(layer, argument, tensors, others));
  if (others == 0) return tensors;
  return layer.Unsupported(absl::StrCat("the argument '", name, "' of a call is no tensor"));
}

absl::Status SetMask(const KerasConfig& layer, const Json& argument, LayerCall& call) {
  RNNSERVE_ASSIGN_OR_RETURN(std::vector<TensorRef> masks, Tensors(layer, argument, "mask"));
  if (masks.size() > 1) {
    return layer.Unsupported(absl::StrCat(masks.size(), " masks of one call are not supported"));
  }
  if (!masks.empty()) call.mask = std::move(masks.front());
  return absl::OkStatus();
}

// Reads an argument by name. `training` is ignored, because the caller of a run decides it.
absl::Status AddNamed(const KerasConfig& layer, const std::string& name, const Json& argument,
                      LayerCall& call) {
  if (name == "mask") return SetMask(layer, argument, call);
  if (name == "training") return absl::OkStatus();
  RNNSERVE_ASSIGN_OR_RETURN(std::vector<TensorRef> tensors, Tensors(layer, argument, name));
  if (name == "initial_state") {
    call.initial_state = std::move(tensors);
  } else if (name == "constants") {
    call.constants = std::move(tensors);
  } else if (!tensors.empty()) {
    return layer.Unsupported(absl::StrCat("the argument '", name, "' of a call is not supported"));
  }
  return absl::OkStatus();
}

// Reads an argument by position. The first is the input or the list of inputs. The second is the
// initial state of a recurrent layer, or the second input of an operation on two tensors.
absl::Status AddPositional(const KerasConfig& layer, size_t position, const Json& argument,
                           LayerCall& call) {
  RNNSERVE_ASSIGN_OR_RETURN(std::vector<TensorRef> tensors,
                            Tensors(layer, argument, absl::StrCat(position)));
  const bool is_recurrent = layer.Has("return_sequences") || layer.Has("merge_mode");
  std::vector<TensorRef>& target = position == 1 && is_recurrent ? call.initial_state : call.inputs;
  target.insert(target.end(), tensors.begin(), tensors.end());
  return absl::OkStatus();
}

absl::StatusOr<LayerCall> ReadCall(const KerasConfig& layer, const Json& node) {
  if (!node.is_object() || !node.value("args", Json()).is_array()) {
    return layer.Error("an entry of 'inbound_nodes' has no 'args'");
  }
  LayerCall call;
  const Json& args = node["args"];
  for (size_t i = 0; i < args.size(); ++i) {
    RNNSERVE_RETURN_IF_ERROR(AddPositional(layer, i, args[i], call));
  }
  const Json kwargs = node.value("kwargs", Json::object());
  for (const auto& [name, argument] : kwargs.items()) {
    RNNSERVE_RETURN_IF_ERROR(AddNamed(layer, name, argument, call));
  }
  if (call.inputs.empty()) return layer.Error("a call in 'inbound_nodes' has no input");
  return call;
}

void CollectRefs(const Json& value, std::vector<TensorRef>& refs, bool& is_valid) {
  if (IsHistory(value)) {
    refs.push_back(FromHistory(value));
  } else if (value.is_structured() && !value.empty()) {
    for (const Json& element : value) CollectRefs(element, refs, is_valid);
  } else {
    is_valid = false;
  }
}

// Appends the path to each tensor in `value`. Sets `has_keys` if one of them is in an object.
void CollectPaths(const Json& value, const std::string& path, std::vector<std::string>& paths,
                  bool& has_keys) {
  if (IsHistory(value) || !value.is_structured()) {
    paths.push_back(path);
    return;
  }
  has_keys = has_keys || value.is_object();
  const std::string prefix = path.empty() ? "" : path + "/";
  for (const auto& [key, element] : value.items()) {
    CollectPaths(element, prefix + key, paths, has_keys);
  }
}

absl::Status CheckOutputName(const KerasConfig& model, const std::string& name) {
  if (name.empty()) return model.Error("an output in 'output_layers' has an empty name");
  if (name.size() > kLayerNameBytesMax) {
    return model.Error(absl::StrCat("the name of an output has ", name.size(), " bytes; at most ",
                                    kLayerNameBytesMax));
  }
  if (std::any_of(name.begin(), name.end(),
                  [](unsigned char c) { return absl::ascii_iscntrl(c); })) {
    return model.Error("the name of an output holds a control character");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<LayerCall>> ReadLayerCalls(const KerasConfig& layer,
                                                      const Json& inbound_nodes) {
  if (!inbound_nodes.is_array()) return layer.Error("'inbound_nodes' is missing");
  std::vector<LayerCall> calls;
  for (const Json& node : inbound_nodes) {
    RNNSERVE_ASSIGN_OR_RETURN(LayerCall call, ReadCall(layer, node));
    calls.push_back(std::move(call));
  }
  return calls;
}

absl::StatusOr<std::vector<TensorRef>> ReadTensorRefs(const KerasConfig& model, const char* key) {
  std::vector<TensorRef> refs;
  bool is_valid = true;
  CollectRefs(model.Raw(key), refs, is_valid);
  if (is_valid && !refs.empty()) return refs;
  return model.Error(absl::StrCat("'", key, "' is not a list of [layer, call, tensor]"));
}

absl::StatusOr<std::vector<std::string>> ReadOutputNames(const KerasConfig& model) {
  std::vector<std::string> names;
  bool has_keys = false;
  CollectPaths(model.Raw("output_layers"), "", names, has_keys);
  if (!has_keys) return std::vector<std::string>();
  std::set<std::string> seen;
  for (const std::string& name : names) {
    RNNSERVE_RETURN_IF_ERROR(CheckOutputName(model, name));
    if (!seen.insert(name).second) {
      return model.Error(absl::StrCat("two outputs have the name '", name, "'"));
    }
  }
  return names;
}

}  // namespace rnnserve
