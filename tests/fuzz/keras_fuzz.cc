// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Models of Keras: the input is a JSON text with the parts of a file, from which valid HDF5 is made.
// So our code is tested, and not libhdf5, whose faults rnnserve-import confines in a process.
//
//   {"metadata": {...}, "config": {...},
//    "datasets": {"layers/dense/vars/0": [1, 2]},         the shape; all values are 0.5
//    "owners": {"layers/dense/vars": "dense"},            the attribute "name" of a group
//    "strings": {"w/dense": {"weight_names": ["kernel"]}}}
//
// It is imported as a .keras file, as a whole model in HDF5 and as weights with a configuration.

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "core/import/keras_import.h"
#include "core/model/json_reader.h"
#include "core/model/limits.h"
#include "tests/core/import/hdf5_image.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/json_mutator.h"

namespace rnnserve::testing {
namespace {

using Json = nlohmann::json;

constexpr size_t kDatasetsMax = 64;
constexpr uint64_t kElementsMax = 4096;

// Adds parts to a file, and leaves out those that HDF5 itself does not allow.
class Hdf5Parts {
 public:
  void AddDataset(const std::string& path, const Json& shape) {
    std::vector<hsize_t> extents;
    uint64_t elements = 1;
    for (const Json& extent : shape.is_array() ? shape : Json::array()) {
      if (!extent.is_number_unsigned() || extent.get<uint64_t>() > kElementsMax ||
          extents.size() == 8)
        return;
      extents.push_back(extent.get<hsize_t>());
      elements *= extent.get<uint64_t>();
      if (elements > kElementsMax) return;
    }
    if (datasets_.size() == kDatasetsMax || !IsFree(path)) return;
    image_.AddVariable(path, extents, std::vector<float>(static_cast<size_t>(elements), 0.5f));
    datasets_.insert(path);
    for (size_t end = path.find('/'); end != std::string::npos; end = path.find('/', end + 1)) {
      groups_.insert(path.substr(0, end));
    }
  }

  void AddStrings(const std::string& group, const std::string& name, const Json& values) {
    std::vector<std::string> strings;
    for (const Json& value : values.is_array() ? values : Json::array()) {
      if (value.is_string()) strings.push_back(value.get<std::string>());
    }
    // The attributes of a group fit into its header.
    if (IsNew(group, name) && values.dump().size() < 2000) image_.SetStrings(group, name, strings);
  }

  void AddOwner(const std::string& group, const Json& owner) {
    if (owner.is_string() && owner.get_ref<const std::string&>().size() < 2000 &&
        IsNew(group, "name")) {
      image_.SetOwner(group, owner.get<std::string>());
    }
  }

  // Adds a text of any length to the root.
  void AddText(const std::string& name, const std::string& text) {
    image_.SetStrings("/", name, {text});
  }

  std::string Bytes() const { return image_.Bytes(); }

 private:
  // Whether the path is one, and neither it nor a part of it is taken.
  bool IsFree(const std::string& path) const {
    if (groups_.contains(path) || path.find('\0') != std::string::npos) return false;
    std::string parent;
    for (const absl::string_view name : absl::StrSplit(path, '/')) {
      if (name.empty() || name == "." || name == "..") return false;
      if (!parent.empty()) parent += '/';
      parent += std::string(name);
      if (datasets_.contains(parent)) return false;
    }
    return true;
  }
  bool IsNew(const std::string& group, const std::string& attribute) {
    return groups_.contains(group) && !attribute.empty() &&
           attribute.find('\0') == std::string::npos &&
           attributes_.insert({group, attribute}).second;
  }

  Hdf5Image image_;
  std::set<std::string> datasets_;
  std::set<std::string> groups_;
  std::set<std::pair<std::string, std::string>> attributes_;
};

Json PartOf(const Json& input, const char* key) {
  return input.is_object() && input.contains(key) ? input[key] : Json::object();
}

void AddParts(const Json& input, Hdf5Parts& hdf5) {
  const Json datasets = PartOf(input, "datasets");
  const Json owners = PartOf(input, "owners");
  const Json strings = PartOf(input, "strings");
  for (const auto& [path, shape] : datasets.items()) hdf5.AddDataset(path, shape);
  for (const auto& [group, owner] : owners.items()) hdf5.AddOwner(group, owner);
  for (const auto& [group, attributes] : strings.items()) {
    for (const auto& [name, values] : attributes.items()) hdf5.AddStrings(group, name, values);
  }
}

void ImportInEveryWay(const Json& input) {
  static const LayerRegistry& registry = *new LayerRegistry(LayerRegistry::BuiltIn());
  KerasArchive archive;
  archive.metadata = PartOf(input, "metadata").dump();
  archive.config = PartOf(input, "config").dump();
  Hdf5Parts hdf5;
  AddParts(input, hdf5);
  archive.weights = hdf5.Bytes();
  RequireReason(ImportKeras(archive, registry).status());
  RequireReason(ImportConfigAndWeights(archive.config, archive.weights, registry).status());
  // Attributes have at most 64 KiB.
  if (archive.config.size() > 60000 || archive.metadata.size() > 60000) return;
  hdf5.AddText("model_config", archive.config);
  hdf5.AddText("keras_version", PartOf(PartOf(input, "metadata"), "keras_version").dump());
  RequireReason(ImportHdf5(hdf5.Bytes(), registry).status());
}

}  // namespace
}  // namespace rnnserve::testing

size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  return rnnserve::testing::MutateJson(data, size, max_size, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace rnnserve;           // NOLINT(google-build-using-namespace)
  using namespace rnnserve::testing;  // NOLINT(google-build-using-namespace)
  const auto input = ParseJson(TextOf(data, size), kModelJsonBytesMax, "input");
  RequireReason(input.status());
  if (input.ok()) ImportInEveryWay(*input);
  return 0;
}
