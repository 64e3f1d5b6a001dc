// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_KERAS_IMPORT_H_
#define RNNSERVE_CORE_IMPORT_KERAS_IMPORT_H_

#include "absl/status/statusor.h"
#include "core/import/keras_archive.h"
#include "core/layers/layer_registry.h"
#include "core/model/bundle.h"

namespace rnnserve {

// Translates a Sequential model that Keras 3 saved into a bundle. Nothing is computed: the layers
// keep their configuration less what only training needs, the weights get the names of FORMAT.md.
//
// A Sequential inside the Sequential is dissolved: its layers take its place, named "outer/inner".
//
// Errors: UNIMPLEMENTED, reason KERAS_VERSION, if Keras 1 or 2 wrote the file; LAYER_UNSUPPORTED or
// CELL_UNSUPPORTED, naming all such layers at once, before any weight is looked at; the others of
// DescribeSequential, ParseJson and ReadKerasWeights; INVALID_ARGUMENT, reason MODEL_WEIGHTS, if
// weights are missing, left over or belong to a layer of another name.
absl::StatusOr<Bundle> ImportKeras(const KerasArchive& archive, const LayerRegistry& registry);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_KERAS_IMPORT_H_
