// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_POINTWISE_LAYER_H_
#define RNNSERVE_CORE_LAYERS_POINTWISE_LAYER_H_

#include <string>
#include <utility>

#include "core/base/shape.h"
#include "core/layers/layer.h"

namespace rnnserve {

// A layer whose output at a timestep depends only on the input at that timestep. It computes every
// timestep, masked or not, and passes the mask on. Timesteps have any shape and are flattened,
// row-major. (LastAxisLayer is for layers that compute each vector along the last axis.) Immutable;
// safe to share.
class PointwiseLayer : public Layer {
 public:
  void Run(const LayerRun& run) const final;

 protected:
  using Layer::Layer;

 private:
  // Computes one timestep: x is [input elements, batch], y is [output elements, batch].
  virtual void Apply(ConstColumns x, Columns y) const = 0;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_POINTWISE_LAYER_H_
