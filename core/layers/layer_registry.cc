// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/layers/layer_registry.h"

#include <iterator>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/layers/builtin/activation_layer.h"
#include "core/layers/builtin/bidirectional.h"
#include "core/layers/builtin/concatenate.h"
#include "core/layers/builtin/conv1d.h"
#include "core/layers/builtin/dense.h"
#include "core/layers/builtin/dot.h"
#include "core/layers/builtin/element_affine.h"
#include "core/layers/builtin/elementwise_merge.h"
#include "core/layers/builtin/elu.h"
#include "core/layers/builtin/embedding.h"
#include "core/layers/builtin/global_pooling.h"
#include "core/layers/builtin/group_normalization.h"
#include "core/layers/builtin/identity.h"
#include "core/layers/builtin/layer_normalization.h"
#include "core/layers/builtin/mask_operation.h"
#include "core/layers/builtin/masking.h"
#include "core/layers/builtin/noise.h"
#include "core/layers/builtin/permute.h"
#include "core/layers/builtin/pooling.h"
#include "core/layers/builtin/prelu.h"
#include "core/layers/builtin/relu.h"
#include "core/layers/builtin/reshape.h"
#include "core/layers/builtin/softmax.h"
#include "core/layers/builtin/time_copy.h"
#include "core/layers/builtin/time_distributed.h"
#include "core/layers/builtin/vector_normalization.h"
#include "core/layers/layer_config.h"
#include "core/layers/recurrent_layer.h"

namespace rnnserve {

namespace {

void RegisterRecurrent(LayerRegistry* registry) {
  for (const char* name : {"RNN", "rnnserve>RNN", "SimpleRNN", "LSTM", "GRU", "ConvLSTM1D",
                           "ConvLSTM2D", "ConvLSTM3D"}) {
    registry->RegisterMerge(name, RecurrentLayer::Create);
  }
  registry->Register("Bidirectional", Bidirectional::Create);
  registry->Register("TimeDistributed", TimeDistributed::Create);
}

// Those of one vector or element at a time.
void RegisterPointwise(LayerRegistry* registry) {
  for (const char* name : {"Identity", "ActivityRegularization"}) {
    registry->Register(name, Identity::Create);
  }
  for (const char* name :
       {"Dropout", "SpatialDropout1D", "GaussianDropout", "GaussianNoise", "AlphaDropout"}) {
    registry->Register(name, Noise::Create);
  }
  registry->Register("Activation", ActivationLayer::Create);
  registry->Register("BatchNormalization", ElementAffine::Create);
  registry->Register("Dense", Dense::Create);
  registry->Register("ELU", Elu::Create);
  registry->Register("Embedding", Embedding::Create);
  registry->Register("GroupNormalization", GroupNormalization::Create);
  registry->Register("LayerNormalization", LayerNormalization::Create);
  registry->Register("LeakyReLU", Relu::Create);
  registry->Register("Masking", Masking::Create);
  registry->Register("PReLU", Prelu::Create);
  registry->Register("ReLU", Relu::Create);
  registry->Register("Rescaling", ElementAffine::Create);
  registry->Register("RMSNormalization", VectorNormalization::Create);
  registry->Register("Softmax", Softmax::Create);
  registry->Register("UnitNormalization", VectorNormalization::Create);
}

// Those that change the shape, or look along time.
void RegisterShaping(LayerRegistry* registry) {
  for (const char* name : {"Cropping1D", "ZeroPadding1D", "UpSampling1D", "RepeatVector"}) {
    registry->Register(name, TimeCopy::Create);
  }
  for (const char* name : {"Conv1D", "DepthwiseConv1D", "SeparableConv1D"}) {
    registry->Register(name, Conv1d::Create);
  }
  registry->Register("AveragePooling1D", Pooling::Create);
  registry->Register("Flatten", Reshape::Create);
  registry->Register("GlobalAveragePooling1D", GlobalPooling::Create);
  registry->Register("GlobalMaxPooling1D", GlobalPooling::Create);
  registry->Register("MaxPooling1D", Pooling::Create);
  registry->Register("Permute", Permute::Create);
  registry->Register("Reshape", Reshape::Create);
}

void RegisterMerging(LayerRegistry* registry) {
  for (const char* name : {"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"}) {
    registry->RegisterMerge(name, ElementwiseMerge::Create);
  }
  registry->RegisterMerge("Concatenate", Concatenate::Create);
  registry->RegisterMerge("Dot", Dot::Create);
}

// The operations on masks have the dtype bool, which is none that a layer computes in.
constexpr absl::string_view kMaskOperations[] = {"NotEqual",  "Any",      "LogicalOr",
                                                 "ZerosLike", "OnesLike", "ExpandDims"};

void RegisterMaskOperations(LayerRegistry* registry) {
  for (const char* name : {"NotEqual", "Any", "ZerosLike", "OnesLike"}) {
    registry->Register(name, MaskOperation::Create);
  }
  registry->Register("ExpandDims", Reshape::Create);
  registry->RegisterMerge("LogicalOr", ElementwiseMerge::Create);
}

}  // namespace

LayerRegistry LayerRegistry::BuiltIn(CellRegistry cells) {
  LayerRegistry registry(std::move(cells));
  RegisterRecurrent(&registry);
  RegisterPointwise(&registry);
  RegisterShaping(&registry);
  RegisterMerging(&registry);
  RegisterMaskOperations(&registry);
  return registry;
}

LayerRegistry::LayerRegistry(CellRegistry cells) : cells_(std::move(cells)) {}

void LayerRegistry::Register(std::string name, Factory factory) {
  RegisterMerge(
      std::move(name),
      [factory = std::move(factory)](
          const LayerRegistry& registry, const KerasConfig& config,
          absl::Span<const ValueSpec> inputs,
          WeightSource& weights) -> absl::StatusOr<std::unique_ptr<Layer>> {
        if (inputs.size() != 1) {
          return config.Error(absl::StrCat("the layer reads one input, found ", inputs.size()));
        }
        return factory(registry, config, inputs[0], weights);
      });
}

void LayerRegistry::RegisterMerge(std::string name, MergeFactory factory) {
  factories_.insert_or_assign(std::move(name), std::move(factory));
}

bool LayerRegistry::Contains(absl::string_view name) const { return factories_.contains(name); }

absl::StatusOr<std::unique_ptr<Layer>> LayerRegistry::Create(const KerasConfig& config,
                                                             absl::Span<const ValueSpec> inputs,
                                                             WeightSource& weights) const {
  const auto entry = factories_.find(config.registered_name());
  if (entry == factories_.end()) {
    return MakeError(absl::StatusCode::kUnimplemented, "LAYER_UNSUPPORTED",
                     absl::StrCat(config.path(), ": layers of class '", config.registered_name(),
                                  "' are not supported"));
  }
  if (absl::c_find(kMaskOperations, config.registered_name()) == std::end(kMaskOperations)) {
    RNNSERVE_RETURN_IF_ERROR(config.CheckDtypePolicy());
  }
  return entry->second(*this, config, inputs, weights);
}

}  // namespace rnnserve
