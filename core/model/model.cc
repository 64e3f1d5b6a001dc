// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/model/model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/model/sequential.h"

namespace rnnserve {

absl::StatusOr<std::shared_ptr<const Model>> Model::Create(const KerasConfig& config,
                                                           WeightSource& weights,
                                                           const LayerRegistry& registry,
                                                           std::string digest) {
  RNNSERVE_ASSIGN_OR_RETURN(const SequentialDescription description,
                            DescribeSequential(config, registry));
  std::vector<std::unique_ptr<Layer>> layers;
  ValueSpec input{description.input_shape, /*has_time=*/true, std::nullopt};
  for (const KerasConfig& layer_config : description.layers) {
    ScopedWeights layer_weights(weights, layer_config.name());
    RNNSERVE_ASSIGN_OR_RETURN(std::unique_ptr<Layer> layer,
                              registry.Create(layer_config, input, layer_weights));
    if (layers.empty() && description.input_shape.rank() == 0 && !layer->reads_token_ids()) {
      return layer_config.Error("the input has no features; a model needs [batch, time, features]");
    }
    if (!layers.empty() && layers.back()->returns_state()) {
      return layer_config.Error(absl::StrCat("the layer in front, '", layers.back()->name(),
                                             "', has return_state; nothing can stand behind it"));
    }
    input = layer->output();
    layers.push_back(std::move(layer));
  }
  return std::shared_ptr<const Model>(
      new Model(std::move(digest), description.input_shape, std::move(layers)));
}

Model::Model(std::string digest, Shape input_shape, std::vector<std::unique_ptr<Layer>> layers)
    : digest_(std::move(digest)), input_shape_(std::move(input_shape)), layers_(std::move(layers)) {
  const auto last_of_sequence = std::find_if(
      layers_.begin(), layers_.end(), [](const auto& layer) { return !layer->output().has_time; });
  returns_sequences_ = last_of_sequence == layers_.end();
  tail_begin_ = returns_sequences_ ? layers_.size()
                                   : static_cast<size_t>(last_of_sequence - layers_.begin()) + 1;
  LayOutStates();
}

void Model::LayOutStates() {
  for (const auto& layer : layers_) {
    int64_t offset = state_layout_.size;
    state_offsets_.push_back(offset);
    for (const StateSpec& state : layer->states()) {
      const int64_t size = *state.shape.NumElements();
      state_layout_.tensors.push_back({layer->name(), state.name, state.shape, offset, size});
      offset += PaddedRows(size);
    }
    state_layout_.size += PaddedRows(layer->state_size());
  }
  initial_state_ = AlignedBuffer(state_layout_.size);
  for (size_t i = 0; i < layers_.size(); ++i) {
    layers_[i]->InitialState(initial_state_.data() + state_offsets_[i]);
  }
}

int64_t Model::input_size() const { return *input_shape_.NumElements(); }

bool Model::reads_token_ids() const { return layers_.front()->reads_token_ids(); }

int64_t Model::num_tokens() const { return layers_.front()->num_tokens(); }

const Shape& Model::output_shape() const { return layers_.back()->output_shape(); }

int64_t Model::output_size() const { return *output_shape().NumElements(); }

int64_t Model::num_parameters() const {
  int64_t sum = 0;
  for (const auto& layer : layers_) sum += layer->num_parameters();
  return sum;
}

void Model::OnStatesReplaced(float* block) const {
  for (size_t i = 0; i < layers_.size(); ++i) {
    layers_[i]->OnStatesReplaced(block + state_offsets_[i]);
  }
}

const Layer* Model::non_streamable_layer() const {
  for (const auto& layer : layers_) {
    if (!layer->can_stream()) return layer.get();
  }
  return nullptr;
}

LayerRun Model::RunLayer(size_t index, ConstSequence x, Mask mask, Workspace& workspace,
                         int64_t batch, int64_t time) const {
  const Layer& layer = *layers_[index];
  LayerRun run;
  run.x = x;
  run.mask = mask;
  run.state = workspace.states(batch).Rows(state_offsets_[index], layer.state_size());
  run.y = workspace.value(index, batch, time);
  run.scratch = workspace.scratch();
  layer.Run(run);
  return run;
}

void Model::RunSequencePart(Workspace& workspace, int64_t batch, int64_t time,
                            bool has_mask) const {
  ConstSequence x = workspace.input(batch, time);
  Mask mask;
  if (has_mask) mask = {workspace.mask(), /*batch_stride=*/time, /*time_stride=*/1};
  for (size_t i = 0; i < tail_begin_; ++i) {
    const LayerRun run = RunLayer(i, x, mask, workspace, batch, time);
    mask = layers_[i]->OutputMask(run, workspace.mask_buffer(i));
    x = workspace.value(i, batch, time);
  }
}

void Model::RunTail(Workspace& workspace, int64_t batch) const {
  for (size_t i = tail_begin_; i < layers_.size(); ++i) {
    RunLayer(i, workspace.value(i - 1, batch, 1), Mask{}, workspace, batch, 1);
  }
}

ConstSequence Model::output(Workspace& workspace, int64_t batch, int64_t time) const {
  return workspace.value(layers_.size() - 1, batch, time);
}

}  // namespace rnnserve
