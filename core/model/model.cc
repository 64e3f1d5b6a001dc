// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/model/model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/kernels/flush_denormals.h"
#include "core/model/graph.h"

namespace rnnserve {
namespace {

// Returns how many ids are valid for every layer that reads ids from this value.
int64_t NumTokens(const Plan& plan, size_t value) {
  int64_t num_tokens = 0;
  for (const Plan::Node& node : plan.nodes) {
    if (node.inputs.front() != value || !node.layer->reads_token_ids()) continue;
    const int64_t tokens = node.layer->num_tokens();
    num_tokens = num_tokens == 0 ? tokens : std::min(num_tokens, tokens);
  }
  // If no Embedding reads them, they are ordinary numbers.
  return num_tokens == 0 ? int64_t{1} << 24 : num_tokens;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Model>> Model::Create(const KerasConfig& config,
                                                           WeightSource& weights,
                                                           const LayerRegistry& registry,
                                                           std::string digest,
                                                           MaskRules mask_rules) {
  RNNSERVE_ASSIGN_OR_RETURN(const Graph graph, ReadGraph(config, registry));
  RNNSERVE_ASSIGN_OR_RETURN(Plan plan, BuildPlan(graph, registry, weights, mask_rules));
  return std::shared_ptr<const Model>(
      new Model(std::move(digest), graph, std::move(plan), weights.matrix_type()));
}

Model::Model(std::string digest, const Graph& graph, Plan plan, WeightType weight_type)
    : digest_(std::move(digest)), weight_type_(weight_type), plan_(std::move(plan)) {
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    const Graph::Input& input = graph.inputs[i];
    inputs_.push_back({input.name, input.spec, plan_.values[i].rows, input.is_token_ids,
                       input.is_token_ids ? NumTokens(plan_, i) : 0});
  }
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    const Plan::Value& value = plan_.values[plan_.outputs[i]];
    outputs_.push_back({graph.outputs[i].name, value.spec, value.rows});
  }
  LayOutStates();
  non_streamable_reason_ = NonStreamableReason();
  no_training_reason_ = NoTrainingReason();
}

void Model::LayOutStates() {
  for (Plan::Node& node : plan_.nodes) {
    int64_t offset = state_layout_.size;
    node.state_offset = offset;
    for (const StateSpec& state : node.layer->states()) {
      const int64_t size = *state.shape.NumElements();
      state_layout_.tensors.push_back({node.name, state.name, state.shape, offset, size});
      offset += PaddedRows(size);
    }
    state_layout_.size += PaddedRows(node.layer->state_size());
  }
  initial_state_ = AlignedBuffer(state_layout_.size);
  for (const Plan::Node& node : plan_.nodes) {
    node.layer->InitialState(initial_state_.data() + node.state_offset);
  }
}

std::string Model::NonStreamableReason() const {
  if (inputs_.size() > 1) return absl::StrCat("the model has ", inputs_.size(), " inputs");
  if (outputs_.size() > 1) return absl::StrCat("the model has ", outputs_.size(), " outputs");
  if (!inputs_.front().spec.has_time) return "the input of the model has no time axis";
  for (const Plan::Node& node : plan_.nodes) {
    if (!node.layer->can_stream()) {
      return absl::StrCat("layer '", node.name, "' (", node.layer->class_name(),
                          ") needs the end of the sequence first");
    }
    if (!node.initial_state.empty()) {
      return absl::StrCat("layer '", node.name, "' begins at a state of the model's own");
    }
  }
  return "";
}

std::string Model::NoTrainingReason() const {
  for (const Plan::Node& node : plan_.nodes) {
    const std::string reason = node.layer->no_training_reason();
    if (!reason.empty()) return absl::StrCat("layer '", node.name, "': ", reason);
  }
  return "";
}

int64_t Model::parameter_bytes() const {
  int64_t sum = 0;
  for (const auto& layer : plan_.layers) sum += layer->parameter_bytes();
  return sum;
}

int64_t Model::num_parameters() const {
  int64_t sum = 0;
  for (const auto& layer : plan_.layers) sum += layer->num_parameters();
  return sum;
}

void Model::OnStatesReplaced(float* block) const {
  for (const Plan::Node& node : plan_.nodes) {
    node.layer->OnStatesReplaced(block + node.state_offset);
  }
}

absl::StatusOr<std::vector<int64_t>> Model::ValueTimes(
    absl::Span<const int64_t> input_times) const {
  std::vector<int64_t> times(plan_.values.size());
  for (size_t i = 0; i < inputs_.size(); ++i) {
    times[i] = input_times[i];
    const std::optional<int64_t> fixed = inputs_[i].spec.time;
    if (is_streamable() || !fixed.has_value() || *fixed == times[i]) continue;
    return InvalidArgument("TIMESTEPS", absl::StrCat("input '", inputs_[i].name, "' has ", times[i],
                                                     " timesteps, but the model needs ", *fixed));
  }
  plan_.PropagateTimes(absl::MakeSpan(times));
  for (const Plan::Node& node : plan_.nodes) {
    if (times[node.output] >= 1) continue;
    std::string text = absl::StrCat("layer '", node.name, "' cannot work on ");
    for (const size_t input : node.inputs) {
      absl::StrAppend(&text, input == node.inputs.front() ? "" : " and ", times[input]);
    }
    return InvalidArgument("TIMESTEPS", absl::StrCat(text, " timesteps"));
  }
  return times;
}

std::vector<int64_t> Model::OutputTimes(absl::Span<const int64_t> input_times) const {
  std::vector<int64_t> times(plan_.values.size());
  std::copy(input_times.begin(), input_times.end(), times.begin());
  plan_.PropagateTimes(absl::MakeSpan(times));
  std::vector<int64_t> output_times;
  for (const size_t output : plan_.outputs) output_times.push_back(times[output]);
  return output_times;
}

void Model::RunSequencePart(Workspace& workspace) const {
  const FlushDenormals flush;
  for (size_t i = 0; i < plan_.tail_begin; ++i) workspace.RunNode(plan_.nodes[i]);
}

void Model::RunTail(Workspace& workspace) const {
  const FlushDenormals flush;
  for (size_t i = plan_.tail_begin; i < plan_.nodes.size(); ++i) {
    workspace.RunNode(plan_.nodes[i]);
  }
}

}  // namespace rnnserve
