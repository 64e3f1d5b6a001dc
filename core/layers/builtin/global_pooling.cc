// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/status_macros.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/builtin/builtin_layers.h"
#include "core/layers/extremes.h"
#include "core/layers/layer.h"
#include "core/layers/layer_config.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {
namespace {

// keras.layers.GlobalAveragePooling1D and GlobalMaxPooling1D: reduce all timesteps to one vector,
// [time, features] -> [features], or [1, features] with keepdims.
//
// The mean is over the timesteps that count, and NaN if none does, as in Keras. The maximum ignores
// the mask. The output has no mask. The layer can stream: it carries the sum or maximum so far, in
// a state that clients do not see. With keepdims it cannot, because then one output timestep stands
// for several input timesteps.
//
//   state column:  | sum or maximum . | number of timesteps . |      . = padding to kColumnQuantum
//
// Immutable; safe to share.
class GlobalPooling final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t output_time(absl::Span<const int64_t> /*input_times*/) const override { return 1; }
  bool can_stream() const override { return !output().has_time; }
  int64_t state_size() const override;
  void OnStatesReplaced(float* column) const override;
  void Run(const LayerRun& run) const override;
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  GlobalPooling(const KerasConfig& config, ValueSpec output, bool is_average);

  const bool is_average_;
};

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

}  // namespace

void RegisterGlobalPooling(LayerRegistry& registry) {
  for (const char* name : {"GlobalAveragePooling1D", "GlobalMaxPooling1D"}) {
    registry.Register(name, GlobalPooling::Create,
                      {.variables = LayerVariables::None(), .keras2_mask = Keras2Mask::kEnds});
  }
}

}  // namespace rnnserve
