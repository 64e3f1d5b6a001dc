// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_RECURRENT_LAYER_H_
#define RNNSERVE_CORE_LAYERS_RECURRENT_LAYER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/cells/cell.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/layer.h"

namespace rnnserve {

class LayerRegistry;

// keras.layers.RNN, SimpleRNN, LSTM, GRU and ConvLSTM1D to 3D: loops a cell over time, [one
// timestep of input] -> [one of output]. What Keras (up to 3.15, TensorFlow and torch) computes,
// for one batch row:
//
//   emitted = 0;  states = initial states
//   for t = 0 .. T-1:                                 T-1 .. 0 with go_backwards, padding included
//     (y, next) = cell(x[t], states)
//     if mask[t]:                   states = next;  emitted = y
//     else if zero_output_for_mask: y = 0
//     else:                         y = emitted       not the state: zeros before the first
//     emission
//   output: every y, in the order of processing (so go_backwards leaves it reversed), or the last y
//
// A masked timestep is computed and thrown away, never multiplied: NaN in it does not spread. Its
// mask is handed on with return_sequences and ends without. `stateful` and `unroll` change nothing
// here: sessions keep the state, and both loops give the same numbers.
//
//   state column:  | state 0 . | state 1 . | emitted . |        . = padding to kColumnQuantum
//
// The first input is the sequence. Those after it are the constants of the cell, which see every
// timestep: tensors without a time axis, one for each of Cell::constants(). They have no mask.
//
// `emitted` makes many short runs equal one long run. Without a use (zero_output_for_mask) it is
// left out. Weights: those of the cell, below the layer itself. Owns the cell. Immutable; safe to
// share.
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

  // The states that a stack of cells may have in all: they are addressed from the stack of the
  // running thread. 64 are 32 LSTM cells above each other.
  static constexpr int64_t kMaxStates = 64;

  // The constants that a cell may take; they are addressed in the same way.
  static constexpr int64_t kMaxConstants = 16;

  // A run of few rows, up to so many, and of more than one timestep multiplies the inputs of up to
  // so many timesteps by their weights at once, which then are read once for all of these. With
  // more rows a single timestep is enough work for each weight that is read.
  static constexpr int64_t kMaxProjectedBatch = 8;
  static constexpr int64_t kMaxProjectedTime = 24;

  // A LayerRegistry::MergeFactory. Errors: see there; INVALID_ARGUMENT, reason MODEL_CONFIG, also
  // if there are other constants than the cell takes.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       absl::Span<const ValueSpec> inputs,
                                                       WeightSource& weights);
  // The same with other options than the configuration has. REQUIRES: at least one input.
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
  // Where a state of the cell lies in the column.
  struct StateRows {
    int64_t offset = 0;
    int64_t size = 0;
  };

  RecurrentLayer(const KerasConfig& config, const Options& options, const ValueSpec& input,
                 std::unique_ptr<Cell> cell);

  // How many timesteps of each row are projected together (see Cell::Project); 0 if none is.
  int64_t projected_time(int64_t batch, int64_t time) const;

  // The floats of `emitted` in the state column.
  int64_t emitted_size() const;

  // Projects the timesteps from the i-th to be run on, as many as `projected` holds or are left,
  // and returns the first of them.
  int64_t Project(ConstSequence x, int64_t i, Sequence projected) const;

  // Ends timestep t: takes over the states that the cell left in `next`, or, for the rows that the
  // mask leaves out, replaces the output in `y`.
  void Commit(const LayerRun& run, int64_t t, ConstColumns next, Columns y) const;

  const Options options_;
  const std::unique_ptr<Cell> cell_;
  const int64_t projected_batch_;  // the most rows that are projected
  std::vector<StateRows> state_rows_;
  int64_t states_size_ = 0;  // of all states, padded
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_RECURRENT_LAYER_H_
