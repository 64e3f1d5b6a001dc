// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/layers/builtin/identity.h"

#include "absl/memory/memory.h"

namespace rnnserve {

Identity::Identity(const KerasConfig& config, ValueSpec output)
    : PointwiseLayer(config, std::move(output)) {}

absl::StatusOr<std::unique_ptr<Layer>> Identity::Create(const LayerRegistry& /*registry*/,
                                                        const KerasConfig& config,
                                                        const ValueSpec& input,
                                                        WeightSource& /*weights*/) {
  return absl::WrapUnique(new Identity(config, input));
}

void Identity::Apply(ConstColumns x, Columns y) const { Copy(x, y); }

}  // namespace rnnserve
