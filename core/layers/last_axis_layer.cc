// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/layers/last_axis_layer.h"

#include <algorithm>

namespace rnnserve {
namespace {

int64_t LastOf(const Shape& shape) { return shape[shape.rank() - 1]; }

}  // namespace

LastAxisLayer::LastAxisLayer(const KerasConfig& config, const ValueSpec& input,
                             const ValueSpec& output)
    : Layer(config, output),
      num_features_(LastOf(input.shape)),
      num_units_(LastOf(output.shape)),
      num_vectors_(*input.shape.NumElements() / num_features_) {}

int64_t LastAxisLayer::scratch_size(int64_t batch, int64_t /*time*/) const {
  if (num_vectors_ == 1) return 0;
  return ColumnsSize(num_features_, batch) + ColumnsSize(num_units_, batch);
}

void LastAxisLayer::Run(const LayerRun& run) const {
  if (num_vectors_ == 1) {
    for (int64_t t = 0; t < run.x.time; ++t) Apply(run.x.At(t), run.y.At(t), run.team);
    return;
  }
  float* scratch = run.scratch;
  const Columns x = TakeColumns(scratch, num_features_, run.x.batch);
  const Columns y = TakeColumns(scratch, num_units_, run.x.batch);
  for (int64_t t = 0; t < run.x.time; ++t) {
    for (int64_t v = 0; v < num_vectors_; ++v) {
      for (int64_t b = 0; b < x.cols; ++b) {
        std::copy_n(run.x.At(t).column(b) + v * num_features_, num_features_, x.column(b));
      }
      Apply(x, y, run.team);
      for (int64_t b = 0; b < y.cols; ++b) {
        std::copy_n(y.column(b), num_units_, run.y.At(t).column(b) + v * num_units_);
      }
    }
  }
}

}  // namespace rnnserve
