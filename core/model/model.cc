// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/model/model.h"

#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
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

// Returns the number of values that a node produces.
size_t NumValues(const Plan::Node& node) {
  const size_t num_states = node.layer->returns_state() ? node.layer->states().size() : 0;
  return Plan::FirstStateValue(node) - node.output + num_states;
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
  MeasureStep();
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

void Model::MeasureStep() {
  for (const Output& output : outputs_) {
    (output.spec.has_time ? floats_per_timestep_ : floats_per_step_) += output.size;
  }
  while (time_input_ < inputs_.size() && !inputs_[time_input_].spec.has_time) ++time_input_;
}

std::optional<int64_t> Model::TimestepsOfStepOutput(int64_t num_floats) const {
  const int64_t of_timesteps = num_floats - floats_per_step_;
  if (floats_per_timestep_ == 0) {
    return of_timesteps == 0 ? std::optional<int64_t>(1) : std::nullopt;
  }
  if (of_timesteps < floats_per_timestep_ || of_timesteps % floats_per_timestep_ != 0) {
    return std::nullopt;
  }
  return of_timesteps / floats_per_timestep_;
}

std::string Model::NonStreamableReason() const {
  if (time_input_ == inputs_.size()) {
    return inputs_.size() == 1 ? "the input of the model has no time axis"
                               : "none of the model's inputs has a time axis";
  }
  // For each value, whether it depends on timesteps; if it has no time axis, it is then complete
  // only at the end of the sequence.
  std::vector<bool> depends_on_time(plan_.values.size());
  for (size_t i = 0; i < inputs_.size(); ++i) depends_on_time[i] = inputs_[i].spec.has_time;
  const auto depends = [&](size_t value) { return depends_on_time[value]; };
  const auto has_time = [&](size_t value) { return plan_.values[value].spec.has_time; };
  for (const Plan::Node& node : plan_.nodes) {
    const bool reads_time = absl::c_any_of(node.inputs, has_time);
    // A layer that reads a sequence reads its other inputs at every timestep.
    const bool reads_end = reads_time && absl::c_any_of(node.inputs, [&](size_t value) {
                             return depends(value) && !has_time(value);
                           });
    if (!node.layer->can_stream() || reads_end) {
      return absl::StrCat("layer '", node.name, "' (", node.layer->class_name(),
                          ") needs the end of the sequence first");
    }
    if (absl::c_any_of(node.initial_state, depends)) {
      return absl::StrCat("layer '", node.name, "' begins at a state of the model's own");
    }
    if (!reads_time && has_time(node.output)) {
      return absl::StrCat("layer '", node.name, "' (", node.layer->class_name(),
                          ") makes a time axis of its own");
    }
    const bool is_known_before =
        node.layer->state_size() == 0 && absl::c_none_of(node.inputs, depends);
    for (size_t value = node.output; value < node.output + NumValues(node); ++value) {
      depends_on_time[value] = !is_known_before;
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
