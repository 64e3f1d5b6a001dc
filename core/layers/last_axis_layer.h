// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_LAST_AXIS_LAYER_H_
#define RNNSERVE_CORE_LAYERS_LAST_AXIS_LAYER_H_

#include <cstdint>

#include "core/keras/keras_config.h"
#include "core/layers/layer.h"

namespace rnnserve {

// A layer that computes each vector along the last axis on its own: [..., features] -> [...,
// units]. It computes every timestep, masked or not, and passes the mask on.
//
// If a timestep is a single vector, Apply works on it in place. If a timestep has more axes, its
// vectors are copied one after another to columns of their own, and the results are copied back.
// Immutable; safe to share.
class LastAxisLayer : public Layer {
 public:
  int64_t scratch_size(int64_t batch, int64_t time) const final;
  void Run(const LayerRun& run) const final;

 protected:
  // REQUIRES: the shapes of input and output have at least one axis and differ at most in the
  // extent of the last.
  LastAxisLayer(const KerasConfig& config, const ValueSpec& input, const ValueSpec& output);

 private:
  // Computes one vector of every row: x is [features, batch], y is [units, batch]. `team` is the
  // team of the run.
  virtual void Apply(ConstColumns x, Columns y, Team* team) const = 0;

  const int64_t num_features_;
  const int64_t num_units_;
  const int64_t num_vectors_;  // in a timestep
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_LAST_AXIS_LAYER_H_
