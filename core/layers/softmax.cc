// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/layers/softmax.h"

#include "absl/memory/memory.h"
#include "core/base/status_macros.h"
#include "core/kernels/activation.h"
#include "core/layers/layer_config.h"

namespace rnnserve {

Softmax::Softmax(const KerasConfig& config, ValueSpec output) : Layer(config, std::move(output)) {}

absl::StatusOr<std::unique_ptr<Layer>> Softmax::Create(const LayerRegistry& /*registry*/,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& /*weights*/) {
  RNNSERVE_RETURN_IF_ERROR(NumFeatures(config, input).status());
  RNNSERVE_RETURN_IF_ERROR(CheckLastAxis(config, input));
  return absl::WrapUnique(new Softmax(config, input));
}

void Softmax::Run(const LayerRun& run) const {
  for (int64_t t = 0; t < run.x.time; ++t) {
    const ConstColumns x = run.x.At(t);
    const Columns y = run.y.At(t);
    Copy(x, y);
    Activate(Activation::kSoftmax, y);
    for (int64_t b = 0; b < x.cols; ++b) {
      if (!run.mask(b, t)) y.padded(b).setZero();
    }
  }
}

}  // namespace rnnserve
