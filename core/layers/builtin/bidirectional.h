// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_BIDIRECTIONAL_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_BIDIRECTIONAL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/layer.h"
#include "core/layers/recurrent_layer.h"

namespace rnnserve {

class LayerRegistry;

// keras.layers.Bidirectional: two recurrent layers over the same sequence, in opposite directions,
// [...] -> [..., both output sizes together] for concat, [..., output size] otherwise:
//
//   f = forward(x, mask);  r = backward(x, mask), flipped along time with return_sequences
//   concat: [f, r]    sum: f + r    mul: f * r    ave: (f + r) / 2    null: two outputs, f and r
//
// As in Keras, both halves have zero_output_for_mask exactly if they have return_sequences,
// whatever the configuration says: with a mask, masked timesteps of a sequence are 0, and a single
// output is that of the last timestep that counts (backward: the first). The mask is handed on with
// return_sequences and ends without.
//
// It needs the end of the sequence first: it cannot stream, and a run begins with nothing emitted.
//
//   state column:  | forward: state 0 . | state 1 . | backward: state 0 . | state 1 . |
//
// States are named "forward/...", "backward/..."; weights lie below "forward" and "backward". Owns
// both halves. Immutable; safe to share.
class Bidirectional final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  const ValueSpec* second_output() const override {
    return second_output_.has_value() ? &*second_output_ : nullptr;
  }
  bool can_stream() const override { return false; }
  bool returns_state() const override { return forward_.layer->returns_state(); }
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

  // One direction, and where its states lie in the column.
  struct Half {
    std::unique_ptr<RecurrentLayer> layer;
    int64_t offset = 0;
    int64_t size = 0;
  };

  static absl::StatusOr<Merge> ParseMerge(const KerasConfig& config);
  // Keras refuses such a pair too. Only a concat joins shapes of two last extents.
  static absl::Status CheckPair(const KerasConfig& config, Merge merge,
                                const RecurrentLayer& forward, const RecurrentLayer& backward);
  static absl::StatusOr<std::unique_ptr<RecurrentLayer>> CreateHalf(const LayerRegistry& registry,
                                                                    const KerasConfig& config,
                                                                    const ValueSpec& input,
                                                                    WeightSource& weights);

  Bidirectional(const KerasConfig& config, Merge merge, std::unique_ptr<RecurrentLayer> forward,
                std::unique_ptr<RecurrentLayer> backward);

  void AddStates(absl::string_view direction, Half* half);
  // Runs one direction from its states in run.state, and leaves them there.
  void RunHalf(const Half& half, const LayerRun& run, Sequence y, float* scratch) const;
  // Puts the vectors of the backward output behind those of the forward output, which y begins
  // with.
  void Concatenate(const float* backward, float* y) const;
  // Merges one column of the backward output into that of the forward output.
  void MergeColumn(ConstColumns backward, Columns y, int64_t b) const;

  const Merge merge_;
  Half forward_;
  Half backward_;
  std::vector<StateSpec> states_;
  std::optional<ValueSpec> second_output_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_BIDIRECTIONAL_H_
