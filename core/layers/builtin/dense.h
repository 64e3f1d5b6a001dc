// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_DENSE_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_DENSE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/base/aligned_buffer.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/kernels/activation.h"
#include "core/kernels/matrix.h"
#include "core/layers/last_axis_layer.h"

namespace rnnserve {

class LayerRegistry;

// keras.layers.Dense on every vector along the last axis, [..., features] -> [..., units]:
//
//   y = activation(x K + b)      x [features], K [features, units], b [units], y [units]
//
// Weights: "kernel", and "bias" if use_bias. Masked timesteps are computed like any other. Owns its
// weights. Immutable; safe to share.
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

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_DENSE_H_
