// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_MODEL_MODEL_H_
#define RNNSERVE_CORE_MODEL_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/aligned_buffer.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/layer.h"
#include "core/layers/layer_registry.h"
#include "core/model/mask_rules.h"
#include "core/model/plan.h"
#include "core/model/state_layout.h"
#include "core/model/workspace.h"

namespace rnnserve {

// A Keras model: its layers with their weights. Everything that a run changes is in the workspace.
//
// Owns its layers. Immutable; safe to share. Running cannot fail and allocates nothing except the
// buffers that each thread keeps for narrow weights (Operand).
class Model {
 public:
  // An input of a call. It has the name of its InputLayer.
  struct Input {
    std::string name;
    ValueSpec spec;
    int64_t size = 0;  // floats of one timestep; 1 for a token id
    bool is_token_ids = false;
    int64_t num_tokens = 0;  // the number of different ids, if it is token ids
  };
  // An output of a call. If the model returns an object, the output has its key there as its name.
  // Else it has the name of its layer; "lstm:1" is the second output of "lstm".
  struct Output {
    std::string name;
    ValueSpec spec;
    int64_t size = 0;  // floats of one timestep
  };

  // Builds the model that `config`, a serialized Keras Sequential or Functional, describes.
  // `digest` identifies description and weights.
  //
  // Errors: those of ReadGraph, which names all unsupported layers before any weight is read; those
  // of BuildPlan.
  static absl::StatusOr<std::shared_ptr<const Model>> Create(
      const KerasConfig& config, WeightSource& weights, const LayerRegistry& registry,
      std::string digest, MaskRules mask_rules = MaskRules::kKeras30);

  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  // The SHA-256 of the description and the weights, in hexadecimal.
  const std::string& digest() const { return digest_; }
  const Plan& plan() const { return plan_; }
  const std::vector<std::unique_ptr<Layer>>& layers() const { return plan_.layers; }
  int64_t num_parameters() const;
  // The number of bytes that the weights take, and the type in which matrices are stored.
  int64_t parameter_bytes() const;
  WeightType weight_type() const { return weight_type_; }

  // The inputs and outputs in Keras' order; at least one of each.
  const std::vector<Input>& inputs() const { return inputs_; }
  const std::vector<Output>& outputs() const { return outputs_; }

  const StateLayout& state_layout() const { return state_layout_; }
  // The initial state block of a row, state_layout().size floats.
  absl::Span<const float> initial_state() const { return initial_state_.span(); }
  // Resets everything in a block except the tensors of the layout; see Layer::OnStatesReplaced.
  // Must be called after these tensors were overwritten from outside.
  void OnStatesReplaced(float* block) const;

  // The reason why the model cannot be stepped timestep by timestep; empty if it can be. A
  // human-readable text that names the layer or says that no input has a time axis.
  //
  // A step of a streamable model has the same number of timesteps in every input with a time axis.
  // Inputs without one hold for all timesteps of the step. A layer whose initial state is computed
  // from such inputs alone begins at that state in each step; all others continue at their own. An
  // output without a time axis is the one after the last timestep.
  const std::string& non_streamable_reason() const { return non_streamable_reason_; }
  bool is_streamable() const { return non_streamable_reason_.empty(); }
  // The index of the first input with a time axis. REQUIRES: is_streamable().
  size_t time_input() const { return time_input_; }
  // Returns the number of floats that the outputs of a step of `time` timesteps have together.
  // REQUIRES: is_streamable().
  int64_t StepOutputFloats(int64_t time) const {
    return time * floats_per_timestep_ + floats_per_step_;
  }
  // Returns the number of timesteps of a step whose outputs have this many floats together, 1 if no
  // output has a time axis; nullopt if no step has that many. REQUIRES: is_streamable().
  std::optional<int64_t> TimestepsOfStepOutput(int64_t num_floats) const;
  // The reason why a run with Keras' training=True is not possible; empty if it is possible. A
  // human-readable text that names the layer.
  const std::string& no_training_reason() const { return no_training_reason_; }

  // Returns the number of timesteps of each value of the plan, given those of each input (1 without
  // a time axis). Errors: INVALID_ARGUMENT, reason TIMESTEPS, with the name of the input whose
  // number of timesteps is fixed, or of the layer that cannot process this many.
  absl::StatusOr<std::vector<int64_t>> ValueTimes(absl::Span<const int64_t> input_times) const;
  // Returns the number of timesteps of each output (1 without a time axis). REQUIRES: ValueTimes is
  // OK.
  std::vector<int64_t> OutputTimes(absl::Span<const int64_t> input_times) const;

  // Runs the sequence part of the plan. Reads the inputs, masks and states in the workspace, which
  // must belong to this model, and replaces the states with the states after the last timestep.
  void RunSequencePart(Workspace& workspace) const;
  // Runs the tail on the results of the last RunSequencePart.
  void RunTail(Workspace& workspace) const;

  // Returns output i of the last run, [size, batch, time], with time 1 if it has no time axis. If
  // RunTail was not called after the last RunSequencePart, it may be the output of an earlier run.
  ConstSequence output(Workspace& workspace, size_t i = 0) const {
    return workspace.value(plan_.outputs[i]);
  }

 private:
  Model(std::string digest, const Graph& graph, Plan plan, WeightType weight_type);
  void LayOutStates();
  void MeasureStep();
  std::string NonStreamableReason() const;
  std::string NoTrainingReason() const;

  std::string digest_;
  WeightType weight_type_;
  Plan plan_;
  std::vector<Input> inputs_;
  std::vector<Output> outputs_;
  StateLayout state_layout_;
  AlignedBuffer initial_state_;
  // The floats of all outputs with a time axis, in one timestep, and of all outputs without one.
  int64_t floats_per_timestep_ = 0;
  int64_t floats_per_step_ = 0;
  size_t time_input_ = 0;
  std::string non_streamable_reason_;
  std::string no_training_reason_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_MODEL_H_
