// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <string>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/memory/memory.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/aligned_buffer.h"
#include "core/base/status_macros.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/kernels/activation.h"
#include "core/kernels/dense_step.h"
#include "core/kernels/elementwise.h"
#include "core/kernels/matrix.h"
#include "core/kernels/panel_range.h"
#include "core/kernels/product.h"
#include "core/layers/builtin/builtin_layers.h"
#include "core/layers/last_axis_layer.h"
#include "core/layers/layer_config.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {
namespace {

// keras.layers.Dense, applied to each vector along the last axis, [..., features] -> [..., units]:
//
//   y = activation(x K + b)      x [features], K [features, units], b [units], y [units]
//
// Weights: "kernel", and "bias" if use_bias. Masked timesteps are computed like all others. Owns
// its weights. Immutable; safe to share.
class Dense final : public LastAxisLayer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  int64_t num_parameters() const override { return num_parameters_; }
  int64_t parameter_bytes() const override {
    return kernel_.bytes() + bias_.size() * int64_t{sizeof(float)};
  }
  int64_t shareable_bytes() const override;

 private:
  Dense(const KerasConfig& config, const ValueSpec& input, Matrix kernel, AlignedBuffer bias,
        Activation activation, int64_t num_parameters);

  void Apply(ConstColumns x, Columns y, Team* team) const override;

  const Matrix kernel_;
  const AlignedBuffer bias_;
  const Activation activation_;
  const int64_t num_parameters_;
};

// Returns `shape` with `units` as its last extent.
Shape WithLast(const Shape& shape, int64_t units) {
  absl::InlinedVector<int64_t, 4> extents(shape.extents().begin(), shape.extents().end());
  extents.back() = units;
  return Shape(extents);
}

Dense::Dense(const KerasConfig& config, const ValueSpec& input, Matrix kernel, AlignedBuffer bias,
             Activation activation, int64_t num_parameters)
    : LastAxisLayer(config, input, input.WithShape(WithLast(input.shape, kernel.units()))),
      kernel_(std::move(kernel)),
      bias_(std::move(bias)),
      activation_(activation),
      num_parameters_(num_parameters) {}

absl::StatusOr<std::unique_ptr<Layer>> Dense::Create(const LayerRegistry& /*registry*/,
                                                     const KerasConfig& config,
                                                     const ValueSpec& input,
                                                     WeightSource& weights) {
  RNNSERVE_ASSIGN_OR_RETURN(const int64_t features, LastExtent(config, input));
  RNNSERVE_ASSIGN_OR_RETURN(const int64_t units, config.PositiveInt("units"));
  RNNSERVE_ASSIGN_OR_RETURN(const bool use_bias, config.Bool("use_bias", true));
  RNNSERVE_ASSIGN_OR_RETURN(const Activation activation,
                            config.ActivationOr("activation", Activation::kLinear));
  RNNSERVE_ASSIGN_OR_RETURN(const absl::Span<const float> kernel,
                            weights.Weight("kernel", Shape{features, units}));
  absl::Span<const float> bias;
  if (use_bias) {
    RNNSERVE_ASSIGN_OR_RETURN(bias, weights.Weight("bias", Shape{units}));
  }
  return absl::WrapUnique(new Dense(
      config, input, Matrix(kernel, features, 1, units, weights.matrix_type()),
      PackBias(bias, 1, units), activation, static_cast<int64_t>(kernel.size() + bias.size())));
}

int64_t Dense::shareable_bytes() const {
  return HasStepKernels(activation_, activation_) ? ShareableBytes(kernel_.bytes()) : 0;
}

void Dense::Apply(ConstColumns x, Columns y, Team* team) const {
  if (HasStepKernels(activation_, activation_)) {
    return DenseStep({.kernel = kernel_,
                      .activation = activation_,
                      .start = EveryColumn(bias_.data(), kernel_.units(), x.cols),
                      .x = x,
                      .h = {},
                      .y = y,
                      .team = team});
  }
  Affine(kernel_, bias_, x, y);
  Activate(activation_, y);
}

}  // namespace

void RegisterDense(LayerRegistry& registry) {
  registry.Register("Dense", Dense::Create,
                    {.variables = LayerVariables::Of({{"kernel"}, {"bias", "use_bias"}}),
                     .keras2_mask = Keras2Mask::kPasses});
}

}  // namespace rnnserve
