// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/builtin/builtin_layers.h"
#include "core/layers/layer.h"
#include "core/layers/layer_config.h"
#include "core/layers/layer_registry.h"
#include "core/layers/row_elements.h"

namespace rnnserve {
namespace {

// keras.layers.TimeDistributed: applies another layer to each timestep on its own.
//
//   outside                     inside
//   [batch, time, f]            [batch, f]          a vector
//   [batch, time, s, f]         [batch, s, f]       a sequence of s timesteps, and so on
//
// An inner layer with states starts each timestep from its initial states; the outer layer has no
// states. The mask is passed on. As in Keras, an inner sequence has no mask; an inner Softmax of a
// vector gives zeros if the timestep is masked.
//
// In training each timestep has its own random numbers. The layer can stream whether or not the
// inner layer can. Weights: those of the inner layer, below "layer". Owns the inner layer.
// Immutable; safe to share.
class TimeDistributed final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  bool loops_over_time() const override { return true; }
  int64_t num_parameters() const override { return layer_->num_parameters(); }
  int64_t parameter_bytes() const override { return layer_->parameter_bytes(); }
  int64_t shareable_bytes() const override { return layer_->shareable_bytes(); }
  int64_t scratch_size(int64_t batch, int64_t time) const override;
  std::string no_training_reason() const override { return layer_->no_training_reason(); }
  void Run(const LayerRun& run) const override;

 private:
  TimeDistributed(const KerasConfig& config, ValueSpec output, ValueSpec inner_input,
                  std::unique_ptr<Layer> layer);

  // The number of inner timesteps in one outer timestep of the input and of the output.
  int64_t inner_time() const { return inner_input_.has_time ? *inner_input_.time : 1; }
  int64_t inner_output_time() const;

  // Sets the states of all rows to the initial states.
  void Begin(Columns states) const;

  const ValueSpec inner_input_;
  const std::unique_ptr<Layer> layer_;
};

// Returns the spec of one timestep of the input, as the inner layer sees it.
absl::StatusOr<ValueSpec> InnerInput(const KerasConfig& config, const ValueSpec& input) {
  Axes axes = AxesOf(input);
  axes.erase(axes.begin());
  return ValueOfAxes(config, axes);
}

// Returns the columns of `x` as sequences of one timestep.
template <typename T>
BasicSequence<T> OneTimestep(const BasicColumns<T>& x) {
  return {x.data, x.rows, x.cols, 1, x.stride, 0};
}

TimeDistributed::TimeDistributed(const KerasConfig& config, ValueSpec output, ValueSpec inner_input,
                                 std::unique_ptr<Layer> layer)
    : Layer(config, std::move(output)),
      inner_input_(std::move(inner_input)),
      layer_(std::move(layer)) {}

absl::StatusOr<std::unique_ptr<Layer>> TimeDistributed::Create(const LayerRegistry& registry,
                                                               const KerasConfig& config,
                                                               const ValueSpec& input,
                                                               WeightSource& weights) {
  RNNSERVE_RETURN_IF_ERROR(CheckSequence(config, input));
  RNNSERVE_ASSIGN_OR_RETURN(const KerasConfig inner, config.Object("layer"));
  ScopedWeights inner_weights(weights, "layer");
  RNNSERVE_ASSIGN_OR_RETURN(const ValueSpec inner_input, InnerInput(config, input));
  RNNSERVE_ASSIGN_OR_RETURN(std::unique_ptr<Layer> layer,
                            registry.Create(inner, inner_input, inner_weights));
  if (layer->reads_token_ids() || layer->returns_state() || !layer->more_outputs().empty()) {
    return config.Unsupported(absl::StrCat("a ", layer->class_name(), " layer inside that reads ",
                                           "token ids or has several outputs is not supported"));
  }
  Axes axes = AxesOf(layer->output());
  axes.insert(axes.begin(), input.time);
  RNNSERVE_ASSIGN_OR_RETURN(ValueSpec output, ValueOfAxes(config, axes));
  return absl::WrapUnique(
      new TimeDistributed(config, std::move(output), inner_input, std::move(layer)));
}

int64_t TimeDistributed::inner_output_time() const {
  const int64_t time = inner_time();
  return layer_->output_time({&time, 1});
}

int64_t TimeDistributed::scratch_size(int64_t batch, int64_t /*time*/) const {
  return DenseSequenceSize(*inner_input_.shape.NumElements(), batch, inner_time()) +
         DenseSequenceSize(*layer_->output_shape().NumElements(), batch, inner_output_time()) +
         ColumnsSize(layer_->state_size(), batch) + layer_->scratch_size(batch, inner_time());
}

void TimeDistributed::Run(const LayerRun& run) const {
  const int64_t batch = run.x.batch;
  float* scratch = run.scratch;
  const auto take = [&](const Shape& shape, int64_t time) {
    const Sequence taken = DenseSequence(scratch, *shape.NumElements(), batch, time);
    scratch += DenseSequenceSize(taken.rows, batch, time);
    return taken;
  };
  const Sequence x = take(inner_input_.shape, inner_time());
  LayerRun inner;
  inner.x = x;
  inner.y = take(layer_->output_shape(), inner_output_time());
  inner.state = TakeColumns(scratch, layer_->state_size(), batch);
  inner.scratch = scratch;
  inner.team = run.team;
  for (int64_t t = 0; t < run.x.time; ++t) {
    const ConstSequence from = OneTimestep(run.x.At(t));
    const Sequence to = OneTimestep(run.y.At(t));
    for (int64_t b = 0; b < batch; ++b) CopyRow(from, x, b);
    if (!inner_input_.has_time && run.mask.data != nullptr) {
      inner.mask = {run.mask.data + t * run.mask.time_stride, run.mask.batch_stride, 0};
    }
    TrainingRun training;
    if (run.training != nullptr) {
      training = run.training->Part(t);
      inner.training = &training;
    }
    Begin(inner.state);
    layer_->Run(inner);
    for (int64_t b = 0; b < batch; ++b) CopyRow(inner.y, to, b);
  }
}

void TimeDistributed::Begin(Columns states) const {
  for (int64_t b = 0; b < states.cols; ++b) {
    std::fill_n(states.column(b), states.rows, 0.0f);
    layer_->InitialState(states.column(b));
  }
}

}  // namespace

void RegisterTimeDistributed(LayerRegistry& registry) {
  registry.Register("TimeDistributed", TimeDistributed::Create,
                    {.variables = LayerVariables::None(),
                     .keras2_mask = Keras2Mask::kPasses,
                     .parts = {{"layer", "layer", "layer"}}});
}

}  // namespace rnnserve
