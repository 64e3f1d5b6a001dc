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

// What one call of Layer::Run reads and writes. x, state, y and scratch never overlap.
struct LayerRun {
  ConstSequence x;  // [input size, batch, time]
  Mask mask;        // of x
  // What a merging layer reads besides, and the mask of each.
  absl::Span<const ConstSequence> more_x;
  absl::Span<const Mask> more_masks;
  Columns state;             // [state_size(), batch]: read, then left as after the last timestep
  Sequence y;                // [output size, batch, output_time()]
  Sequence second_y;         // the same of second_output()
  float* scratch = nullptr;  // scratch_size(batch, time) floats, aligned to 64 bytes
  // Threads that large steps may be shared with. Null: none.
  Team* team = nullptr;
  const TrainingRun* training = nullptr;  // in a run with Keras' training=True, else null
};

// One layer of a model, with its weights: a function of the input sequence and the states.
//
// Running T timesteps at once or one by one, with the state kept between the calls, gives the same
// bits; that is how sessions work. A layer that cannot keep this promise (it needs the end of the
// sequence first) says so by can_stream().
//
// The state of one batch row is one column of state_size() floats: the states() that clients see,
// each padded to kColumnQuantum and in order, then whatever the layer carries besides (see
// RecurrentLayer). Owns its weights. Immutable; safe to share. Run cannot fail and allocates
// nothing.
class Layer {
 public:
  virtual ~Layer() = default;

  const std::string& name() const { return name_; }
  // The Keras class, for example "LSTM".
  const std::string& class_name() const { return class_name_; }
  // What the layer makes of its inputs. `time` of it is only known if that of the inputs is.
  const ValueSpec& output() const { return output_; }
  const Shape& output_shape() const { return output_.shape; }

  // What the layer makes besides, on the same time axis: Bidirectional without a merge gives the
  // outputs of both directions. Null if there is none.
  virtual const ValueSpec* second_output() const { return nullptr; }

  // The number of timesteps of output for inputs of that many, each (1 for an input without a time
  // axis); at most 2^31. 1 if the output has no time axis; less than 1 if the layer cannot work on
  // these. Default: that of the first input.
  virtual int64_t output_time(absl::Span<const int64_t> input_times) const {
    return output_.has_time ? input_times[0] : 1;
  }
  // Whether the layer can be given the timesteps of its input one by one.
  virtual bool can_stream() const { return true; }
  // Whether it runs a cell or a layer inside it at every timestep. The mask ends at such a layer from
  // Keras 3.16 on (see MaskRules).
  virtual bool loops_over_time() const { return false; }
  // Why a run with training=True is not what Keras computes, for people: "it ...". Empty if it is.
  virtual std::string no_training_reason() const { return ""; }
  // Whether Keras returns the states beside the output.
  virtual bool returns_state() const { return false; }
  // Whether the input is token ids (each coded as one float) instead of features.
  virtual bool reads_token_ids() const { return false; }
  // How many different token ids there are, if it reads them.
  virtual int64_t num_tokens() const { return 0; }
  virtual int64_t num_parameters() const { return 0; }
  // The bytes that they take. Default: those of float32.
  virtual int64_t parameter_bytes() const { return num_parameters() * int64_t{sizeof(float)}; }

  // The bytes of weights that one timestep reads in steps that a Team is worth being given:
  // if they are most of the model, a batch is better shared by all cores than one of many. Default:
  // none.
  virtual int64_t shareable_bytes() const { return 0; }

  // The states that clients see, in Keras' order.
  virtual absl::Span<const StateSpec> states() const { return {}; }
  virtual int64_t state_size() const { return 0; }
  // Writes the initial state of one batch row into a column of state_size() floats that is zero.
  virtual void InitialState(float* column) const { static_cast<void>(column); }
  // Called when `states()` in the column were overwritten from outside: whatever the layer carries
  // besides begins anew, as at the start of a sequence.
  virtual void OnStatesReplaced(float* column) const { static_cast<void>(column); }

  // Floats of scratch for such a run, and for any of fewer rows or timesteps.
  virtual int64_t scratch_size(int64_t batch, int64_t time) const {
    static_cast<void>(batch);
    static_cast<void>(time);
    return 0;
  }

  virtual void Run(const LayerRun& run) const = 0;

  // The mask of the output, by the propagation rules of Keras 3, for a run of which at least the
  // inputs and their masks are set. A layer that makes a mask writes it to `buffer` (one byte for
  // every timestep of output, or of input if those are more, row-major [batch, time]) and returns a
  // view of it; the default hands on the mask of the first input.
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
