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

// Functions that convert models saved by Keras 2 and 3 to bundles. The layers keep their
// configuration, without the keys that only training needs, and the weights get the names in
// FORMAT.md.
//
// Errors of all functions: UNIMPLEMENTED, reason KERAS_VERSION, if Keras 1 wrote the file;
// LAYER_UNSUPPORTED or CELL_UNSUPPORTED, with the names of all such layers, before any weight is
// read; OPTION_UNSUPPORTED; the errors of ReadGraph, ParseJson, Hdf5File and BuildModel;
// INVALID_ARGUMENT, reason MODEL_FORMAT, if the file has the wrong form, or MODEL_WEIGHTS, if
// weights are missing, left over or belong to a layer of another name.

// Converts a `.keras` file of Keras 2.12 or later.
absl::StatusOr<Bundle> ImportKeras(const KerasArchive& archive, const LayerRegistry& registry);

// Converts a whole model in one HDF5 file (`model.h5`) of Keras 2 or 3.
absl::StatusOr<Bundle> ImportHdf5(absl::string_view hdf5, const LayerRegistry& registry);

// Converts a file of weights (`.weights.h5` of Keras 3, or the older layout) together with the
// result of `model.to_json()`. As in Keras, layers are matched by their order and not by their
// names.
absl::StatusOr<Bundle> ImportConfigAndWeights(absl::string_view config_json, absl::string_view hdf5,
                                              const LayerRegistry& registry);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_KERAS_IMPORT_H_
