// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/memory/memory.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/builtin/builtin_layers.h"
#include "core/layers/layer.h"
#include "core/layers/layer_config.h"
#include "core/layers/layer_registry.h"
#include "core/layers/recurrent_layer.h"

namespace rnnserve {
namespace {

// keras.layers.Bidirectional: two recurrent layers that read the same sequence in opposite
// directions. The last axis of the output has the size of both outputs together for concat, and the
// size of one output otherwise:
//
//   f = forward(x, mask);  r = backward(x, mask), flipped along time with return_sequences
//   concat: [f, r]    sum: f + r    mul: f * r    ave: (f + r) / 2    null: two outputs, f and r
//
// As in Keras, each half has zero_output_for_mask if and only if it has return_sequences, whatever
// the configuration says. So masked timesteps of an output sequence are 0, and a single output is
// the output at the last timestep that counts (backward: the first). With return_sequences the mask
// is passed on; otherwise the output has no mask.
//
// The layer needs the end of the sequence first, so it cannot stream, and `emitted` of each half
// (see RecurrentLayer) is reset before a run.
//
//   state column:  | forward: state 0 . | state 1 . | backward: state 0 . | state 1 . |
//
// States are named "forward/..." and "backward/...", and so are the weights. Owns both halves.
// Immutable; safe to share.
class Bidirectional final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  absl::Span<const ValueSpec> more_outputs() const override { return more_outputs_; }
  bool can_stream() const override { return false; }
  bool loops_over_time() const override { return true; }
  bool returns_state() const override { return forward_.layer->returns_state(); }
  std::string no_training_reason() const override;
  int64_t num_parameters() const override;
  int64_t parameter_bytes() const override;
  absl::Span<const StateSpec> states() const override { return states_; }
  int64_t state_size() const override { return backward_.offset + backward_.size; }
  void InitialState(float* column) const override;
  int64_t scratch_size(int64_t batch, int64_t time) const override;

  void Run(const LayerRun& run) const override;
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  enum class Merge { kConcat, kSum, kMul, kAve, kNone };

  // One direction, and the position of its states in the column.
  struct Half {
    std::unique_ptr<RecurrentLayer> layer;
    int64_t offset = 0;
    int64_t size = 0;
  };

  static absl::StatusOr<Merge> ParseMerge(const KerasConfig& config);
  // Checks that the outputs of the halves can be merged; Keras refuses the same pairs. Their last
  // extents may differ only for concat.
  static absl::Status CheckPair(const KerasConfig& config, Merge merge,
                                const RecurrentLayer& forward, const RecurrentLayer& backward);
  static absl::StatusOr<std::unique_ptr<RecurrentLayer>> CreateHalf(const LayerRegistry& registry,
                                                                    const KerasConfig& config,
                                                                    const ValueSpec& input,
                                                                    WeightSource& weights);

  Bidirectional(const KerasConfig& config, Merge merge, std::unique_ptr<RecurrentLayer> forward,
                std::unique_ptr<RecurrentLayer> backward);

  void AddStates(absl::string_view direction, Half* half);
  // Runs one direction. Reads its states from run.state and writes the new ones there.
  void RunHalf(const Half& half, const LayerRun& run, Sequence y, float* scratch) const;
  // Appends each vector of the backward output to the matching vector of the forward output, which
  // is at the beginning of `y`.
  void Concatenate(const float* backward, float* y) const;
  // Merges one column of the backward output into the same column of the forward output.
  void MergeColumn(ConstColumns backward, Columns y, int64_t b) const;

  const Merge merge_;
  Half forward_;
  Half backward_;
  std::vector<StateSpec> states_;
  std::vector<ValueSpec> more_outputs_;  // the backward output, if the outputs are not merged
};

// Returns the backward layer that Keras derives from the forward layer if none was given.
nlohmann::json Reversed(const nlohmann::json& layer) {
  nlohmann::json reversed = layer;
  if (reversed.is_object() && reversed["config"].is_object()) {
    reversed["config"]["go_backwards"] = true;
  }
  return reversed;
}

int64_t LastOf(const Shape& shape) { return shape[shape.rank() - 1]; }

// Returns `shape` with `extent` as its last extent.
Shape WithLast(const Shape& shape, int64_t extent) {
  absl::InlinedVector<int64_t, 4> extents(shape.extents().begin(), shape.extents().end());
  extents.back() = extent;
  return Shape(extents);
}

absl::StatusOr<Bidirectional::Merge> Bidirectional::ParseMerge(const KerasConfig& config) {
  if (config.Has("merge_mode") && config.Raw("merge_mode").is_null()) {
    return Merge::kNone;
  }
  RNNSERVE_ASSIGN_OR_RETURN(const std::string name, config.String("merge_mode", "concat"));
  if (name == "concat") return Merge::kConcat;
  if (name == "sum") return Merge::kSum;
  if (name == "mul") return Merge::kMul;
  if (name == "ave") return Merge::kAve;
  return config.Error(
      absl::StrCat("merge_mode must be concat, sum, mul, ave or null, found ", name));
}

absl::StatusOr<std::unique_ptr<RecurrentLayer>> Bidirectional::CreateHalf(
    const LayerRegistry& registry, const KerasConfig& config, const ValueSpec& input,
    WeightSource& weights) {
  const LayerTraits* const traits = registry.TraitsOf(config.registered_name());
  if (traits == nullptr || !traits->fits_bidirectional) {
    return MakeError(absl::StatusCode::kUnimplemented, "LAYER_UNSUPPORTED",
                     absl::StrCat(config.path(), ": a ", config.registered_name(),
                                  " layer is not supported inside a Bidirectional layer"));
  }
  RNNSERVE_RETURN_IF_ERROR(config.CheckDtypePolicy());
  RNNSERVE_ASSIGN_OR_RETURN(RecurrentLayer::Options options,
                            RecurrentLayer::Options::Parse(config));
  options.zero_output_for_mask = options.return_sequences;
  return RecurrentLayer::CreateWithOptions(registry, config, options, input, weights);
}

absl::Status Bidirectional::CheckPair(const KerasConfig& config, Merge merge,
                                      const RecurrentLayer& forward,
                                      const RecurrentLayer& backward) {
  // A recurrent layer can stream unless it goes backwards.
  if (forward.can_stream() == backward.can_stream()) {
    return config.Error("layer and backward_layer must differ in go_backwards");
  }
  if (forward.output().has_time != backward.output().has_time ||
      forward.returns_state() != backward.returns_state()) {
    return config.Error("layer and backward_layer must agree in return_sequences and return_state");
  }
  if (merge == Merge::kNone) return absl::OkStatus();
  const Shape& forward_shape = forward.output_shape();
  const Shape& backward_shape = backward.output_shape();
  const Shape joined_as =
      merge == Merge::kConcat ? WithLast(backward_shape, LastOf(forward_shape)) : backward_shape;
  if (forward_shape != joined_as) {
    return config.Error(
        absl::StrCat("layer and backward_layer must give one shape, up to its last ",
                     "extent for a concat, found ", forward_shape.ToString(), " and ",
                     backward_shape.ToString()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Layer>> Bidirectional::Create(const LayerRegistry& registry,
                                                             const KerasConfig& config,
                                                             const ValueSpec& input,
                                                             WeightSource& weights) {
  RNNSERVE_ASSIGN_OR_RETURN(const Merge merge, ParseMerge(config));
  RNNSERVE_ASSIGN_OR_RETURN(const KerasConfig forward_config, config.Object("layer"));
  const nlohmann::json reversed = Reversed(config.Raw("layer"));
  KerasConfig backward_config(reversed, forward_config.path());
  if (!config.Raw("backward_layer").is_null()) {
    RNNSERVE_ASSIGN_OR_RETURN(backward_config, config.Object("backward_layer"));
  }
  ScopedWeights forward_weights(weights, "forward");
  RNNSERVE_ASSIGN_OR_RETURN(auto forward,
                            CreateHalf(registry, forward_config, input, forward_weights));
  ScopedWeights backward_weights(weights, "backward");
  RNNSERVE_ASSIGN_OR_RETURN(auto backward,
                            CreateHalf(registry, backward_config, input, backward_weights));
  RNNSERVE_RETURN_IF_ERROR(CheckPair(config, merge, *forward, *backward));
  return absl::WrapUnique(
      new Bidirectional(config, merge, std::move(forward), std::move(backward)));
}

Bidirectional::Bidirectional(const KerasConfig& config, Merge merge,
                             std::unique_ptr<RecurrentLayer> forward,
                             std::unique_ptr<RecurrentLayer> backward)
    : Layer(config, forward->output().WithShape(merge == Merge::kConcat
                                                    ? WithLast(forward->output_shape(),
                                                               LastOf(forward->output_shape()) +
                                                                   LastOf(backward->output_shape()))
                                                    : forward->output_shape())),
      merge_(merge),
      forward_{.layer = std::move(forward)},
      backward_{.layer = std::move(backward)} {
  if (merge_ == Merge::kNone) more_outputs_.push_back(backward_.layer->output());
  AddStates("forward", &forward_);
  backward_.offset = forward_.size;
  AddStates("backward", &backward_);
}

void Bidirectional::AddStates(absl::string_view direction, Half* half) {
  for (const StateSpec& state : half->layer->states()) {
    states_.push_back({absl::StrCat(direction, "/", state.name), state.shape});
    half->size += PaddedRows(*state.shape.NumElements());
  }
}

int64_t Bidirectional::parameter_bytes() const {
  return forward_.layer->parameter_bytes() + backward_.layer->parameter_bytes();
}

int64_t Bidirectional::num_parameters() const {
  return forward_.layer->num_parameters() + backward_.layer->num_parameters();
}

std::string Bidirectional::no_training_reason() const {
  std::string reason = forward_.layer->no_training_reason();
  return reason.empty() ? backward_.layer->no_training_reason() : reason;
}

void Bidirectional::InitialState(float* column) const {
  forward_.layer->InitialState(column + forward_.offset);
  backward_.layer->InitialState(column + backward_.offset);
}

int64_t Bidirectional::scratch_size(int64_t batch, int64_t time) const {
  const auto half_size = [&](const Half& half) {
    return ColumnsSize(half.layer->state_size(), batch) + half.layer->scratch_size(batch, time);
  };
  return DenseSequenceSize(*backward_.layer->output_shape().NumElements(), batch,
                           output().has_time ? time : 1) +
         std::max(half_size(forward_), half_size(backward_));
}

void Bidirectional::Run(const LayerRun& run) const {
  const int64_t rows = *backward_.layer->output_shape().NumElements();
  const Sequence backward = DenseSequence(run.scratch, rows, run.y.batch, run.y.time);
  float* const scratch = run.scratch + DenseSequenceSize(rows, run.y.batch, run.y.time);
  // The forward output is at the beginning of the column, where MergeColumn joins it with the
  // backward output.
  Sequence forward = run.y;
  forward.rows = *forward_.layer->output_shape().NumElements();
  RunHalf(forward_, run, forward, scratch);
  RunHalf(backward_, run, backward, scratch);
  for (int64_t t = 0; t < run.y.time; ++t) {
    const ConstColumns flipped = backward.At(run.y.time - 1 - t);
    if (merge_ == Merge::kNone) {
      Copy(flipped, run.more_y[0].At(t));
      continue;
    }
    for (int64_t b = 0; b < run.y.batch; ++b) MergeColumn(flipped, forward.At(t), b);
  }
}

void Bidirectional::RunHalf(const Half& half, const LayerRun& run, Sequence y,
                            float* scratch) const {
  const Columns state = TakeColumns(scratch, half.layer->state_size(), run.x.batch);
  for (int64_t b = 0; b < state.cols; ++b) {
    std::copy_n(run.state.column(b) + half.offset, half.size, state.column(b));
    half.layer->OnStatesReplaced(state.column(b));
  }
  LayerRun half_run = run;
  half_run.state = state;
  half_run.y = y;
  half_run.scratch = scratch;
  TrainingRun training;
  if (run.training != nullptr) {
    training = run.training->Part(&half == &forward_ ? 0 : 1);
    half_run.training = &training;
  }
  half.layer->Run(half_run);
  for (int64_t b = 0; b < state.cols; ++b) {
    std::copy_n(state.column(b), half.size, run.state.column(b) + half.offset);
  }
}

void Bidirectional::Concatenate(const float* backward, float* y) const {
  const int64_t y_size = LastOf(forward_.layer->output_shape());
  const int64_t backward_size = LastOf(backward_.layer->output_shape());
  const int64_t num_vectors = *forward_.layer->output_shape().NumElements() / y_size;
  // Goes from the last vector to the first, so that no vector is overwritten before it is moved.
  for (int64_t v = num_vectors - 1; v >= 0; --v) {
    float* const end = y + v * (y_size + backward_size) + y_size;
    std::copy_backward(y + v * y_size, y + (v + 1) * y_size, end);
    std::copy_n(backward + v * backward_size, backward_size, end);
  }
}

void Bidirectional::MergeColumn(ConstColumns backward, Columns y, int64_t b) const {
  switch (merge_) {
    case Merge::kNone:
      return;
    case Merge::kConcat:
      Concatenate(backward.column(b), y.column(b));
      return;
    case Merge::kSum:
      y.padded(b) += backward.padded(b);
      return;
    case Merge::kMul:
      y.padded(b) *= backward.padded(b);
      return;
    case Merge::kAve:
      y.padded(b) = (y.padded(b) + backward.padded(b)) / 2.0f;
      return;
  }
}

Mask Bidirectional::OutputMask(const LayerRun& run, uint8_t* /*buffer*/) const {
  return output().has_time ? run.mask : Mask{};
}

}  // namespace

void RegisterBidirectional(LayerRegistry& registry) {
  registry.Register("Bidirectional", Bidirectional::Create,
                    {.variables = LayerVariables::None(),
                     .keras2_mask = Keras2Mask::kWithSequences,
                     .parts = {{"layer", "forward_layer", "forward"},
                               {"backward_layer", "backward_layer", "backward"}},
                     .takes_states = true});
}

}  // namespace rnnserve
