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

// A model to load: the name that clients use, and the path of a bundle folder, a Keras file or
// an ONNX file.
struct ModelSource {
  std::string name;
  std::string path;
  std::optional<WeightType> weight_type;  // overrides the type in the bundle
};

// Lists the models that the options name: every "NAME=PATH" of `models`, then every bundle, .keras
// file, .onnx file and whole-model .h5 file in `model_dir`, in the order of their names.
// `weight_types` are "NAME=TYPE". Errors: INVALID_ARGUMENT (MODEL_OPTION) if an entry is malformed, two models have
// the same name, or an entry of `weight_types` names an unknown model or type; NOT_FOUND
// (MODEL_PATH) if the folder cannot be read.
absl::StatusOr<std::vector<ModelSource>> ListModelSources(
    const std::vector<std::string>& models, const std::string& model_dir,
    const std::vector<std::string>& weight_types = {});

// Loads a bundle with the layers of `layers`. The program `importer` first converts a .keras, .h5
// or .onnx file into a temporary bundle. It runs as a separate process with bounded memory and time, so that
// this process never parses a foreign format. `cell_plugins` are the plug-ins that provided the
// cells in `layers`; the importer loads them too. Blocks. Errors: NOT_FOUND (MODEL_PATH); the
// errors of LoadBundle and RunSubprocess; the importer's own errors, with its code and reason;
// INVALID_ARGUMENT (MODEL_IMPORT) if the importer gives no reason; RESOURCE_EXHAUSTED
// (MODEL_IMPORT) if there is no room for a temporary folder.
absl::StatusOr<std::shared_ptr<const Model>> LoadModel(const ModelSource& source,
                                                       const std::string& importer,
                                                       const LayerRegistry& layers,
                                                       absl::Span<const std::string> cell_plugins);
// Does the same with the built-in layers and cells, and the weight type of the bundle.
absl::StatusOr<std::shared_ptr<const Model>> LoadModel(const std::string& path,
                                                       const std::string& importer);

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_MODEL_LOADER_H_
