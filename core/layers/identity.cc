// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/layers/identity.h"

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/layers/layer_config.h"

namespace rnnserve {
namespace {

// Keras refuses a share or a deviation outside [0, 1] too, so such a file is not from Keras.
absl::Status CheckUnitInterval(const KerasConfig& config, absl::string_view key) {
  RNNSERVE_ASSIGN_OR_RETURN(const double value, config.Number(key, 0.0));
  if (value >= 0.0 && value <= 1.0) return absl::OkStatus();
  return config.Error(absl::StrCat(key, " must be between 0 and 1, found ", value));
}

}  // namespace

Identity::Identity(const KerasConfig& config, ValueSpec output)
    : PointwiseLayer(config, std::move(output)) {}

absl::StatusOr<std::unique_ptr<Layer>> Identity::Create(const LayerRegistry& /*registry*/,
                                                        const KerasConfig& config,
                                                        const ValueSpec& input,
                                                        WeightSource& /*weights*/) {
  RNNSERVE_RETURN_IF_ERROR(CheckUnitInterval(config, "rate"));
  RNNSERVE_RETURN_IF_ERROR(CheckUnitInterval(config, "stddev"));
  if (config.class_name() == "SpatialDropout1D") {
    RNNSERVE_RETURN_IF_ERROR(NumSequenceFeatures(config, input).status());
  }
  return absl::WrapUnique(new Identity(config, input));
}

void Identity::Apply(ConstColumns x, Columns y) const { Copy(x, y); }

}  // namespace rnnserve
