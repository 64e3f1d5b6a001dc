// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/legacy_weights.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"

namespace rnnserve {
namespace {

// Reads a list of strings. Keras splits it into "name0", "name1", ... if it does not fit into the
// header of the group.
absl::StatusOr<std::vector<std::string>> ReadList(Hdf5File& file, const std::string& path,
                                                  const std::string& name) {
  RNNSERVE_ASSIGN_OR_RETURN(auto whole, file.ReadStrings(path, name));
  if (whole.has_value()) return *std::move(whole);
  std::vector<std::string> list;
  for (int i = 0;; ++i) {
    RNNSERVE_ASSIGN_OR_RETURN(const auto part, file.ReadStrings(path, absl::StrCat(name, i)));
    if (!part.has_value() && i == 0) {
      return file.Malformed(path, absl::StrCat("has no attribute '", name, "'"));
    }
    if (!part.has_value()) return list;
    list.insert(list.end(), part->begin(), part->end());
  }
}

// Returns "kernel" for "lstm/lstm_cell/kernel:0". In graphs of TensorFlow 1 a second kernel is
// "kernel_1:0".
absl::string_view VariableName(absl::string_view path) {
  path.remove_prefix(path.rfind('/') + 1);
  path = path.substr(0, path.find(':'));
  const size_t end = path.find_last_not_of("0123456789");
  const bool is_numbered =
      end != absl::string_view::npos && end + 1 < path.size() && path[end] == '_';
  return is_numbered ? path.substr(0, end) : path;
}

absl::Status Malformed(const LegacyLayer& layer, absl::string_view text) {
  return InvalidArgument("MODEL_WEIGHTS", absl::StrCat("the weights of '", layer.name, "' ", text));
}

// Checks that no variable has the name that is expected for another variable of the same layer.
// Other unexpected names are allowed, because custom cells may choose any.
absl::Status CheckOrder(const LegacyVariables& expected, const LegacyLayer& layer) {
  for (size_t i = 0; i < expected.names.size(); ++i) {
    const absl::string_view found = VariableName(layer.weight_names[i]);
    if (found == VariableName(expected.names[i])) continue;
    const bool belongs_elsewhere =
        std::any_of(expected.names.begin(), expected.names.end(),
                    [&](const std::string& name) { return VariableName(name) == found; });
    if (!belongs_elsewhere) continue;
    return Malformed(layer, absl::StrCat("have '", layer.weight_names[i], "' in the place of '",
                                         expected.names[i], "'"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<LegacyLayer>> ReadLegacyWeights(Hdf5File& file,
                                                           const std::string& group) {
  RNNSERVE_ASSIGN_OR_RETURN(const auto names, ReadList(file, group, "layer_names"));
  const std::string prefix = group.empty() ? "" : absl::StrCat(group, "/");
  std::vector<LegacyLayer> layers;
  for (const std::string& name : names) {
    const std::string path = prefix + name;
    if (!file.Contains(path, Hdf5File::Kind::kGroup)) {
      return file.Malformed(path, "is in 'layer_names', but there is no such group");
    }
    LegacyLayer layer{name, {}, {}};
    RNNSERVE_ASSIGN_OR_RETURN(layer.weight_names, ReadList(file, path, "weight_names"));
    if (layer.weight_names.empty()) continue;
    for (const std::string& weight_name : layer.weight_names) {
      const std::string dataset = absl::StrCat(path, "/", weight_name);
      if (!file.Contains(dataset, Hdf5File::Kind::kDataset)) {
        return file.Malformed(dataset, "is in 'weight_names', but there is no such dataset");
      }
      RNNSERVE_ASSIGN_OR_RETURN(Weight weight, file.ReadDataset(dataset));
      layer.values.push_back(std::move(weight));
    }
    layers.push_back(std::move(layer));
  }
  return layers;
}

absl::StatusOr<WeightTable> AssignLegacyWeights(const std::vector<LegacyVariables>& expected,
                                                std::vector<LegacyLayer> layers) {
  if (expected.size() != layers.size()) {
    return InvalidArgument("MODEL_WEIGHTS",
                           absl::StrCat("the file has weights of ", layers.size(),
                                        " layers, the model has ", expected.size()));
  }
  WeightTable weights;
  for (size_t i = 0; i < layers.size(); ++i) {
    LegacyLayer& layer = layers[i];
    const std::vector<std::string>& names = expected[i].names;
    if (names.size() != layer.values.size()) {
      return Malformed(layer, absl::StrCat("are ", layer.values.size(), ", not the ", names.size(),
                                           " of the layer '", expected[i].layer, "'"));
    }
    RNNSERVE_RETURN_IF_ERROR(CheckOrder(expected[i], layer));
    for (size_t k = 0; k < names.size(); ++k) {
      weights.insert_or_assign(names[k], std::move(layer.values[k]));
    }
  }
  return weights;
}

}  // namespace rnnserve
