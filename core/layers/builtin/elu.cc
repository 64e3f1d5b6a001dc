// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/layers/builtin/elu.h"

#include <cmath>

#include "absl/memory/memory.h"
#include "core/base/status_macros.h"

namespace rnnserve {

Elu::Elu(const KerasConfig& config, ValueSpec output, float alpha)
    : PointwiseLayer(config, std::move(output)), alpha_(alpha) {}

absl::StatusOr<std::unique_ptr<Layer>> Elu::Create(const LayerRegistry& /*registry*/,
                                                   const KerasConfig& config,
                                                   const ValueSpec& input,
                                                   WeightSource& /*weights*/) {
  RNNSERVE_ASSIGN_OR_RETURN(const double alpha, config.Number("alpha", 1.0));
  return absl::WrapUnique(new Elu(config, input, static_cast<float>(alpha)));
}

void Elu::Apply(ConstColumns x, Columns y) const {
  for (int64_t b = 0; b < x.cols; ++b) {
    y.vector(b) = x.vector(b).unaryExpr(
        [this](float value) { return value > 0.0f ? value : alpha_ * std::expm1(value); });
  }
}

}  // namespace rnnserve
