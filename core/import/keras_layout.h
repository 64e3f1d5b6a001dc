// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_KERAS_LAYOUT_H_
#define RNNSERVE_CORE_IMPORT_KERAS_LAYOUT_H_

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {

// Where Keras stores variables, and what they are called in a bundle.
//
// In `model.weights.h5` an object's own variables are the datasets 0, 1, ... of a group "vars"
// below the object; the objects inside it are groups named after the attribute that holds them.
// Datasets have no names: the registries know the order in which Keras makes the variables of each
// class.
//
//   layers/lstm/cell/vars/{0, 1, 2}                    lstm/{kernel, recurrent_kernel, bias}
//   layers/rnn/cell/cells/gru_cell_1/vars/{0, 1, 2}    rnn/cells/1/{kernel, ...}
//   layers/bidirectional/backward_layer/cell/vars/...  bidirectional/backward/{kernel, ...}
//   layers/time_distributed/layer/vars/{0, 1}          time_distributed/layer/{kernel, bias}
//   layers/functional/layers/dense/vars/{0, 1}         <name of the model>/dense/{kernel, bias}
//
// All functions take serialized objects as Keras writes them, `module` and `shared_object_id`
// included. Errors: INVALID_ARGUMENT, reason MODEL_CONFIG; UNIMPLEMENTED, reason
// LAYER_UNSUPPORTED, for a class that is in neither registry.

// One group of variables.
struct VariableGroup {
  struct Variable {
    std::string name;  // in the bundle: "lstm/kernel"
    bool is_trained = true;
  };

  std::string path;   // in the file: "layers/lstm/cell/vars"
  std::string owner;  // the name of the object, as Keras notes it; empty if not known
  std::vector<Variable> variables;
};

// How a file names the groups of the layers of a model.
enum class GroupNaming {
  kLayers,  // "layers/lstm_1"
  // "_layer_checkpoint_dependencies/lstm_2", in files of Keras 2.12: a layer with weights counts
  // twice.
  kCheckpointDependencies,
};

// All groups of a Sequential or Functional, with or without variables. A layer that stands in the
// model and in a model inside it is stored once: its group comes twice, with two sets of names.
absl::StatusOr<std::vector<VariableGroup>> VariableGroups(const nlohmann::json& model,
                                                          const LayerRegistry& registry,
                                                          GroupNaming naming);

// The variables of one layer in the order of the older HDF5 layout.
struct LegacyVariables {
  std::string layer;
  std::vector<std::string> names;  // in the bundle; those that are trained come first
};

// Of every layer of the model that has variables, in the order of the model.
absl::StatusOr<std::vector<LegacyVariables>> LegacyVariablesOf(const nlohmann::json& model,
                                                               const LayerRegistry& registry);

// Names the objects of one list as Keras does: the class in snake case, with a number from the
// second of a class on: "gru", "gru_1", "dense". Used by one thread at a time: its owner.
class GroupNames {
 public:
  std::string Next(absl::string_view class_name);

 private:
  std::map<std::string, int> counts_;
};

// "SimpleRNN" -> "simple_rnn", as keras.src.utils.naming.to_snake_case.
std::string ToSnakeCase(absl::string_view class_name);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_KERAS_LAYOUT_H_
