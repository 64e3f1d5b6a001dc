// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/golden/golden_case.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "core/base/status_macros.h"
#include "core/cells/load_cell_plugin.h"
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

// Returns the members of a list, or the value itself as the only member.
std::vector<Json> ListOf(const Json& json) {
  if (json.is_array()) return json.get<std::vector<Json>>();
  return {json};
}

GoldenInput ReadInput(const Json& json) {
  GoldenInput input{json.value("name", ""), ReadTensor(json), std::nullopt};
  if (json.contains("mask")) input.mask = ReadTensor(json["mask"]);
  return input;
}

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

absl::StatusOr<Bundle> Import(const GoldenPath& path, const LayerRegistry& registry) {
  const std::string weights = FilePath(path, "model.weights.h5");
  if (fs::exists(weights)) {
    const std::string config = Contents(FilePath(path, "config.json"));
    return ImportConfigAndWeights(config, Contents(weights), registry);
  }
  const std::string hdf5 = FilePath(path, "model.h5");
  if (fs::exists(hdf5)) return ImportHdf5(Contents(hdf5), registry);
  RNNSERVE_ASSIGN_OR_RETURN(const KerasArchive archive,
                            ReadKerasArchive(FilePath(path, "model.keras"), KerasArchiveLimits()));
  return ImportKeras(archive, registry);
}

}  // namespace

std::string GoldenPath::TestName() const {
  std::string name = fs::path(folder).filename();
  if (const std::string parent = fs::path(folder).parent_path(); parent != "cases") {
    name = parent + "_" + name;
  }
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
      const std::string file = entry.path().filename();
      if (file.rfind("case", 0) != 0 || entry.path().extension() != ".json") continue;
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
  for (const Json& input : ListOf(document.at("inputs"))) golden.inputs.push_back(ReadInput(input));
  if (document.contains("mask")) golden.inputs.front().mask = ReadTensor(document["mask"]);
  golden.initial_state = ReadStates(document, "initial_state");
  for (const Json& output : ListOf(document.at("outputs"))) {
    golden.outputs.push_back(ReadTensor(output));
  }
  if (document.contains("backward_outputs")) {
    golden.outputs.push_back(ReadTensor(document["backward_outputs"]));
  }
  golden.states = ReadStates(document, "states");
  if (document.contains("tolerance")) {
    const Json& tolerance = document["tolerance"];
    golden.tolerance = {tolerance.at("absolute"), tolerance.at("relative")};
  }
  return golden;
}

absl::StatusOr<std::shared_ptr<const Model>> ImportAndLoad(const GoldenPath& path) {
  const std::string plugins[] = {RNNSERVE_PLUGIN_DIR "/adaptive_leaky_cell.so"};
  RNNSERVE_ASSIGN_OR_RETURN(CellRegistry cells, CellsWithPlugins(plugins));
  const LayerRegistry registry = LayerRegistry::BuiltIn(std::move(cells));
  const TemporaryFolder temporary;
  const std::string bundle_path = temporary.path() / "bundle";
  RNNSERVE_ASSIGN_OR_RETURN(const Bundle bundle, Import(path, registry));
  RNNSERVE_RETURN_IF_ERROR(WriteBundle(bundle, bundle_path, IfBundleExists::kFail));
  return LoadBundle(bundle_path, registry);
}

}  // namespace rnnserve::testing
