// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_MODEL_LOADER_H_
#define RNNSERVE_SERVER_MODEL_LOADER_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/kernels/weight_type.h"
#include "core/layers/layer_registry.h"
#include "core/model/model.h"

namespace rnnserve::server {

// A model to load: the name that clients use, and a bundle folder or a file of Keras.
struct ModelSource {
  std::string name;
  std::string path;
  std::optional<WeightType> weight_type;  // in place of the bundle's
};

// What the options name: every "NAME=PATH", then every bundle, .keras and whole-model .h5 file in
// `model_dir`, in the order of their names; `weight_types` are "NAME=TYPE". Errors:
// INVALID_ARGUMENT (MODEL_OPTION) if an entry is not of that form, a name comes twice, or there is
// no model or type of that name; NOT_FOUND (MODEL_PATH) if the folder cannot be read.
absl::StatusOr<std::vector<ModelSource>> ListModelSources(
    const std::vector<std::string>& models, const std::string& model_dir,
    const std::vector<std::string>& weight_types = {});

// Loads a bundle, built by `layers`; a .keras file is first turned into a temporary one by the
// program `importer`, a process of its own with bounded memory and time, so that no foreign format
// is read in this one. The importer is given `cell_plugins`, the plug-ins that `layers` has cells
// of. Blocks. Errors: NOT_FOUND (MODEL_PATH); those of LoadBundle and of the importer, with its
// code and reason.
absl::StatusOr<std::shared_ptr<const Model>> LoadModel(const ModelSource& source,
                                                       const std::string& importer,
                                                       const LayerRegistry& layers,
                                                       absl::Span<const std::string> cell_plugins);
// The same with the built-in layers and cells, and the weight type of the bundle.
absl::StatusOr<std::shared_ptr<const Model>> LoadModel(const std::string& path,
                                                       const std::string& importer);

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_MODEL_LOADER_H_
