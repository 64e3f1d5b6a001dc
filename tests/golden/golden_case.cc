// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/golden/golden_case.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/base/status_macros.h"
#include "core/import/keras_archive.h"
#include "core/import/keras_import.h"
#include "core/layers/layer_registry.h"
#include "core/model/bundle.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::testing {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

fs::path GoldenFolder() { return fs::path(RNNSERVE_SOURCE_DIR) / "tests/golden"; }

GoldenTensor ReadTensor(const Json& json) {
  GoldenTensor tensor{Shape(json.at("shape").get<std::vector<int64_t>>()), json.at("data")};
  if (tensor.shape.NumElements() != static_cast<int64_t>(tensor.values.size())) {
    std::cerr << "a golden tensor of shape " << tensor.shape.ToString() << " has "
              << tensor.values.size() << " values\n";
    std::abort();
  }
  return tensor;
}

std::vector<GoldenState> ReadStates(const Json& document, const char* key) {
  std::vector<GoldenState> states;
  for (const Json& state : document.value(key, Json::array())) {
    states.push_back({state.at("layer"), state.at("name"), ReadTensor(state)});
  }
  return states;
}

}  // namespace

std::string GoldenPath::TestName() const {
  std::string name = fs::path(folder).filename();
  const std::string stem = fs::path(file).stem();
  if (stem != "case") name += stem.substr(4);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::ostream& operator<<(std::ostream& out, const GoldenPath& path) {
  return out << path.folder << "/" << path.file;
}

std::vector<GoldenPath> GoldenPaths(const std::string& folder) {
  std::vector<GoldenPath> paths;
  for (const auto& model : fs::directory_iterator(GoldenFolder() / folder)) {
    for (const auto& entry : fs::directory_iterator(model)) {
      if (entry.path().extension() != ".json") continue;
      paths.push_back({folder + "/" + model.path().filename().string(), entry.path().filename()});
    }
  }
  std::sort(paths.begin(), paths.end(),
            [](const GoldenPath& a, const GoldenPath& b) { return a.TestName() < b.TestName(); });
  return paths;
}

std::string FilePath(const GoldenPath& path, const std::string& file) {
  return GoldenFolder() / path.folder / file;
}

GoldenCase ReadGoldenCase(const GoldenPath& path) {
  std::ifstream file(FilePath(path, path.file));
  const Json document = Json::parse(file);
  GoldenCase golden;
  golden.inputs = ReadTensor(document.at("inputs"));
  if (document.contains("mask")) golden.mask = ReadTensor(document["mask"]);
  golden.initial_state = ReadStates(document, "initial_state");
  golden.outputs = ReadTensor(document.at("outputs"));
  golden.states = ReadStates(document, "states");
  golden.has_two_outputs = document.contains("backward_outputs");
  return golden;
}

absl::StatusOr<std::shared_ptr<const Model>> ImportAndLoad(const GoldenPath& path) {
  const LayerRegistry registry = LayerRegistry::BuiltIn();
  const TemporaryFolder temporary;
  const std::string bundle_path = temporary.path() / "bundle";
  RNNSERVE_ASSIGN_OR_RETURN(const KerasArchive archive,
                            ReadKerasArchive(FilePath(path, "model.keras"), KerasArchiveLimits()));
  RNNSERVE_ASSIGN_OR_RETURN(const Bundle bundle, ImportKeras(archive, registry));
  RNNSERVE_RETURN_IF_ERROR(WriteBundle(bundle, bundle_path, IfBundleExists::kFail));
  return LoadBundle(bundle_path, registry);
}

}  // namespace rnnserve::testing
