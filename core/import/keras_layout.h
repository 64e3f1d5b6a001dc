// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_KERAS_LAYOUT_H_
#define RNNSERVE_CORE_IMPORT_KERAS_LAYOUT_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/cells/keras_config.h"

namespace rnnserve {

// Where Keras 3 stores variables in `model.weights.h5`, and what they are called in a bundle.
//
// An object's own variables are the datasets 0, 1, ... of a group "vars" below the object; the
// objects inside it are groups named after the attribute that holds them. Datasets have no names,
// so the order in which Keras makes the variables of each class is known here:
//
//   layers/lstm/cell/vars/{0, 1, 2}                    lstm/{kernel, recurrent_kernel, bias}
//   layers/rnn/cell/cells/gru_cell_1/vars/{0, 1, 2}    rnn/cells/1/{kernel, ...}
//   layers/bidirectional/backward_layer/cell/vars/...  bidirectional/backward/{kernel, ...}
//   layers/time_distributed/layer/vars/{0, 1}          time_distributed/layer/{kernel, bias}
//   layers/dense/vars/{0, 1}                           dense/{kernel, bias}

// One group of variables.
struct VariableGroup {
  std::string path;                // in the file: "layers/lstm/cell/vars"
  std::string owner;               // the name of the object, as Keras notes it; empty if not known
  std::vector<std::string> names;  // of the variables in order, in the bundle: "lstm/kernel"
};

// A layer in the file and in the bundle.
struct LayerPlace {
  std::string path;   // "layers/lstm"
  std::string owner;  // "lstm"
  std::string scope;  // "lstm", or "outer/lstm" if it was in a nested Sequential
};

// All groups of a layer, with or without variables. Errors: INVALID_ARGUMENT, reason MODEL_CONFIG.
absl::StatusOr<std::vector<VariableGroup>> VariableGroups(const KerasConfig& layer,
                                                          const LayerPlace& place);

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
