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

// The places where Keras stores variables, and their names in a bundle.
//
// In `model.weights.h5` an object's own variables are the datasets 0, 1, ... of a group "vars"
// below the object. The objects inside it are groups that are named after the attribute that holds
// them. The datasets have no names; the registries know the order in which Keras makes the
// variables of each class.
//
//   layers/lstm/cell/vars/{0, 1, 2}                    lstm/{kernel, recurrent_kernel, bias}
//   layers/rnn/cell/cells/gru_cell_1/vars/{0, 1, 2}    rnn/cells/1/{kernel, ...}
//   layers/bidirectional/backward_layer/cell/vars/...  bidirectional/backward/{kernel, ...}
//   layers/time_distributed/layer/vars/{0, 1}          time_distributed/layer/{kernel, bias}
//   layers/functional/layers/dense/vars/{0, 1}         <name of the model>/dense/{kernel, bias}
//
// All functions take serialized objects as Keras writes them, with `module` and `shared_object_id`.
// Errors: INVALID_ARGUMENT, reason MODEL_CONFIG; UNIMPLEMENTED, reason LAYER_UNSUPPORTED, for a
// class that is not registered.

// One group of variables.
struct VariableGroup {
  struct Variable {
    std::string name;  // in the bundle: "lstm/kernel"
    bool is_trained = true;
  };

  std::string path;   // in the file: "layers/lstm/cell/vars"
  std::string owner;  // the name of the object in the file; empty if it is not known
  std::vector<Variable> variables;
};

// How the groups of the layers of a model are named in a file.
enum class GroupNaming {
  kLayers,  // "layers/lstm_1"
  // "_layer_checkpoint_dependencies/lstm_2", in files of Keras 2.12, which count a layer with
  // weights twice.
  kCheckpointDependencies,
};

// Returns all groups of a Sequential or Functional, with or without variables. A layer that is both
// in the model and in a model inside it is stored once; its group is in the result twice, with two
// sets of names.
absl::StatusOr<std::vector<VariableGroup>> VariableGroups(const nlohmann::json& model,
                                                          const LayerRegistry& registry,
                                                          GroupNaming naming);

// The variables of one layer in the order of the older HDF5 layout.
struct LegacyVariables {
  std::string layer;
  std::vector<std::string> names;  // in the bundle; trained variables come first
};

// Returns the variables of every layer of the model that has any, in the order of the model.
absl::StatusOr<std::vector<LegacyVariables>> LegacyVariablesOf(const nlohmann::json& model,
                                                               const LayerRegistry& registry);

// Names the objects of one list as Keras does: with the class in snake case, and a number from the
// second object of a class on: "gru", "gru_1", "dense". Used by one thread at a time: its owner.
class GroupNames {
 public:
  std::string Next(absl::string_view class_name);

 private:
  std::map<std::string, int> counts_;
};

// Converts "SimpleRNN" to "simple_rnn", as keras.src.utils.naming.to_snake_case does.
std::string ToSnakeCase(absl::string_view class_name);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_KERAS_LAYOUT_H_
