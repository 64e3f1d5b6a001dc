// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_KERAS_IMPORT_H_
#define RNNSERVE_CORE_IMPORT_KERAS_IMPORT_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/import/keras_archive.h"
#include "core/layers/layer_registry.h"
#include "core/model/bundle.h"

namespace rnnserve {

// Translates models that Keras 2 and 3 saved into bundles. Nothing is computed: the layers keep
// their configuration less what only training needs, the weights get the names of FORMAT.md.
//
// Errors of all of them: UNIMPLEMENTED, reason KERAS_VERSION, if Keras 1 wrote the file;
// LAYER_UNSUPPORTED or CELL_UNSUPPORTED, naming all such layers at once, before any weight is
// looked at; OPTION_UNSUPPORTED; those of ReadGraph, ParseJson, Hdf5File and BuildModel;
// INVALID_ARGUMENT, reason MODEL_FORMAT, if the file is not what it should be, or MODEL_WEIGHTS, if
// weights are missing, left over or belong to a layer of another name.

// A `.keras` file, of Keras 2.12 or later.
absl::StatusOr<Bundle> ImportKeras(const KerasArchive& archive, const LayerRegistry& registry);

// A whole model in one HDF5 file (`model.h5`), of Keras 2 or 3.
absl::StatusOr<Bundle> ImportHdf5(absl::string_view hdf5, const LayerRegistry& registry);

// Weights alone (`.weights.h5` of Keras 3, or the older layout), and what `model.to_json()` says.
// The names of the layers need not be those in the file: as in Keras, their order counts.
absl::StatusOr<Bundle> ImportConfigAndWeights(absl::string_view config_json, absl::string_view hdf5,
                                              const LayerRegistry& registry);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_KERAS_IMPORT_H_
