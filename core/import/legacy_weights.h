// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_LEGACY_WEIGHTS_H_
#define RNNSERVE_CORE_IMPORT_LEGACY_WEIGHTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/import/hdf5_file.h"
#include "core/import/keras_layout.h"
#include "core/model/weight_table.h"

namespace rnnserve {

// The weights of one layer in the older layout of HDF5, which every Keras writes into a whole-model
// `.h5`: one group a layer, named after it, with a list of the datasets in their order. The
// variables that are trained come first, then the others, for a model in the model too.
struct LegacyLayer {
  std::string name;
  std::vector<std::string> weight_names;  // "lstm/lstm_cell/kernel:0"
  std::vector<Weight> values;
};

// The layers that have weights, in the order of the model. `group` holds them: "model_weights", or
// the file itself ("") where it holds weights alone. Errors: those of Hdf5File.
absl::StatusOr<std::vector<LegacyLayer>> ReadLegacyWeights(Hdf5File& file,
                                                           const std::string& group);

// Gives the weights the names of `expected`: for every layer that has variables those, in the order
// of the file. Layers are matched by their order, as Keras does. Errors: INVALID_ARGUMENT, reason
// MODEL_WEIGHTS, naming the layer, if there are more or fewer of either or if they are named
// otherwise.
absl::StatusOr<WeightTable> AssignLegacyWeights(const std::vector<LegacyVariables>& expected,
                                                std::vector<LegacyLayer> layers);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_LEGACY_WEIGHTS_H_
