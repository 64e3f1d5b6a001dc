// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <memory>
#include <string>

#include "absl/memory/memory.h"
#include "absl/status/statusor.h"
#include "core/base/status_macros.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/kernels/activation.h"
#include "core/layers/builtin/builtin_layers.h"
#include "core/layers/layer.h"
#include "core/layers/layer_config.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {
namespace {

// keras.layers.Softmax, applied to each vector along the last axis, [..., features] -> the same:
//
//   y_i = exp(x_i - max x) / sum_j exp(x_j - max x)
//
// In Keras masked entries become 0, but the mask must have the shape of the input; Keras refuses
// the mask [batch, time] of a sequence. Here such a mask is read as [batch, time, 1]: the output of
// a masked timestep is zeros. (Dense and Activation with softmax compute masked timesteps like all
// others.) Immutable; safe to share.
class Softmax final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t scratch_size(int64_t batch, int64_t time) const override;
  void Run(const LayerRun& run) const override;

 private:
  Softmax(const KerasConfig& config, const ValueSpec& input);

  const int64_t num_features_;
};

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

}  // namespace

void RegisterSoftmax(LayerRegistry& registry) {
  registry.Register("Softmax", Softmax::Create,
                    {.variables = LayerVariables::None(), .keras2_mask = Keras2Mask::kPasses});
}

}  // namespace rnnserve
