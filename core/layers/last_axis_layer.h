// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_LAST_AXIS_LAYER_H_
#define RNNSERVE_CORE_LAYERS_LAST_AXIS_LAYER_H_

#include <cstdint>

#include "core/keras/keras_config.h"
#include "core/layers/layer.h"

namespace rnnserve {

// A layer that turns each vector along the last axis of its input into another vector, by itself:
// [..., features] -> [..., units], at every timestep, masked or not. The mask is handed on.
//
// A timestep that is one vector is handed to Apply as it lies; of a timestep of more axes, the
// vectors are copied one after another to columns of their own, and back. Immutable; safe to share.
class LastAxisLayer : public Layer {
 public:
  int64_t scratch_size(int64_t batch, int64_t time) const final;
  void Run(const LayerRun& run) const final;

 protected:
  // REQUIRES: input and output differ in the last extent of their shapes at most, and have one.
  LastAxisLayer(const KerasConfig& config, const ValueSpec& input, const ValueSpec& output);

 private:
  // x is [features, batch], y is [units, batch]; `team` is that of the run.
  virtual void Apply(ConstColumns x, Columns y, Team* team) const = 0;

  const int64_t num_features_;
  const int64_t num_units_;
  const int64_t num_vectors_;  // in a timestep
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_LAST_AXIS_LAYER_H_
