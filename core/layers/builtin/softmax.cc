// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/layers/builtin/softmax.h"

#include <algorithm>

#include "absl/memory/memory.h"
#include "core/base/status_macros.h"
#include "core/kernels/activation.h"
#include "core/layers/layer_config.h"

namespace rnnserve {

Softmax::Softmax(const KerasConfig& config, const ValueSpec& input)
    : Layer(config, input), num_features_(input.shape[input.shape.rank() - 1]) {}

absl::StatusOr<std::unique_ptr<Layer>> Softmax::Create(const LayerRegistry& /*registry*/,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& /*weights*/) {
  RNNSERVE_RETURN_IF_ERROR(CheckLastAxis(config, input));
  return absl::WrapUnique(new Softmax(config, input));
}

int64_t Softmax::scratch_size(int64_t batch, int64_t /*time*/) const {
  return ColumnsSize(num_features_, batch);
}

void Softmax::Run(const LayerRun& run) const {
  float* scratch = run.scratch;
  const Columns vector = TakeColumns(scratch, num_features_, run.x.batch);
  for (int64_t t = 0; t < run.x.time; ++t) {
    const ConstColumns x = run.x.At(t);
    const Columns y = run.y.At(t);
    for (int64_t begin = 0; begin < x.rows; begin += num_features_) {
      for (int64_t b = 0; b < x.cols; ++b) {
        std::copy_n(x.column(b) + begin, num_features_, vector.column(b));
      }
      Activate(Activation::kSoftmax, vector);
      for (int64_t b = 0; b < x.cols; ++b) {
        std::copy_n(vector.column(b), num_features_, y.column(b) + begin);
      }
    }
    for (int64_t b = 0; b < x.cols; ++b) {
      if (!run.mask(b, t)) y.padded(b).setZero();
    }
  }
}

}  // namespace rnnserve
