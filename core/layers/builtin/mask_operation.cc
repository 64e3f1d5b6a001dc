// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/statusor.h"
#include "core/base/status_macros.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/builtin/builtin_layers.h"
#include "core/layers/layer.h"
#include "core/layers/layer_config.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {
namespace {

// The operations with which a Keras file computes masks, implemented as layers. Truth values are 0
// and 1. The output is a value like any other and has no mask itself.
//
//   NotEqual    whether each element differs from the option `value`, compared in float32
//   ZerosLike   0 for each element
//   OnesLike    1 for each element
//   Any         whether any element along `axis`, the last one, is not 0,
//               [..., features] -> [...], or [..., 1] with keepdims
//
// LogicalOr is an ElementwiseMerge, and ExpandDims a Reshape. Immutable; safe to share.
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

MaskOperation::MaskOperation(const KerasConfig& config, ValueSpec output, Operation operation,
                             float value)
    : Layer(config, std::move(output)), operation_(operation), value_(value) {}

MaskOperation::Operation MaskOperation::ParseOperation(const KerasConfig& config) {
  const std::string name = config.class_name();
  if (name == "NotEqual") return Operation::kNotEqual;
  if (name == "ZerosLike") return Operation::kZeros;
  if (name == "OnesLike") return Operation::kOnes;
  return Operation::kAny;
}

absl::StatusOr<ValueSpec> MaskOperation::AnyOutput(const KerasConfig& config,
                                                   const ValueSpec& input) {
  RNNSERVE_RETURN_IF_ERROR(CheckLastAxis(config, input));
  RNNSERVE_ASSIGN_OR_RETURN(const bool keepdims, config.Bool("keepdims", false));
  absl::InlinedVector<int64_t, 4> extents(input.shape.extents().begin(),
                                          input.shape.extents().end());
  extents.pop_back();
  if (keepdims) extents.push_back(1);
  if (extents.empty() && !input.has_time) {
    return config.Unsupported("an output of shape [batch] is not supported");
  }
  return input.WithShape(Shape(extents));
}

absl::StatusOr<std::unique_ptr<Layer>> MaskOperation::Create(const LayerRegistry& /*registry*/,
                                                             const KerasConfig& config,
                                                             const ValueSpec& input,
                                                             WeightSource& /*weights*/) {
  const Operation operation = ParseOperation(config);
  ValueSpec output = input;
  double value = 0.0;
  if (operation == Operation::kAny) {
    RNNSERVE_ASSIGN_OR_RETURN(output, AnyOutput(config, input));
  } else if (operation == Operation::kNotEqual) {
    if (!config.Has("value")) return config.Error("'value' is missing");
    RNNSERVE_ASSIGN_OR_RETURN(value, config.Number("value", 0.0));
  }
  return absl::WrapUnique(
      new MaskOperation(config, std::move(output), operation, static_cast<float>(value)));
}

void MaskOperation::Run(const LayerRun& run) const {
  const int64_t num_reduced = run.x.rows / run.y.rows;
  for (int64_t t = 0; t < run.x.time; ++t) {
    for (int64_t b = 0; b < run.x.batch; ++b) {
      const float* x = run.x.At(t).column(b);
      float* y = run.y.At(t).column(b);
      for (int64_t i = 0; i < run.y.rows; ++i, x += num_reduced) {
        switch (operation_) {
          case Operation::kNotEqual:
            y[i] = *x != value_ ? 1.0f : 0.0f;
            break;
          case Operation::kZeros:
            y[i] = 0.0f;
            break;
          case Operation::kOnes:
            y[i] = 1.0f;
            break;
          case Operation::kAny:
            y[i] = std::any_of(x, x + num_reduced, [](float v) { return v != 0.0f; }) ? 1.0f : 0.0f;
            break;
        }
      }
    }
  }
}

Mask MaskOperation::OutputMask(const LayerRun& /*run*/, uint8_t* /*buffer*/) const {
  return Mask{};
}

}  // namespace

void RegisterMaskOperation(LayerRegistry& registry) {
  for (const char* name : {"NotEqual", "Any", "ZerosLike", "OnesLike"}) {
    registry.Register(name, MaskOperation::Create,
                      {.variables = LayerVariables::None(), .is_mask_operation = true});
  }
}

}  // namespace rnnserve
