// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_POINTWISE_LAYER_H_
#define RNNSERVE_CORE_LAYERS_POINTWISE_LAYER_H_

#include <string>
#include <utility>

#include "core/base/shape.h"
#include "core/layers/layer.h"

namespace rnnserve {

// A layer whose output at a timestep depends on the input at that timestep alone, and on no mask.
// Every timestep is computed, masked or not; the mask is handed on. Timesteps have any shape: they
// come flattened, row-major. (Layers of the last axis alone: LastAxisLayer.)
//
// Immutable; safe to share.
class PointwiseLayer : public Layer {
 public:
  void Run(const LayerRun& run) const final;

 protected:
  using Layer::Layer;

 private:
  // One timestep: x is [input elements, batch], y is [output elements, batch].
  virtual void Apply(ConstColumns x, Columns y) const = 0;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_POINTWISE_LAYER_H_
