// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/keras_import.h"

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/import/hdf5_file.h"
#include "core/import/keras2_config.h"
#include "core/import/keras_config_cleaner.h"
#include "core/import/keras_layout.h"
#include "core/import/keras_weights.h"
#include "core/import/legacy_weights.h"
#include "core/model/graph.h"
#include "core/model/json_reader.h"
#include "core/model/limits.h"

namespace rnnserve {
namespace {

using Json = nlohmann::json;

constexpr char kWholeModelFile[] = "the .h5 file";
constexpr char kWholeModelWeights[] = "model_weights";

// A model that is being converted to a bundle.
struct Import {
  Json source;    // as Keras 3 would have written it
  Bundle bundle;  // without weights
};

// Converts the configuration and checks that all of it is supported. The weights are not read yet,
// so that an unsupported layer is reported as such and not as an unexpected weight.
absl::StatusOr<Import> BeginImport(Json model, const std::string& version,
                                   const LayerRegistry& registry) {
  if (absl::StartsWith(version, "1.") || version == "1") {
    return MakeError(
        absl::StatusCode::kUnimplemented, "KERAS_VERSION",
        absl::StrCat("saved by Keras ", version, "; only files of Keras 2 and 3 are read"));
  }
  Import import;
  if (absl::StartsWith(version, "2.") || version == "2") {
    RNNSERVE_ASSIGN_OR_RETURN(import.source, ConvertKeras2Config(std::move(model), registry));
  } else {
    import.source = std::move(model);
  }
  import.bundle.generator = absl::StrCat("rnnserve-import, from a file of Keras ", version);
  import.bundle.model = CleanKerasConfig(import.source);
  RNNSERVE_RETURN_IF_ERROR(
      ReadGraph(KerasConfig(import.bundle.model, "the model"), registry).status());
  return import;
}

// Returns the bundle with its weights, if the model can be built with them.
absl::StatusOr<Bundle> FinishImport(Import import, WeightTable weights,
                                    const LayerRegistry& registry) {
  import.bundle.weights = std::move(weights);
  RNNSERVE_RETURN_IF_ERROR(BuildModel(import.bundle, registry).status());
  return std::move(import.bundle);
}

absl::StatusOr<std::string> ReadKerasVersion(const std::string& text) {
  RNNSERVE_ASSIGN_OR_RETURN(const Json metadata,
                            ParseJson(text, kModelJsonBytesMax, "metadata.json"));
  if (!metadata.is_object() || !metadata.value("keras_version", Json()).is_string()) {
    return InvalidArgument("MODEL_FORMAT", "metadata.json: 'keras_version' is missing");
  }
  return metadata["keras_version"].get<std::string>();
}

absl::StatusOr<WeightTable> LayerWeights(const Json& model, KerasWeights weights,
                                         OwnerCheck owner_check, const LayerRegistry& registry) {
  const bool is_first_format = std::any_of(weights.begin(), weights.end(), [](const auto& group) {
    return absl::StartsWith(group.first, "_layer_checkpoint_dependencies/");
  });
  RNNSERVE_ASSIGN_OR_RETURN(const auto groups,
                            VariableGroups(model, registry,
                                           is_first_format ? GroupNaming::kCheckpointDependencies
                                                           : GroupNaming::kLayers));
  return AssignWeights(groups, std::move(weights), owner_check);
}

absl::StatusOr<WeightTable> LegacyWeights(const Json& model, Hdf5File& file,
                                          const std::string& group, const LayerRegistry& registry) {
  RNNSERVE_ASSIGN_OR_RETURN(const auto expected, LegacyVariablesOf(model, registry));
  RNNSERVE_ASSIGN_OR_RETURN(auto layers, ReadLegacyWeights(file, group));
  return AssignLegacyWeights(expected, std::move(layers));
}

// Returns a string attribute of the root of a file; `fallback` if there is none.
absl::StatusOr<std::string> RootString(Hdf5File& file, const std::string& name,
                                       const std::string& fallback) {
  RNNSERVE_ASSIGN_OR_RETURN(const auto strings, file.ReadStrings("", name));
  if (!strings.has_value()) return fallback;
  if (strings->size() == 1) return strings->front();
  return file.Malformed("", absl::StrCat("has an attribute '", name, "' that is not one string"));
}

// Returns the error for an HDF5 file that is not a whole model.
absl::Status NoConfiguration(Hdf5File& file) {
  constexpr std::array<const char*, 5> kGroupsOfWeights = {kWholeModelWeights, "layers",
                                                           "_layer_checkpoint_dependencies",
                                                           "top_level_model_weights", "vars"};
  RNNSERVE_ASSIGN_OR_RETURN(const auto layer_names, file.ReadStrings("", "layer_names"));
  const bool is_of_keras =
      layer_names.has_value() ||
      std::any_of(kGroupsOfWeights.begin(), kGroupsOfWeights.end(),
                  [&](const char* group) { return file.Contains(group, Hdf5File::Kind::kGroup); });
  return InvalidArgument(
      "MODEL_FORMAT",
      is_of_keras
          ? "the file holds weights without a model; give the configuration of the model too "
            "(--config CONFIG.json with the result of model.to_json()), or save the whole model "
            "with model.save('model.keras')"
          : "this is an HDF5 file that Keras did not write; save the model with "
            "model.save('model.keras')");
}

// Returns the version of Keras. The result of to_json() contains it in Keras 2 but not in Keras 3,
// and only Keras 2 has batch_input_shape.
absl::StatusOr<std::string> VersionOf(const Json& config, Hdf5File& file) {
  const Json noted = config.is_object() ? config.value("keras_version", Json()) : Json();
  if (noted.is_string()) return noted.get<std::string>();
  const bool is_keras2 = absl::StrContains(config.dump(), "\"batch_input_shape\"");
  return RootString(file, "keras_version", is_keras2 ? "2" : "3");
}

}  // namespace

absl::StatusOr<Bundle> ImportKeras(const KerasArchive& archive, const LayerRegistry& registry) {
  RNNSERVE_ASSIGN_OR_RETURN(const std::string version, ReadKerasVersion(archive.metadata));
  RNNSERVE_ASSIGN_OR_RETURN(Json config,
                            ParseJson(archive.config, kModelJsonBytesMax, "config.json"));
  RNNSERVE_ASSIGN_OR_RETURN(Import import, BeginImport(std::move(config), version, registry));
  RNNSERVE_ASSIGN_OR_RETURN(KerasWeights found, ReadKerasWeights(archive.weights));
  RNNSERVE_ASSIGN_OR_RETURN(WeightTable weights, LayerWeights(import.source, std::move(found),
                                                              OwnerCheck::kNames, registry));
  return FinishImport(std::move(import), std::move(weights), registry);
}

absl::StatusOr<Bundle> ImportHdf5(absl::string_view hdf5, const LayerRegistry& registry) {
  RNNSERVE_ASSIGN_OR_RETURN(const auto file, Hdf5File::Open(hdf5, kWholeModelFile));
  RNNSERVE_ASSIGN_OR_RETURN(const std::string text, RootString(*file, "model_config", ""));
  if (text.empty()) return NoConfiguration(*file);
  // Keras before 1.1 wrote no version.
  RNNSERVE_ASSIGN_OR_RETURN(const std::string version, RootString(*file, "keras_version", "1"));
  RNNSERVE_ASSIGN_OR_RETURN(Json config, ParseJson(text, kModelJsonBytesMax, "model_config"));
  RNNSERVE_ASSIGN_OR_RETURN(Import import, BeginImport(std::move(config), version, registry));
  RNNSERVE_ASSIGN_OR_RETURN(WeightTable weights,
                            LegacyWeights(import.source, *file, kWholeModelWeights, registry));
  return FinishImport(std::move(import), std::move(weights), registry);
}

absl::StatusOr<Bundle> ImportConfigAndWeights(absl::string_view config_json, absl::string_view hdf5,
                                              const LayerRegistry& registry) {
  RNNSERVE_ASSIGN_OR_RETURN(Json config,
                            ParseJson(config_json, kModelJsonBytesMax, "the configuration"));
  RNNSERVE_ASSIGN_OR_RETURN(const auto file, Hdf5File::Open(hdf5, "the weights"));
  RNNSERVE_ASSIGN_OR_RETURN(const std::string version, VersionOf(config, *file));
  RNNSERVE_ASSIGN_OR_RETURN(Import import, BeginImport(std::move(config), version, registry));
  WeightTable weights;
  RNNSERVE_ASSIGN_OR_RETURN(const auto layer_names, file->ReadStrings("", "layer_names"));
  const bool is_whole_model = file->Contains(kWholeModelWeights, Hdf5File::Kind::kGroup);
  if (layer_names.has_value() || is_whole_model ||
      file->Contains("top_level_model_weights", Hdf5File::Kind::kGroup)) {
    RNNSERVE_ASSIGN_OR_RETURN(
        weights,
        LegacyWeights(import.source, *file, is_whole_model ? kWholeModelWeights : "", registry));
  } else {
    RNNSERVE_ASSIGN_OR_RETURN(KerasWeights found, ReadKerasWeights(*file));
    RNNSERVE_ASSIGN_OR_RETURN(
        weights, LayerWeights(import.source, std::move(found), OwnerCheck::kNone, registry));
  }
  return FinishImport(std::move(import), std::move(weights), registry);
}

}  // namespace rnnserve
