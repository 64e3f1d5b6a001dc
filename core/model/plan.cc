// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/model/plan.h"

#include <algorithm>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"

namespace rnnserve {
namespace {

// Builds a plan node by node.
class PlanBuilder {
 public:
  PlanBuilder(const Graph& graph, const LayerRegistry& registry, WeightSource& weights)
      : graph_(graph),
        registry_(registry),
        weights_(weights),
        layers_(graph.layers.size()),
        layer_inputs_(graph.layers.size()) {}

  absl::StatusOr<Plan> Build() {
    for (const Graph::Input& input : graph_.inputs) {
      sources_.push_back({plan_.values.size(), 1});
      AddValue(input.spec);
    }
    for (const Graph::Node& node : graph_.nodes) RNNSERVE_RETURN_IF_ERROR(AddNode(node));
    for (const Graph::Output& output : graph_.outputs) {
      RNNSERVE_ASSIGN_OR_RETURN(const size_t value, Find(output.value));
      plan_.outputs.push_back(value);
    }
    PutTailLast();
    return std::move(plan_);
  }

 private:
  // The values of an input or node.
  struct Source {
    size_t first = 0;
    size_t count = 0;
  };

  void AddValue(const ValueSpec& spec) {
    plan_.values.push_back({spec, *spec.shape.NumElements()});
  }

  absl::StatusOr<size_t> Find(const Graph::Value& value) const {
    const Source& source = sources_[value.source];
    if (value.tensor < source.count) return source.first + value.tensor;
    const size_t node = value.source - graph_.inputs.size();
    const KerasConfig& layer = graph_.layers[graph_.nodes[node].layer].config;
    return layer.Error(
        absl::StrCat("tensor ", value.tensor, " of it is read, but it has ", source.count));
  }

  absl::Status FindAll(const std::vector<Graph::Value>& values, std::vector<size_t>& found) const {
    for (const Graph::Value& value : values) {
      RNNSERVE_ASSIGN_OR_RETURN(const size_t index, Find(value));
      found.push_back(index);
    }
    return absl::OkStatus();
  }

  absl::Status AddNode(const Graph::Node& call) {
    const KerasConfig& config = graph_.layers[call.layer].config;
    Plan::Node node;
    RNNSERVE_RETURN_IF_ERROR(FindAll(call.inputs, node.inputs));
    RNNSERVE_RETURN_IF_ERROR(FindAll(call.constants, node.inputs));
    RNNSERVE_RETURN_IF_ERROR(FindAll(call.initial_state, node.initial_state));
    RNNSERVE_RETURN_IF_ERROR(BuildLayer(call, node));
    RNNSERVE_RETURN_IF_ERROR(CheckInitialState(config, node));
    if (call.mask.has_value()) {
      RNNSERVE_ASSIGN_OR_RETURN(node.mask, Find(*call.mask));
      const Plan::Value& mask = plan_.values[*node.mask];
      if (!mask.spec.has_time || mask.rows != 1) {
        return config.Error("the mask that the call is given is not [batch, time]");
      }
    }
    node.ignores_mask = !node.initial_state.empty() || !call.constants.empty();
    node.name = graph_.layers[call.layer].name;
    if (call.call > 0) absl::StrAppend(&node.name, ":", call.call);
    AddOutputs(node);
    plan_.nodes.push_back(std::move(node));
    return absl::OkStatus();
  }

  // Builds the layer at its first call. The inputs of later calls must look like those of the
  // first.
  absl::Status BuildLayer(const Graph::Node& call, Plan::Node& node) {
    const Graph::LayerEntry& entry = graph_.layers[call.layer];
    std::vector<ValueSpec> inputs;
    for (const size_t input : node.inputs) inputs.push_back(plan_.values[input].spec);
    const Layer*& layer = layers_[call.layer];
    if (layer == nullptr) {
      ScopedWeights weights(weights_, entry.name);
      RNNSERVE_RETURN_IF_ERROR(CheckTimesteps(entry.config, inputs));
      RNNSERVE_ASSIGN_OR_RETURN(auto built, registry_.Create(entry.config, inputs, weights));
      layer = built.get();
      plan_.layers.push_back(std::move(built));
      plan_.layer_names.push_back(entry.name);
      layer_inputs_[call.layer] = std::move(inputs);
    } else if (layer_inputs_[call.layer] != inputs) {
      return entry.config.Unsupported("the layer is called on inputs of different shapes");
    }
    node.layer = layer;
    return absl::OkStatus();
  }

  // An input with one number for each timestep holds ids, so only a layer that reads ids can read
  // it.
  static absl::Status CheckTimesteps(const KerasConfig& config,
                                     const std::vector<ValueSpec>& inputs) {
    if (config.Has("output_dim") || !inputs.front().has_time) return absl::OkStatus();
    if (inputs.front().shape.rank() > 0 || !config.Has("units")) return absl::OkStatus();
    return config.Error("the input has no features; the layer needs [batch, time, features]");
  }

  absl::Status CheckInitialState(const KerasConfig& config, const Plan::Node& node) const {
    if (node.initial_state.empty()) return absl::OkStatus();
    const absl::Span<const StateSpec> states = node.layer->states();
    if (states.size() != node.initial_state.size()) {
      return config.Error(absl::StrCat("the layer has ", states.size(),
                                       " states, its initial_state ", node.initial_state.size()));
    }
    for (size_t k = 0; k < states.size(); ++k) {
      const ValueSpec& given = plan_.values[node.initial_state[k]].spec;
      if (!given.has_time && given.shape == states[k].shape) continue;
      // [batch, time, features] is the same as a state of two axes.
      if (given.has_time && given.time.has_value() && states[k].shape.rank() > 1) {
        return config.Unsupported("an initial_state with a time axis is not supported");
      }
      return config.Error(absl::StrCat("initial_state ", k, " has the shape ",
                                       given.shape.ToString(), ", state '", states[k].name,
                                       "' has ", states[k].shape.ToString()));
    }
    return absl::OkStatus();
  }

  void AddOutputs(Plan::Node& node) {
    node.output = plan_.values.size();
    AddValue(node.layer->output());
    for (const ValueSpec& output : node.layer->more_outputs()) AddValue(output);
    if (node.layer->returns_state()) {
      for (const StateSpec& state : node.layer->states()) {
        AddValue({state.shape, /*has_time=*/false, std::nullopt});
      }
    }
    sources_.push_back({node.output, plan_.values.size() - node.output});
  }

  // A node belongs to the tail if it has neither time nor state and no node of the sequence part
  // reads it.
  void PutTailLast() {
    std::vector<bool> is_read(plan_.values.size(), false);
    std::vector<bool> is_tail(plan_.nodes.size(), false);
    for (size_t i = plan_.nodes.size(); i-- > 0;) {
      const Plan::Node& node = plan_.nodes[i];
      const auto has_time = [&](size_t value) { return plan_.values[value].spec.has_time; };
      bool is_output_read = false;
      for (size_t k = 0; k <= node.layer->more_outputs().size(); ++k) {
        is_output_read = is_output_read || is_read[node.output + k];
      }
      is_tail[i] = node.layer->state_size() == 0 && !is_output_read &&
                   std::none_of(node.inputs.begin(), node.inputs.end(), has_time);
      if (is_tail[i]) continue;
      for (const size_t input : node.inputs) is_read[input] = true;
      for (const size_t state : node.initial_state) is_read[state] = true;
      if (node.mask.has_value()) is_read[*node.mask] = true;
    }
    std::vector<Plan::Node> tail;
    std::vector<Plan::Node> sequence_part;
    for (size_t i = 0; i < plan_.nodes.size(); ++i) {
      (is_tail[i] ? tail : sequence_part).push_back(std::move(plan_.nodes[i]));
    }
    plan_.tail_begin = sequence_part.size();
    plan_.nodes = std::move(sequence_part);
    std::move(tail.begin(), tail.end(), std::back_inserter(plan_.nodes));
    for (size_t i = 0; i < plan_.nodes.size(); ++i) plan_.nodes[i].index = static_cast<int64_t>(i);
  }

  const Graph& graph_;
  const LayerRegistry& registry_;
  WeightSource& weights_;
  Plan plan_;
  std::vector<Source> sources_;  // inputs, then nodes
  std::vector<const Layer*> layers_;
  std::vector<std::vector<ValueSpec>> layer_inputs_;
};

}  // namespace

void Plan::PropagateTimes(absl::Span<int64_t> times) const {
  for (const Node& node : nodes) {
    absl::InlinedVector<int64_t, 8> input_times;
    for (const size_t input : node.inputs) input_times.push_back(times[input]);
    const int64_t time = node.layer->output_time(input_times);
    times[node.output] = time;
    size_t more = node.output + 1;
    for (const ValueSpec& output : node.layer->more_outputs()) {
      times[more++] = output.has_time ? time : 1;
    }
    if (!node.layer->returns_state()) continue;
    std::fill_n(times.begin() + FirstStateValue(node), node.layer->states().size(), 1);
  }
}

absl::StatusOr<Plan> BuildPlan(const Graph& graph, const LayerRegistry& registry,
                               WeightSource& weights, MaskRules mask_rules) {
  RNNSERVE_ASSIGN_OR_RETURN(Plan plan, PlanBuilder(graph, registry, weights).Build());
  if (mask_rules == MaskRules::kKeras316) {
    for (Plan::Node& node : plan.nodes) node.stops_mask = node.layer->loops_over_time();
  }
  return plan;
}

}  // namespace rnnserve
