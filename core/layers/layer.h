// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_LAYER_H_
#define RNNSERVE_CORE_LAYERS_LAYER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/base/shape.h"
#include "core/base/team.h"
#include "core/cells/training_run.h"
#include "core/keras/keras_config.h"
#include "core/keras/state_spec.h"
#include "core/layers/sequence.h"
#include "core/layers/value_spec.h"

namespace rnnserve {

// The inputs, outputs and buffers of one call of Layer::Run. x, state, y and scratch never overlap.
struct LayerRun {
  ConstSequence x;  // [input size, batch, time]
  Mask mask;        // of x
  // The further inputs of a layer that merges several, and their masks.
  absl::Span<const ConstSequence> more_x;
  absl::Span<const Mask> more_masks;
  Columns state;  // [state_size(), batch]: read, then set to the state after the run
  Sequence y;     // [output size, batch, output_time()]
  // The same for more_outputs(), each [its size, batch, output_time()], or time 1 without a time axis.
  absl::Span<const Sequence> more_y;
  float* scratch = nullptr;  // scratch_size(batch, time) floats, aligned to 64 bytes
  // Threads that can share the work of large steps. Null: none.
  Team* team = nullptr;
  const TrainingRun* training = nullptr;  // set in a run with Keras' training=True, else null
};

// One layer of a model, with its weights: a function of the input sequence and the states.
//
// Running T timesteps at once gives the same bits as running them one by one with the state kept
// between the calls. Sessions rely on that. A layer that cannot guarantee it, because it needs the
// end of the sequence first, returns false from can_stream().
//
// The state of one batch row is one column of state_size() floats: the states() that clients see,
// in order and each padded to kColumnQuantum, then anything else that the layer carries from
// timestep to timestep (see RecurrentLayer). Owns its weights. Immutable; safe to share. Run cannot
// fail and allocates nothing.
class Layer {
 public:
  virtual ~Layer() = default;

  const std::string& name() const { return name_; }
  // The Keras class, for example "LSTM".
  const std::string& class_name() const { return class_name_; }
  // The shape of the output. Its `time` is known only if the `time` of the inputs is.
  const ValueSpec& output() const { return output_; }
  const Shape& output_shape() const { return output_.shape; }

  // The shapes of the outputs after the first, which share its time axis; an output without a time
  // axis has one timestep. Bidirectional without a merge mode returns the outputs of both
  // directions. Default: none.
  virtual absl::Span<const ValueSpec> more_outputs() const { return {}; }

  // The number of output timesteps for inputs with these numbers of timesteps (1 for an input
  // without a time axis); at most 2^31. It is 1 if the output has no time axis, and less than 1 if
  // the layer cannot process such inputs. Default: as many as the first input has.
  virtual int64_t output_time(absl::Span<const int64_t> input_times) const {
    return output_.has_time ? input_times[0] : 1;
  }
  // Returns whether the timesteps of the input can be fed one by one.
  virtual bool can_stream() const { return true; }
  // Returns whether the layer runs a cell or a layer inside it at every timestep. From Keras 3.16
  // on the mask ends at such a layer (see MaskRules).
  virtual bool loops_over_time() const { return false; }
  // The reason why a run with training=True would differ from Keras; empty if it would not. A
  // human-readable text that begins with "it".
  virtual std::string no_training_reason() const { return ""; }
  // Returns whether Keras returns the states after the output.
  virtual bool returns_state() const { return false; }
  // Returns whether the layer reads token ids, each coded as one float, instead of features.
  virtual bool reads_token_ids() const { return false; }
  // The number of different token ids, if the layer reads them.
  virtual int64_t num_tokens() const { return 0; }
  virtual int64_t num_parameters() const { return 0; }
  // The number of bytes that the parameters take. Default: four for each parameter.
  virtual int64_t parameter_bytes() const { return num_parameters() * int64_t{sizeof(float)}; }

  // Returns how many bytes of weights one timestep reads in steps that are large enough to be
  // shared by a Team. If these are most of the model's bytes, one batch shared by all cores is
  // faster than several batches at once. Default: none.
  virtual int64_t shareable_bytes() const { return 0; }

  // The states that clients see, in Keras' order.
  virtual absl::Span<const StateSpec> states() const { return {}; }
  virtual int64_t state_size() const { return 0; }
  // Writes the initial state of one batch row into `column`, which has state_size() floats, all
  // zero.
  virtual void InitialState(float* column) const { static_cast<void>(column); }
  // Resets everything except `states()` that the layer carries, as at the start of a sequence. Must
  // be called after `states()` in the column were overwritten from outside.
  virtual void OnStatesReplaced(float* column) const { static_cast<void>(column); }

  // The number of scratch floats that a run of at most this many rows and timesteps needs.
  virtual int64_t scratch_size(int64_t batch, int64_t time) const {
    static_cast<void>(batch);
    static_cast<void>(time);
    return 0;
  }

  virtual void Run(const LayerRun& run) const = 0;

  // Returns the mask of the output by the propagation rules of Keras 3. At least the inputs of
  // `run` and their masks must be set. A layer that makes a mask writes it to `buffer`, row-major
  // [batch, time] with one byte per timestep, and returns a view of it; `buffer` has room for the
  // timesteps of the output or of the input, whichever is more. Default: the mask of the first
  // input.
  virtual Mask OutputMask(const LayerRun& run, uint8_t* buffer) const {
    static_cast<void>(buffer);
    return run.mask;
  }

 protected:
  Layer(const KerasConfig& config, ValueSpec output)
      : name_(config.name()), class_name_(config.class_name()), output_(std::move(output)) {}

 private:
  const std::string name_;
  const std::string class_name_;
  const ValueSpec output_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_LAYER_H_
