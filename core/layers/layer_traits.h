// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_LAYER_TRAITS_H_
#define RNNSERVE_CORE_LAYERS_LAYER_TRAITS_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/keras/keras_config.h"

namespace rnnserve {

// A weight of a layer, as Keras makes it in `build`.
struct LayerVariable {
  std::string name;  // in a bundle, below the layer: "kernel"
  // The boolean option that makes Keras create the weight ("use_bias"), or empty if Keras always
  // creates it; and the value of that option if the configuration leaves it out.
  std::string option = "";
  bool option_default = true;
  // Whether gradients change it. The statistics of a BatchNormalization are not trained.
  bool is_trained = true;
};

// The weights that a class of layers owns, in the order in which Keras makes them; the order
// matters because Keras files number weights and do not name them. The type has no default
// constructor, so that a class cannot be registered without declaring its weights. A value type.
class LayerVariables {
 public:
  // Returns the variables of a layer with this configuration. Errors: INVALID_ARGUMENT, reason
  // MODEL_CONFIG.
  using Function =
      std::function<absl::StatusOr<std::vector<LayerVariable>>(const KerasConfig& config)>;

  static LayerVariables None() { return Of({}); }
  static LayerVariables Of(std::vector<LayerVariable> variables);
  // Returns the variables of a class in which one option controls several variables. `function`
  // returns them for a configuration. The `option` of each of them applies too.
  static LayerVariables ChosenBy(Function function) { return LayerVariables(std::move(function)); }

  // Returns the variables that Keras makes for a layer with this configuration. Errors:
  // INVALID_ARGUMENT, reason MODEL_CONFIG, if an option is not a boolean.
  absl::StatusOr<std::vector<LayerVariable>> MadeFor(const KerasConfig& config) const;

 private:
  explicit LayerVariables(Function function) : function_(std::move(function)) {}

  Function function_;
};

// A layer or cell inside a layer.
struct LayerPart {
  std::string key;    // in the configuration of the layer: "backward_layer"
  std::string group;  // in a Keras file, below the group of the layer
  std::string scope;  // in a bundle, below the layer; empty if its weights are the layer's own
};

// How Keras 2 treats the mask of a layer's input. Keras 3 files say where masks go; for Keras 2
// files the importer works it out.
enum class Keras2Mask {
  kUnknown,        // The importer refuses a model in which it matters.
  kPasses,         // The layer passes on the mask of its only input.
  kEnds,           // The output has no mask.
  kWithSequences,  // As kPasses with return_sequences, for the first output only; else as kEnds.
  kNotZero,        // With mask_zero the layer masks the ids that are 0.
  kNotMaskValue,   // The layer masks the timesteps in which every feature is mask_value.
};

// Everything that is known about a class of layers, except how to build one. It is given once,
// when the class is registered; the importer asks the registry. A value type.
struct LayerTraits {
  // The weights that a layer owns itself.
  LayerVariables variables;
  Keras2Mask keras2_mask = Keras2Mask::kUnknown;

  // The layers and cells inside it, in the order in which Keras makes their weights.
  std::vector<LayerPart> parts = {};
  // The cell of a recurrent layer whose configuration holds the options of the cell too: "LSTMCell"
  // for LSTM. Its weights are those of the cell. Empty for every other class.
  std::string cell = "";

  // Whether Keras 2 passes initial states and constants to the layer as further inputs.
  bool takes_states = false;
  // Whether the layer may stand inside a Bidirectional.
  bool fits_bidirectional = false;
  // Whether it is an operation on masks. Its dtype is bool, so its dtype policy is not checked.
  bool is_mask_operation = false;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_LAYER_TRAITS_H_
