// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/layers/pointwise_layer.h"

namespace rnnserve {

void PointwiseLayer::Run(const LayerRun& run) const {
  for (int64_t t = 0; t < run.x.time; ++t) Apply(run.x.At(t), run.y.At(t));
}

}  // namespace rnnserve
