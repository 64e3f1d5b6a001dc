// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/model/graph.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/model/input_layer.h"
#include "core/model/layer_call.h"
#include "core/model/model_parts.h"

namespace rnnserve {
namespace {

using Values = std::vector<Graph::Value>;

// The arguments of a call of a model.
struct ModelInputs {
  Values values;
  std::optional<Graph::Value> mask;  // of the input
};

// Shared models inside shared models multiply the number of nodes, and each node takes space in a
// workspace.
constexpr size_t kNodesMax = 4096;

KerasConfig LayerAt(const KerasConfig& model, const std::string& scope, size_t i) {
  const nlohmann::json& layer = model.Raw("layers")[i];
  return KerasConfig(layer, absl::StrCat("layer '", scope, KerasConfig(layer, "").name(), "'"));
}

// Returns the number of outputs of a layer that are not states. Only a Bidirectional without a merge
// mode and a program have several.
size_t NumOutputs(const KerasConfig& layer) {
  if (layer.Has("merge_mode") && layer.Raw("merge_mode").is_null()) return 2;
  if (layer.registered_name() != kProgramLayer) return 1;
  const nlohmann::json& program = layer.Raw("program");
  const auto outputs = program.is_object() ? program.find("outputs") : program.end();
  return outputs == program.end() ? 1 : std::max<size_t>(1, outputs->size());
}

// A call of a layer of one Functional that is not in the graph yet.
struct PendingCall {
  KerasConfig layer;
  std::string name;  // within the Functional
  size_t index = 0;  // of the call among the calls of the layer
  LayerCall call;
};

absl::StatusOr<std::vector<PendingCall>> PendingCalls(const KerasConfig& model,
                                                      const std::string& scope) {
  std::vector<PendingCall> pending;
  for (size_t i = 0; i < model.Raw("layers").size(); ++i) {
    const KerasConfig layer = LayerAt(model, scope, i);
    if (layer.class_name() == "InputLayer") continue;
    const nlohmann::json& object = model.Raw("layers")[i];
    RNNSERVE_ASSIGN_OR_RETURN(
        auto calls, ReadLayerCalls(layer, object.value("inbound_nodes", nlohmann::json())));
    for (size_t k = 0; k < calls.size(); ++k) {
      pending.push_back({layer, layer.name(), k, std::move(calls[k])});
    }
  }
  return pending;
}

// The tensors of one Functional that are in the graph so far.
class TensorTable {
 public:
  void AddInput(const TensorRef& ref, const ModelInputs& inputs, size_t i) {
    calls_[{ref.layer, ref.call}] = {{inputs.values[i]}, /*is_complete=*/true};
    if (inputs.mask.has_value()) masks_[ref.layer] = *inputs.mask;
  }
  void Add(const PendingCall& call, Values values) {
    calls_[{call.name, call.index}] = {std::move(values),
                                       IsModelClass(call.layer.registered_name())};
  }

  // Appends the values of these tensors. Returns false if one of them is not in the graph yet.
  bool FindAll(const std::vector<TensorRef>& refs, Values& values) const {
    for (const TensorRef& ref : refs) {
      const auto found = calls_.find({ref.layer, ref.call});
      if (found == calls_.end()) return false;
      const auto& [outputs, is_complete] = found->second;
      if (!is_complete) {
        values.push_back({outputs.front().source, ref.tensor});
      } else if (ref.tensor < outputs.size()) {
        values.push_back(outputs[ref.tensor]);
      } else {
        return false;
      }
    }
    return true;
  }

  // Returns the node of a call, without its layer, or nullopt if an argument is not in the graph
  // yet.
  std::optional<Graph::Node> FindArguments(const LayerCall& call) const {
    Graph::Node node;
    Values masks;
    const bool is_found = FindAll(call.inputs, node.inputs) &&
                          FindAll(call.initial_state, node.initial_state) &&
                          FindAll(call.constants, node.constants) &&
                          (!call.mask.has_value() || FindAll({*call.mask}, masks));
    if (!is_found) return std::nullopt;
    if (!masks.empty()) node.mask = masks.front();
    // A mask that was passed to the model belongs to its input. Like any mask of a tensor, it is
    // passed on only to calls that read no other tensor.
    const auto given = masks_.find(call.inputs.front().layer);
    const bool is_only = call.inputs.size() + call.initial_state.size() == 1;
    if (masks.empty() && is_only && given != masks_.end()) node.mask = given->second;
    return node;
  }

 private:
  // The outputs of a call: all outputs of a model, or only the first output of a node, because only
  // the layer knows how many outputs its node has.
  struct Outputs {
    Values values;
    bool is_complete = false;
  };

  std::map<std::pair<std::string, size_t>, Outputs> calls_;
  std::map<std::string, Graph::Value> masks_;  // of the model's inputs, by layer
};

// Builds a graph model by model.
class GraphReader {
 public:
  // Adds the nodes of a model whose inputs are these values, and returns its outputs. The names of
  // its layers begin with `scope`.
  absl::StatusOr<Values> AddModel(const KerasConfig& model, const std::string& scope,
                                  const ModelInputs& inputs) {
    return model.class_name() == "Sequential" ? AddSequential(model, scope, inputs)
                                              : AddFunctional(model, scope, inputs);
  }

  // Add the inputs and the outputs of the outermost model, which are the inputs and outputs of the
  // graph.
  absl::StatusOr<Values> AddInputs(const KerasConfig& model);
  absl::Status AddOutputs(const KerasConfig& model, const Values& values);

  // Finds out which inputs are token ids, which depends on the layers that read them.
  absl::StatusOr<Graph> Finish();

 private:
  absl::StatusOr<Values> AddSequential(const KerasConfig& model, const std::string& scope,
                                       const ModelInputs& inputs);
  absl::StatusOr<Values> AddFunctional(const KerasConfig& model, const std::string& scope,
                                       const ModelInputs& inputs);
  // Adds one call of a layer or model. `node` is complete except for the layer.
  absl::StatusOr<Values> AddCall(const KerasConfig& layer, const std::string& name,
                                 Graph::Node node);

  Graph graph_;
  std::vector<KerasConfig> input_configs_;
  std::map<std::string, size_t> layer_indices_;
  std::vector<size_t> num_calls_;
};

absl::StatusOr<Values> GraphReader::AddInputs(const KerasConfig& model) {
  std::vector<std::string> names;
  const auto num_layers = model.Raw("layers").size();
  if (model.class_name() == "Functional") {
    RNNSERVE_ASSIGN_OR_RETURN(const auto refs, ReadTensorRefs(model, "input_layers"));
    for (const TensorRef& ref : refs) names.push_back(ref.layer);
  } else if (num_layers > 0) {
    names.push_back(LayerAt(model, "", 0).name());
  }
  Values values;
  for (const std::string& name : names) {
    size_t i = 0;
    while (i < num_layers && LayerAt(model, "", i).name() != name) ++i;
    if (i == num_layers) return model.Error(absl::StrCat("there is no input '", name, "'"));
    const KerasConfig layer = LayerAt(model, "", i);
    if (layer.class_name() != "InputLayer") {
      return layer.Error(absl::StrCat("the first layer is a ", layer.class_name(),
                                      ", not the InputLayer that gives the shape of the input"));
    }
    values.push_back({graph_.inputs.size(), 0});
    graph_.inputs.push_back({name, {}, false});
    input_configs_.push_back(layer);
  }
  return values;
}

absl::StatusOr<Values> GraphReader::AddSequential(const KerasConfig& model,
                                                  const std::string& scope,
                                                  const ModelInputs& inputs) {
  const size_t num_layers = model.Raw("layers").size();
  if (inputs.values.size() != 1) {
    return model.Error(absl::StrCat("a Sequential reads one input, found ", inputs.values.size()));
  }
  Values values = inputs.values;
  std::optional<Graph::Value> mask = inputs.mask;
  for (size_t i = 0; i < num_layers; ++i) {
    const KerasConfig layer = LayerAt(model, scope, i);
    if (layer.class_name() == "InputLayer" && i == 0) continue;
    Graph::Node node;
    node.inputs = {values.front()};
    node.mask = std::exchange(mask, std::nullopt);
    RNNSERVE_ASSIGN_OR_RETURN(values, AddCall(layer, scope + layer.name(), std::move(node)));
  }
  return values;
}

absl::StatusOr<Values> GraphReader::AddCall(const KerasConfig& layer, const std::string& name,
                                            Graph::Node node) {
  if (IsModelClass(layer.registered_name())) {
    if (!node.initial_state.empty() || !node.constants.empty()) {
      return layer.Unsupported("a call of a model with other arguments than its inputs and mask");
    }
    return AddModel(layer, name + "/", {node.inputs, node.mask});
  }
  if (graph_.nodes.size() >= kNodesMax) {
    return InvalidArgument("MODEL_TOO_LARGE",
                           absl::StrCat("the model calls more than ", kNodesMax, " layers"));
  }
  const auto [entry, is_new] = layer_indices_.try_emplace(name, graph_.layers.size());
  if (is_new) {
    graph_.layers.push_back({name, layer});
    num_calls_.push_back(0);
  }
  node.layer = entry->second;
  node.call = num_calls_[node.layer]++;
  graph_.nodes.push_back(std::move(node));
  const size_t source = graph_.inputs.size() + graph_.nodes.size() - 1;
  Values values;
  for (size_t i = 0; i < NumOutputs(layer); ++i) values.push_back({source, i});
  return values;
}

absl::StatusOr<Values> GraphReader::AddFunctional(const KerasConfig& model,
                                                  const std::string& scope,
                                                  const ModelInputs& inputs) {
  TensorTable tensors;
  RNNSERVE_ASSIGN_OR_RETURN(const auto input_refs, ReadTensorRefs(model, "input_layers"));
  if (input_refs.size() != inputs.values.size()) {
    return model.Error(
        absl::StrCat("the model has ", input_refs.size(), " inputs, found ", inputs.values.size()));
  }
  for (size_t i = 0; i < input_refs.size(); ++i) tensors.AddInput(input_refs[i], inputs, i);
  RNNSERVE_ASSIGN_OR_RETURN(std::vector<PendingCall> pending, PendingCalls(model, scope));
  // A layer may precede one whose output it reads, so repeat this until no call can be added.
  while (!pending.empty()) {
    std::vector<PendingCall> blocked;
    for (PendingCall& next : pending) {
      std::optional<Graph::Node> node = tensors.FindArguments(next.call);
      if (!node.has_value()) {
        blocked.push_back(std::move(next));
        continue;
      }
      RNNSERVE_ASSIGN_OR_RETURN(Values values,
                                AddCall(next.layer, scope + next.name, *std::move(node)));
      tensors.Add(next, std::move(values));
    }
    if (blocked.size() == pending.size()) {
      return blocked.front().layer.Error("it reads a tensor that no layer computes before it");
    }
    pending = std::move(blocked);
  }
  RNNSERVE_ASSIGN_OR_RETURN(const auto output_refs, ReadTensorRefs(model, "output_layers"));
  Values outputs;
  if (!tensors.FindAll(output_refs, outputs)) return model.Error("an output belongs to no layer");
  return outputs;
}

absl::Status GraphReader::AddOutputs(const KerasConfig& model, const Values& values) {
  std::vector<std::string> names;
  if (model.class_name() == "Functional") {
    RNNSERVE_ASSIGN_OR_RETURN(names, ReadOutputNames(model));
  }
  for (size_t i = 0; i < values.size(); ++i) {
    const Graph::Value& value = values[i];
    if (!names.empty()) {
      graph_.outputs.push_back({names[i], value});
      continue;
    }
    const bool is_input = value.source < graph_.inputs.size();
    const std::string name =
        is_input ? graph_.inputs[value.source].name
                 : graph_.layers[graph_.nodes[value.source - graph_.inputs.size()].layer].name;
    graph_.outputs.push_back(
        {value.tensor == 0 ? name : absl::StrCat(name, ":", value.tensor), value});
  }
  return absl::OkStatus();
}

absl::StatusOr<Graph> GraphReader::Finish() {
  for (size_t i = 0; i < graph_.inputs.size(); ++i) {
    Graph::Input& input = graph_.inputs[i];
    RNNSERVE_ASSIGN_OR_RETURN(const InputLayer layer, ReadInputLayer(input_configs_[i]));
    const auto feeds = [&](absl::string_view class_name) {
      return std::any_of(graph_.nodes.begin(), graph_.nodes.end(), [&](const Graph::Node& node) {
        return graph_.layers[node.layer].config.registered_name() == class_name &&
               std::any_of(node.inputs.begin(), node.inputs.end(),
                           [i](const Graph::Value& value) { return value.source == i; });
      });
    };
    input.is_token_ids = layer.extents.size() == 1 && (feeds("Embedding") || layer.is_integer);
    // A program can read one number at each timestep.
    const bool is_numbers =
        input.is_token_ids ||
        (layer.extents.size() == 1 && !layer.extents.front().has_value() && feeds(kProgramLayer));
    RNNSERVE_ASSIGN_OR_RETURN(input.spec, SpecOf(input_configs_[i], layer, is_numbers));
  }
  return std::move(graph_);
}

}  // namespace

absl::StatusOr<Graph> ReadGraph(const KerasConfig& model, const LayerRegistry& registry) {
  if (!IsModelClass(model.registered_name())) {
    return MakeError(absl::StatusCode::kUnimplemented, "MODEL_UNSUPPORTED",
                     absl::StrCat("the model is a '", model.registered_name(),
                                  "'; only Sequential and Functional models are supported"));
  }
  RNNSERVE_RETURN_IF_ERROR(CheckModelParts(model, registry));
  GraphReader reader;
  RNNSERVE_ASSIGN_OR_RETURN(const Values inputs, reader.AddInputs(model));
  RNNSERVE_ASSIGN_OR_RETURN(const Values outputs,
                            reader.AddModel(model, "", {inputs, std::nullopt}));
  RNNSERVE_RETURN_IF_ERROR(reader.AddOutputs(model, outputs));
  return reader.Finish();
}

}  // namespace rnnserve
