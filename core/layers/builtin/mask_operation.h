// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_MASK_OPERATION_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_MASK_OPERATION_H_

#include <memory>

#include "absl/status/statusor.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/layer.h"

namespace rnnserve {

class LayerRegistry;

// The operations by which a Keras file says how masks come about, as layers. Truth values are 0 and
// 1; what they make is a value like any other and carries no mask itself.
//
//   NotEqual    config value: whether each element differs from it, compared in float32
//   ZerosLike   0 for each element
//   OnesLike    1 for each element
//   Any         config axis (the last), keepdims: whether an element along it is not 0,
//               [..., features] -> [...] or [..., 1]
//
// (LogicalOr: ElementwiseMerge. ExpandDims: Reshape.) Immutable; safe to share.
class MaskOperation final : public Layer {
 public:
  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  void Run(const LayerRun& run) const override;
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  enum class Operation { kNotEqual, kZeros, kOnes, kAny };

  static Operation ParseOperation(const KerasConfig& config);
  static absl::StatusOr<ValueSpec> AnyOutput(const KerasConfig& config, const ValueSpec& input);

  MaskOperation(const KerasConfig& config, ValueSpec output, Operation operation, float value);

  const Operation operation_;
  const float value_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_MASK_OPERATION_H_
