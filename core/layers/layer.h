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
#include "core/cells/state_spec.h"
#include "core/layers/sequence.h"

namespace rnnserve {

// What one call of Layer::Run reads and writes. x, state, y and scratch never overlap.
struct LayerRun {
  ConstSequence x;           // [input size, batch, time]
  Mask mask;                 // of x
  Columns state;             // [state_size(), batch]: read, then left as after the last timestep
  Sequence y;                // [output size, batch, time], or time 1 (see keeps_time())
  float* scratch = nullptr;  // scratch_size(batch, time) floats, aligned to 64 bytes
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
  // What stands in front of the layer: the shape of one timestep, and whether there is a time axis.
  struct Input {
    Shape shape;
    bool has_time = true;
  };

  virtual ~Layer() = default;

  const std::string& name() const { return name_; }
  // The Keras class, for example "LSTM".
  const std::string& class_name() const { return class_name_; }
  // The shape of one timestep of output.
  const Shape& output_shape() const { return output_shape_; }

  // Whether the output has the time axis of the input; false if only the last output is returned.
  virtual bool keeps_time() const { return true; }
  virtual bool can_stream() const { return true; }
  // Whether Keras returns the states beside the output. Nothing can stand behind such a layer.
  virtual bool returns_state() const { return false; }
  // Whether the input is token ids (each coded as one float) instead of features.
  virtual bool reads_token_ids() const { return false; }
  // How many different token ids there are, if it reads them.
  virtual int64_t num_tokens() const { return 0; }
  virtual int64_t num_parameters() const { return 0; }

  // The states that clients see, in Keras' order.
  virtual absl::Span<const StateSpec> states() const { return {}; }
  virtual int64_t state_size() const { return 0; }
  // Writes the initial state of one batch row into a column of state_size() floats that is zero.
  virtual void InitialState(float* column) const { static_cast<void>(column); }
  // Called when `states()` in the column were overwritten from outside: whatever the layer carries
  // besides begins anew, as at the start of a sequence.
  virtual void OnStatesReplaced(float* column) const { static_cast<void>(column); }

  // Floats of scratch for such a run.
  virtual int64_t scratch_size(int64_t batch, int64_t time) const {
    static_cast<void>(batch);
    static_cast<void>(time);
    return 0;
  }

  virtual void Run(const LayerRun& run) const = 0;

  // The mask of the output, by the propagation rules of Keras 3. A layer that makes a mask writes
  // it to `buffer` (batch * time bytes, row-major [batch, time]) and returns a view of it; the
  // default hands on the mask of the input.
  virtual Mask OutputMask(ConstSequence x, Mask mask, uint8_t* buffer) const {
    static_cast<void>(x);
    static_cast<void>(buffer);
    return mask;
  }

 protected:
  Layer(std::string name, std::string class_name, Shape output_shape)
      : name_(std::move(name)),
        class_name_(std::move(class_name)),
        output_shape_(std::move(output_shape)) {}

 private:
  const std::string name_;
  const std::string class_name_;
  const Shape output_shape_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_LAYER_H_
