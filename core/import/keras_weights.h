// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_KERAS_WEIGHTS_H_
#define RNNSERVE_CORE_IMPORT_KERAS_WEIGHTS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/import/hdf5_file.h"
#include "core/import/keras_layout.h"
#include "core/model/weight_table.h"

namespace rnnserve {

// The variables that a Keras object owns itself: the datasets "0", "1", ... of one "vars" group.
struct KerasVariables {
  std::string owner;  // the name of the object, if the file has it; else empty
  std::vector<Weight> values;
};

// The variables in a file of Keras 2.12 or later, by the path of their group:
// "layers/lstm/cell/vars". The variables of the optimizer and of seed generators, which only
// training needs, are left out.
using KerasWeights = std::map<std::string, KerasVariables, std::less<>>;

// Reads a `model.weights.h5` or `.weights.h5`. Errors: those of Hdf5File; INVALID_ARGUMENT, reason
// MODEL_WEIGHTS, if it holds anything except groups, and datasets in groups "vars".
absl::StatusOr<KerasWeights> ReadKerasWeights(Hdf5File& file);
// Reads such a file from memory.
absl::StatusOr<KerasWeights> ReadKerasWeights(absl::string_view hdf5);

// Whether a group must belong to an object of the same name, or only to one of the same class. A
// `.weights.h5` may be loaded into a model with other names, as in Keras.
enum class OwnerCheck { kNames, kNone };

// Returns the variables under the names that the groups give them. If a group occurs twice, because
// a layer has two places in the model, its variables are copied. Errors: INVALID_ARGUMENT, reason
// MODEL_WEIGHTS, if variables are missing, left over or belong to a layer of another name.
absl::StatusOr<WeightTable> AssignWeights(const std::vector<VariableGroup>& groups,
                                          KerasWeights source, OwnerCheck owner_check);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_KERAS_WEIGHTS_H_
