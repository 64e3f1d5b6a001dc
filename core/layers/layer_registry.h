// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_LAYER_REGISTRY_H_
#define RNNSERVE_CORE_LAYERS_LAYER_REGISTRY_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/cells/cell_registry.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/layer.h"

namespace rnnserve {

// Builds layers by the name under which Keras serialized them: the registered name of a custom
// class ("package>Name"), else the class name.
//
// Thread-compatible: fill it first, then share it.
class LayerRegistry {
 public:
  // Builds one layer of one input. Errors: INVALID_ARGUMENT, reason MODEL_CONFIG or MODEL_WEIGHTS;
  // UNIMPLEMENTED, reason LAYER_UNSUPPORTED, CELL_UNSUPPORTED or OPTION_UNSUPPORTED; each names the
  // layer.
  using Factory = std::function<absl::StatusOr<std::unique_ptr<Layer>>(
      const LayerRegistry& registry, const KerasConfig& config, const ValueSpec& input,
      WeightSource& weights)>;

  // The same of any number of inputs: a layer that merges them. There is at least one.
  using MergeFactory = std::function<absl::StatusOr<std::unique_ptr<Layer>>(
      const LayerRegistry& registry, const KerasConfig& config, absl::Span<const ValueSpec> inputs,
      WeightSource& weights)>;

  // Every layer that rnnserve knows, with these cells:
  //
  //   recurrent   RNN, SimpleRNN, LSTM, GRU, ConvLSTM1D, ConvLSTM2D, ConvLSTM3D, Bidirectional,
  //               TimeDistributed
  //   by vector   Dense, Embedding, Masking, Activation, Softmax, ReLU, LeakyReLU, PReLU, ELU,
  //               Rescaling, BatchNormalization, LayerNormalization, RMSNormalization,
  //               UnitNormalization, GroupNormalization, Identity, ActivityRegularization
  //   random      Dropout, SpatialDropout1D, AlphaDropout, GaussianDropout, GaussianNoise
  //   shape       Reshape, Flatten, Permute, RepeatVector, Cropping1D, ZeroPadding1D, UpSampling1D
  //   over time   Conv1D, DepthwiseConv1D, SeparableConv1D, AveragePooling1D, MaxPooling1D,
  //               GlobalAveragePooling1D, GlobalMaxPooling1D
  //   merging     Add, Subtract, Multiply, Average, Maximum, Minimum, Concatenate, Dot
  //   on masks    NotEqual, Any, LogicalOr, ExpandDims, ZerosLike, OnesLike: operations that Keras
  //               writes into files beside the layers
  static LayerRegistry BuiltIn(CellRegistry cells = CellRegistry::BuiltIn());

  explicit LayerRegistry(CellRegistry cells);

  const CellRegistry& cells() const { return cells_; }

  // Adds a layer; a name that is taken is replaced.
  void Register(std::string name, Factory factory);
  void RegisterMerge(std::string name, MergeFactory factory);

  bool Contains(absl::string_view name) const;

  // `weights` is already scoped to the layer. Errors: those of the factory; UNIMPLEMENTED, reason
  // LAYER_UNSUPPORTED, if no layer of that name is registered, or OPTION_UNSUPPORTED, if its
  // dtype policy is not supported; INVALID_ARGUMENT, reason MODEL_CONFIG, if it reads one input and
  // is given another number.
  absl::StatusOr<std::unique_ptr<Layer>> Create(const KerasConfig& config,
                                                absl::Span<const ValueSpec> inputs,
                                                WeightSource& weights) const;
  absl::StatusOr<std::unique_ptr<Layer>> Create(const KerasConfig& config, const ValueSpec& input,
                                                WeightSource& weights) const {
    return Create(config, absl::MakeConstSpan(&input, 1), weights);
  }

 private:
  CellRegistry cells_;
  absl::flat_hash_map<std::string, MergeFactory> factories_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_LAYER_REGISTRY_H_
