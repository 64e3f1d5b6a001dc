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

// The weights of one layer in the older layout of HDF5, which every version of Keras writes into a
// whole-model `.h5`: one group for each layer, with the name of the layer, and a list of its
// datasets in order. Trained variables come first, then the others; a model inside the model counts
// as one layer.
struct LegacyLayer {
  std::string name;
  std::vector<std::string> weight_names;  // "lstm/lstm_cell/kernel:0"
  std::vector<Weight> values;
};

// Reads the layers that have weights, in the order of the model. `group` is the group that holds
// them: "model_weights", or "" for the file itself if it holds only weights. Errors: those of
// Hdf5File.
absl::StatusOr<std::vector<LegacyLayer>> ReadLegacyWeights(Hdf5File& file,
                                                           const std::string& group);

// Returns the weights under the names in `expected`, which lists the variables of each layer that
// has any, in the order of the file. Layers are matched by their order, as in Keras. Errors:
// INVALID_ARGUMENT, reason MODEL_WEIGHTS, with the name of the layer, if the number of layers or
// variables differs, or if the names of the variables are in another order.
absl::StatusOr<WeightTable> AssignLegacyWeights(const std::vector<LegacyVariables>& expected,
                                                std::vector<LegacyLayer> layers);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_LEGACY_WEIGHTS_H_
