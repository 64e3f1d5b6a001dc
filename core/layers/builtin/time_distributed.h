// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_TIME_DISTRIBUTED_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_TIME_DISTRIBUTED_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/layer.h"

namespace rnnserve {

class LayerRegistry;

// keras.layers.TimeDistributed: another layer applied to every timestep by itself.
//
//   outside                     inside
//   [batch, time, f]            [batch, f]          a vector
//   [batch, time, s, f]         [batch, s, f]       a sequence of s timesteps, and so on
//
// An inner layer with states begins every timestep with its initial states, and its states are not
// ours. The mask is handed on. As in Keras, an inner sequence has no mask; an inner Softmax of a
// vector gives zeros where the timestep is masked.
//
// In training every timestep has random numbers of its own. It streams, whatever the inner layer
// needs. Weights: those of the inner layer below "layer". Owns the inner layer. Immutable; safe to
// share.
class TimeDistributed final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t num_parameters() const override { return layer_->num_parameters(); }
  int64_t parameter_bytes() const override { return layer_->parameter_bytes(); }
  int64_t shareable_bytes() const override { return layer_->shareable_bytes(); }
  int64_t scratch_size(int64_t batch, int64_t time) const override;
  std::string no_training_reason() const override { return layer_->no_training_reason(); }
  void Run(const LayerRun& run) const override;

 private:
  TimeDistributed(const KerasConfig& config, ValueSpec output, ValueSpec inner_input,
                  std::unique_ptr<Layer> layer);

  // The inner layer's inputs and outputs of one timestep.
  int64_t inner_time() const { return inner_input_.has_time ? *inner_input_.time : 1; }
  int64_t inner_output_time() const;

  // Sets the states of all rows to the initial ones.
  void Begin(Columns states) const;

  const ValueSpec inner_input_;
  const std::unique_ptr<Layer> layer_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_TIME_DISTRIBUTED_H_
