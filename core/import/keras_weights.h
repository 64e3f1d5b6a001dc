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

// The variables that one Keras object owns itself: the datasets "0", "1", ... of one "vars" group.
struct KerasVariables {
  std::string owner;  // the name of the object, where Keras noted it; else empty
  std::vector<Weight> values;
};

// The variables of a file that Keras 2.12 or later wrote, by the path of their group:
// "layers/lstm/cell/vars". Left out are those that training alone needs: the optimizer's and the
// seed generators'.
using KerasWeights = std::map<std::string, KerasVariables, std::less<>>;

// Reads a `model.weights.h5` or `.weights.h5`. Errors: those of Hdf5File; INVALID_ARGUMENT, reason
// MODEL_WEIGHTS, if there is anything in it but groups, and datasets in groups "vars".
absl::StatusOr<KerasWeights> ReadKerasWeights(Hdf5File& file);
// The same of a file in memory.
absl::StatusOr<KerasWeights> ReadKerasWeights(absl::string_view hdf5);

// Whether a group must belong to the object of that name, or only to one of its class: Keras puts
// weights alone (`.weights.h5`) into a model with other names too.
enum class OwnerCheck { kNames, kNone };

// Moves the variables into the bundle under the names that the groups give them. A group that
// stands twice is copied: one layer at two places of the model. Errors: INVALID_ARGUMENT, reason
// MODEL_WEIGHTS, if variables are missing, left over or belong to a layer of another name.
absl::StatusOr<WeightTable> AssignWeights(const std::vector<VariableGroup>& groups,
                                          KerasWeights source, OwnerCheck owner_check);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_KERAS_WEIGHTS_H_
