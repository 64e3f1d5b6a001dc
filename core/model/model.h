// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_MODEL_MODEL_H_
#define RNNSERVE_CORE_MODEL_MODEL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/cells/keras_config.h"
#include "core/cells/weight_source.h"
#include "core/layers/layer.h"
#include "core/layers/layer_registry.h"
#include "core/model/state_layout.h"
#include "core/model/workspace.h"

namespace rnnserve {

// A Keras Sequential model: its layers with their weights. A step is a function of the model, the
// states of the rows and a workspace.
//
// The layers fall into two parts. The sequence part has a time axis and holds every recurrent
// layer; the tail, which may be empty, follows a recurrent layer that returns only its last output.
// Who steps a session timestep by timestep runs the sequence part each time and the tail only for
// the last one.
//
// Owns its layers. Immutable; safe to share. Running cannot fail and allocates nothing.
class Model {
 public:
  // Builds the model that `config` (a serialized Keras Sequential) describes. `digest` identifies
  // description and weights.
  //
  // Errors: those of DescribeSequential, which names all layers that are not supported at once and
  // before any weight is read; INVALID_ARGUMENT, reason MODEL_CONFIG or MODEL_WEIGHTS, and
  // UNIMPLEMENTED, reason OPTION_UNSUPPORTED, of the layers, naming the layer.
  static absl::StatusOr<std::shared_ptr<const Model>> Create(const KerasConfig& config,
                                                             WeightSource& weights,
                                                             const LayerRegistry& registry,
                                                             std::string digest);

  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  // SHA-256 of the description and the weights, in hexadecimal.
  const std::string& digest() const { return digest_; }
  const std::vector<std::unique_ptr<Layer>>& layers() const { return layers_; }

  // One timestep of input: its shape ([] for token ids).
  const Shape& input_shape() const { return input_shape_; }
  // The floats of one timestep of input: 1 for a token id.
  int64_t input_size() const;
  bool reads_token_ids() const;
  // How many different token ids there are, if it reads them.
  int64_t num_tokens() const;
  // One output, without batch and time.
  const Shape& output_shape() const;
  int64_t output_size() const;
  // Whether there is an output for every timestep, or one after the last.
  bool returns_sequences() const { return returns_sequences_; }
  int64_t num_parameters() const;

  const StateLayout& state_layout() const { return state_layout_; }
  // The state block of a new row, state_layout().size floats.
  absl::Span<const float> initial_state() const { return initial_state_.span(); }
  // To be called when the tensors of the layout were overwritten in a block from outside: the
  // layers' carried values begin anew. See Layer::OnStatesReplaced.
  void OnStatesReplaced(float* block) const;

  // The first layer that cannot be stepped; null if the model can be.
  const Layer* non_streamable_layer() const;

  // Runs the sequence part on the first `batch` rows of `time` timesteps: reads input(), mask() and
  // states() of the workspace, leaves states() as after the last timestep. `has_mask` false: every
  // timestep counts and mask() is not read. REQUIRES: batch and time at least 1 and within the
  // workspace, which is one of this model.
  void RunSequencePart(Workspace& workspace, int64_t batch, int64_t time, bool has_mask) const;

  // Runs the tail on what the sequence part left.
  void RunTail(Workspace& workspace, int64_t batch) const;

  // What the last run left: [output_size, batch, time], with time 1 unless it returns sequences.
  // Without a call of RunTail since the last RunSequencePart it is that of an earlier run.
  ConstSequence output(Workspace& workspace, int64_t batch, int64_t time) const;

 private:
  Model(std::string digest, Shape input_shape, std::vector<std::unique_ptr<Layer>> layers);
  void LayOutStates();
  LayerRun RunLayer(size_t index, ConstSequence x, Mask mask, Workspace& workspace, int64_t batch,
                    int64_t time) const;

  std::string digest_;
  Shape input_shape_;
  std::vector<std::unique_ptr<Layer>> layers_;
  size_t tail_begin_ = 0;  // the first layer of the tail; layers_.size() if it is empty
  bool returns_sequences_ = true;
  StateLayout state_layout_;
  std::vector<int64_t> state_offsets_;  // of each layer, in the state block
  AlignedBuffer initial_state_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_MODEL_H_
