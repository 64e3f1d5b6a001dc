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
  // The option without which Keras does not make it ("use_bias"), or empty; and the value of that
  // option where the configuration leaves it out.
  std::string option = "";
  bool option_default = true;
  // Whether gradients change it. The statistics of a BatchNormalization are not trained.
  bool is_trained = true;
};

// The weights that a class of layers owns, in the order in which Keras makes them: files of Keras
// number weights instead of naming them. There is no default, so that no class can be registered
// without saying what its weights are. A value type.
class LayerVariables {
 public:
  // Returns the variables of a layer with this configuration. Errors: INVALID_ARGUMENT, reason
  // MODEL_CONFIG.
  using Function =
      std::function<absl::StatusOr<std::vector<LayerVariable>>(const KerasConfig& config)>;

  static LayerVariables None() { return Of({}); }
  static LayerVariables Of(std::vector<LayerVariable> variables);
  // For a class whose variables depend on more than one option each. Options of the variables that
  // `function` returns count as well.
  static LayerVariables ChosenBy(Function function) { return LayerVariables(std::move(function)); }

  // The variables that Keras makes for a layer with this configuration. Errors: INVALID_ARGUMENT,
  // reason MODEL_CONFIG, if an option is not a boolean.
  absl::StatusOr<std::vector<LayerVariable>> MadeFor(const KerasConfig& config) const;

 private:
  explicit LayerVariables(Function function) : function_(std::move(function)) {}

  Function function_;
};

// A layer or cell inside a layer.
struct LayerPart {
  std::string key;    // in the configuration of the layer: "backward_layer"
  std::string group;  // in a file of Keras, below the group of the layer
  std::string scope;  // in a bundle, below the layer; empty if it stands at the layer itself
};

// What Keras 2 does with the mask of a layer's input. Keras 3 writes into its files where masks go;
// for files of Keras 2 the importer works it out.
enum class Keras2Mask {
  kUnknown,        // A model is refused if this matters.
  kPasses,         // It hands on the mask of its one input.
  kEnds,           // Its output has no mask.
  kWithSequences,  // With return_sequences kPasses, for the first output alone; else kEnds.
  kNotZero,        // It makes a mask of the ids that are not 0, if it has mask_zero.
  kNotMaskValue,   // It makes a mask of the timesteps in which a feature is not mask_value.
};

// All that is known of a class of layers besides how to build one. Registering a class states it
// once; the importer asks the registry. A value type.
struct LayerTraits {
  // The weights that it owns itself.
  LayerVariables variables;
  Keras2Mask keras2_mask = Keras2Mask::kUnknown;

  // The layers and cells inside it, in the order in which Keras makes their weights.
  std::vector<LayerPart> parts = {};
  // The cell of a recurrent layer that holds the options of its cell itself: "LSTMCell" for LSTM.
  // The weights are those of the cell. Empty for every other class.
  std::string cell = "";

  // Whether Keras 2 passes it initial states and constants as further inputs.
  bool takes_states = false;
  // Whether a Bidirectional may hold it.
  bool fits_bidirectional = false;
  // Whether it is an operation on masks, whose dtype is bool. No dtype policy is checked for it.
  bool is_mask_operation = false;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_LAYER_TRAITS_H_
