// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_RECURRENT_LAYER_H_
#define RNNSERVE_CORE_LAYERS_RECURRENT_LAYER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/cells/cell.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/layer.h"

namespace rnnserve {

class LayerRegistry;

// keras.layers.RNN, SimpleRNN, LSTM, GRU and ConvLSTM1D to 3D: a layer that runs a cell at every
// timestep. For one batch row it computes what Keras up to 3.15 does on TensorFlow and torch:
//
//   emitted = 0;  states = initial states
//   for t = 0 .. T-1:                          (T-1 .. 0 with go_backwards, padding included)
//     (y, next) = cell(x[t], states)
//     if mask[t]:                    states = next;  emitted = y
//     else if zero_output_for_mask:  y = 0
//     else:                          y = emitted     (not the state; 0 before the first emission)
//   output: with return_sequences every y in the order of processing, so that go_backwards leaves
//           it reversed; else the last y
//
// The result of a masked timestep is computed and discarded, not multiplied by 0, so NaN in it does
// not spread. With return_sequences the mask is passed on; otherwise the output has no mask.
// `stateful` and `unroll` change nothing: sessions keep the state, and both kinds of loop give the
// same numbers.
//
//   state column:  | state 0 . | state 1 . | emitted . |        . = padding to kColumnQuantum
//
// The first input is the sequence. The others are the constants of the cell, one for each of
// Cell::constants(). The cell reads them at every timestep; they have neither a time axis nor a
// mask.
//
// `emitted` is part of the state so that several short runs give the same result as one long run.
// With zero_output_for_mask nothing reads it, and it is left out. The weights are the weights of
// the cell, in the scope of the layer. Owns the cell. Immutable; safe to share.
class RecurrentLayer final : public Layer {
 public:
  struct Options {
    bool return_sequences = false;
    bool return_state = false;
    bool go_backwards = false;
    bool zero_output_for_mask = false;

    // Errors: INVALID_ARGUMENT, reason MODEL_CONFIG; UNIMPLEMENTED, reason OPTION_UNSUPPORTED.
    static absl::StatusOr<Options> Parse(const KerasConfig& config);
  };

  // The maximum number of states of a cell. Arrays of this size are on the call stack of the thread
  // that runs the layer. A stack of 32 LSTM cells has 64 states.
  static constexpr int64_t kMaxStates = 64;

  // The maximum number of constants that a cell may take. Arrays of this size are on the call stack
  // too.
  static constexpr int64_t kMaxConstants = 16;

  // A run of few rows and more than one timestep multiplies the inputs of up to kMaxProjectedTime
  // timesteps by their weights at once, so that each weight is read once for all of them. With more
  // rows, a single timestep is enough work for each weight that is read. The cell decides how
  // many rows count as few; they are never more than kMaxProjectedBatch.
  static constexpr int64_t kMaxProjectedBatch = 8;
  static constexpr int64_t kMaxProjectedTime = 24;

  // Returns the largest number of rows of a run that projects, for a cell whose projection has this
  // many rows and whose parameters take this many bytes.
  static int64_t ProjectedBatch(int64_t projection_rows, int64_t parameter_bytes);

  // A LayerRegistry::MergeFactory. Errors: see there; also INVALID_ARGUMENT, reason MODEL_CONFIG,
  // if the constants are not those that the cell takes.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       absl::Span<const ValueSpec> inputs,
                                                       WeightSource& weights);
  // Builds the layer with `options` in place of those in the configuration. REQUIRES: at least one
  // input.
  static absl::StatusOr<std::unique_ptr<RecurrentLayer>> CreateWithOptions(
      const LayerRegistry& registry, const KerasConfig& config, const Options& options,
      absl::Span<const ValueSpec> inputs, WeightSource& weights);
  static absl::StatusOr<std::unique_ptr<RecurrentLayer>> CreateWithOptions(
      const LayerRegistry& registry, const KerasConfig& config, const Options& options,
      const ValueSpec& input, WeightSource& weights) {
    return CreateWithOptions(registry, config, options, absl::MakeConstSpan(&input, 1), weights);
  }

  bool can_stream() const override { return !options_.go_backwards; }
  bool loops_over_time() const override { return true; }
  bool returns_state() const override { return options_.return_state; }
  std::string no_training_reason() const override { return cell_->no_training_reason(); }
  int64_t num_parameters() const override { return cell_->num_parameters(); }
  int64_t parameter_bytes() const override { return cell_->parameter_bytes(); }
  int64_t shareable_bytes() const override { return cell_->shareable_bytes(); }
  absl::Span<const StateSpec> states() const override { return cell_->states(); }
  int64_t state_size() const override;
  void InitialState(float* column) const override;
  void OnStatesReplaced(float* column) const override;
  int64_t scratch_size(int64_t batch, int64_t time) const override;

  void Run(const LayerRun& run) const override;
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  // The position of a state of the cell in the column.
  struct StateRows {
    int64_t offset = 0;
    int64_t size = 0;
  };

  RecurrentLayer(const KerasConfig& config, const Options& options, const ValueSpec& input,
                 std::unique_ptr<Cell> cell);

  // Returns the number of timesteps of each row that are projected together (see Cell::Project); 0
  // if none are.
  int64_t projected_time(int64_t batch, int64_t time) const;

  // Returns the number of floats that `emitted` takes in the state column.
  int64_t emitted_size() const;

  // Projects the timesteps that are processed i-th and later, as many as fit into `projected`.
  // `step` has the constants and what was prepared from them; its scratch is used. Returns the
  // smallest index among the timesteps, which is the last one processed with go_backwards.
  int64_t Project(ConstSequence x, int64_t i, const CellStep& step, Sequence projected) const;

  // Ends timestep t. In rows in which it is masked, sets the next states to the states before the
  // step and replaces the output in `y`. In the others, keeps the output as emitted.
  void Commit(const LayerRun& run, int64_t t, ConstColumns states, Columns next_states,
              Columns y) const;

  const Options options_;
  const std::unique_ptr<Cell> cell_;
  const int64_t projected_batch_;  // the largest number of rows of a run that projects
  std::vector<StateRows> state_rows_;
  int64_t states_size_ = 0;  // of all states, padded
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_RECURRENT_LAYER_H_
