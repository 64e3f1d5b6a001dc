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

// A model as it is stored: a folder of a description and its weights. FORMAT.md defines it.
//
//   <folder>/model.json            {"format_version": 1, "generator": ..., "model": {...}}
//   <folder>/weights.safetensors   "lstm/kernel", "lstm/recurrent_kernel", ...
//
// Movable, not copyable: the weights are large. Thread-compatible.
struct Bundle {
  nlohmann::json model;   // a serialized Keras Sequential
  std::string generator;  // who wrote it, for people; not part of the digest
  // How matrices are to be kept when the model is loaded; in the file all weights are float32.
  WeightType weight_type = WeightType::kFloat32;
  MaskRules mask_rules = MaskRules::kKeras30;
  WeightTable weights;
};

// Names in a bundle's folder.
constexpr char kBundleModelFile[] = "model.json";
constexpr char kBundleWeightsFile[] = "weights.safetensors";

// SHA-256, in hexadecimal, of what the model is: description and weights, whatever the layout of
// the files and whoever wrote them.
std::string BundleDigest(const Bundle& bundle);

// Reads a bundle without building its model. Errors: NOT_FOUND and FAILED_PRECONDITION, reason
// MODEL_PATH; FAILED_PRECONDITION, reason MODEL_FORMAT_VERSION, if it was written for another
// version of the format; INVALID_ARGUMENT, reason MODEL_FORMAT or MODEL_TOO_LARGE; the errors of
// ReadSafetensors. The text names the file.
absl::StatusOr<Bundle> ReadBundle(const std::string& path);

// The model that the bundle describes. Errors: those of Model::Create; INVALID_ARGUMENT, reason
// MODEL_WEIGHTS, if there are weights that belong to no layer.
absl::StatusOr<std::shared_ptr<const Model>> BuildModel(const Bundle& bundle,
                                                        const LayerRegistry& registry);

// ReadBundle and BuildModel; with a weight type, that one in place of the bundle's.
absl::StatusOr<std::shared_ptr<const Model>> LoadBundle(
    const std::string& path, const LayerRegistry& registry,
    std::optional<WeightType> weight_type = std::nullopt);

enum class IfBundleExists { kFail, kReplace };

// Writes a bundle to the folder `path`: into a folder beside it first, which takes its name when it
// is complete. Errors: ALREADY_EXISTS, reason MODEL_PATH, if there is something at `path` that is
// not to be replaced or is no bundle; FAILED_PRECONDITION, reason MODEL_PATH, if it cannot be
// written. After an error `path` is what it was.
absl::Status WriteBundle(const Bundle& bundle, const std::string& path, IfBundleExists if_exists);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_BUNDLE_H_
