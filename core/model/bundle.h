// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_MODEL_BUNDLE_H_
#define RNNSERVE_CORE_MODEL_BUNDLE_H_

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/layers/layer_registry.h"
#include "core/model/mask_rules.h"
#include "core/model/model.h"
#include "core/model/weight_table.h"

namespace rnnserve {

// A model as it is stored: a folder with a description and the weights. FORMAT.md defines it.
//
//   <folder>/model.json            {"format_version": 1, "generator": ..., "model": {...}}
//   <folder>/weights.safetensors   "lstm/kernel", "lstm/recurrent_kernel", ...
//
// Movable, not copyable: the weights are large. Thread-compatible.
struct Bundle {
  nlohmann::json model;   // a serialized Keras Sequential or Functional
  std::string generator;  // the program that wrote it, for people; not part of the digest
  // The type in which the loaded model keeps its matrices; in the file all weights are float32.
  WeightType weight_type = WeightType::kFloat32;
  MaskRules mask_rules = MaskRules::kKeras30;
  WeightTable weights;
};

// The names of the files in the folder.
constexpr char kBundleModelFile[] = "model.json";
constexpr char kBundleWeightsFile[] = "weights.safetensors";

// Returns the SHA-256, in hexadecimal, of the description and the weights. It does not depend on
// the layout of the files or on the program that wrote them.
std::string BundleDigest(const Bundle& bundle);

// Reads a bundle without building its model. Errors: NOT_FOUND and FAILED_PRECONDITION, reason
// MODEL_PATH; FAILED_PRECONDITION, reason MODEL_FORMAT_VERSION, if it was written for another
// version of the format; INVALID_ARGUMENT, reason MODEL_FORMAT or MODEL_TOO_LARGE; the errors of
// ReadSafetensors. The text names the file.
absl::StatusOr<Bundle> ReadBundle(const std::string& path);

// Builds the model that the bundle describes. Errors: those of Model::Create; INVALID_ARGUMENT,
// reason MODEL_WEIGHTS, if there are weights that belong to no layer.
absl::StatusOr<std::shared_ptr<const Model>> BuildModel(const Bundle& bundle,
                                                        const LayerRegistry& registry);

// Reads a bundle and builds its model. If `weight_type` is given, it overrides the type in the
// bundle. Errors: those of ReadBundle and BuildModel.
absl::StatusOr<std::shared_ptr<const Model>> LoadBundle(
    const std::string& path, const LayerRegistry& registry,
    std::optional<WeightType> weight_type = std::nullopt);

enum class IfBundleExists { kFail, kReplace };

// Writes a bundle to the folder `path`: writes it to a temporary folder next to `path`, and renames
// that folder when it is complete. Errors: ALREADY_EXISTS, reason MODEL_PATH, if `path` exists and
// may not be replaced or is not a bundle; FAILED_PRECONDITION, reason MODEL_PATH, if it cannot be
// written. After an error `path` is unchanged.
absl::Status WriteBundle(const Bundle& bundle, const std::string& path, IfBundleExists if_exists);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_BUNDLE_H_
