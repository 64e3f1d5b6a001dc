// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/layers/builtin/global_pooling.h"

#include <algorithm>
#include <utility>

#include "absl/memory/memory.h"
#include "core/base/status_macros.h"
#include "core/layers/extremes.h"
#include "core/layers/layer_config.h"

namespace rnnserve {

GlobalPooling::GlobalPooling(const KerasConfig& config, ValueSpec output, bool is_average)
    : Layer(config, std::move(output)), is_average_(is_average) {}

absl::StatusOr<std::unique_ptr<Layer>> GlobalPooling::Create(const LayerRegistry& /*registry*/,
                                                             const KerasConfig& config,
                                                             const ValueSpec& input,
                                                             WeightSource& /*weights*/) {
  RNNSERVE_RETURN_IF_ERROR(NumSequenceFeatures(config, input).status());
  RNNSERVE_RETURN_IF_ERROR(CheckChannelsLast(config));
  RNNSERVE_ASSIGN_OR_RETURN(const bool keepdims, config.Bool("keepdims", false));
  ValueSpec output{input.shape, keepdims, std::nullopt};
  if (keepdims) output.time = 1;
  const bool is_average = config.class_name() == "GlobalAveragePooling1D";
  return absl::WrapUnique(new GlobalPooling(config, std::move(output), is_average));
}

int64_t GlobalPooling::state_size() const { return PaddedRows(output_shape()[0]) + kColumnQuantum; }

void GlobalPooling::OnStatesReplaced(float* column) const {
  std::fill_n(column, state_size(), 0.0f);
}

void GlobalPooling::Run(const LayerRun& run) const {
  for (int64_t b = 0; b < run.x.batch; ++b) {
    auto seen = run.state.Rows(0, run.x.rows).vector(b);
    float& count = run.state.column(b)[PaddedRows(run.x.rows)];
    for (int64_t t = 0; t < run.x.time; ++t) {
      const auto x = run.x.At(t).vector(b);
      if (is_average_ && !run.mask(b, t)) continue;
      if (count == 0.0f) {
        seen = x;
      } else if (is_average_) {
        seen += x;
      } else {
        seen = seen.binaryExpr(x, Larger());
      }
      count += 1.0f;
    }
    run.y.At(0).vector(b) = seen / (is_average_ ? count : 1.0f);
  }
}

Mask GlobalPooling::OutputMask(const LayerRun& /*run*/, uint8_t* /*buffer*/) const {
  return Mask{};
}

}  // namespace rnnserve
