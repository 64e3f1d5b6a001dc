// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/keras_layout.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/base/status_macros.h"

namespace rnnserve {
namespace {

// A variable, and the option without which it is not made.
struct Variable {
  absl::string_view name;
  absl::string_view option = "";
};

constexpr std::array<Variable, 3> kCellVariables = {
    {{"kernel"}, {"recurrent_kernel"}, {"bias", "use_bias"}}};
constexpr std::array<Variable, 2> kMinimalCellVariables = {{{"kernel"}, {"recurrent_kernel"}}};
constexpr std::array<Variable, 2> kDenseVariables = {{{"kernel"}, {"bias", "use_bias"}}};
constexpr std::array<Variable, 1> kEmbeddingVariables = {{{"embeddings"}}};
constexpr std::array<Variable, 2> kNormVariables = {{{"gamma", "scale"}, {"beta", "center"}}};
constexpr std::array<Variable, 1> kRmsNormVariables = {{{"gamma"}}};

// Layers that make their cell themselves out of their own options.
bool IsLayerOfOneCell(absl::string_view class_name) {
  return class_name == "LSTM" || class_name == "GRU" || class_name == "SimpleRNN";
}

// The variables of a class in the order in which it makes them; none for a class without any.
absl::StatusOr<absl::Span<const Variable>> VariablesOf(const KerasConfig& object) {
  const std::string class_name = object.class_name();
  if (IsLayerOfOneCell(class_name) || class_name == "LSTMCell" || class_name == "GRUCell" ||
      class_name == "SimpleRNNCell") {
    return absl::MakeConstSpan(kCellVariables);
  }
  if (class_name == "MinimalRNNCell") return absl::MakeConstSpan(kMinimalCellVariables);
  if (class_name == "Dense") return absl::MakeConstSpan(kDenseVariables);
  if (class_name == "Embedding") return absl::MakeConstSpan(kEmbeddingVariables);
  if (class_name == "LayerNormalization") {
    RNNSERVE_ASSIGN_OR_RETURN(const bool is_rms, object.Bool("rms_scaling", false));
    return is_rms ? absl::MakeConstSpan(kRmsNormVariables) : absl::MakeConstSpan(kNormVariables);
  }
  return absl::Span<const Variable>();
}

absl::StatusOr<std::vector<std::string>> VariableNames(const KerasConfig& object,
                                                       const std::string& scope) {
  RNNSERVE_ASSIGN_OR_RETURN(const absl::Span<const Variable> variables, VariablesOf(object));
  std::vector<std::string> names;
  for (const Variable& variable : variables) {
    RNNSERVE_ASSIGN_OR_RETURN(const bool is_made, object.Bool(variable.option, true));
    if (is_made) names.push_back(absl::StrCat(scope, "/", variable.name));
  }
  return names;
}

absl::Status Collect(const KerasConfig& object, const LayerPlace& place,
                     std::vector<VariableGroup>& groups);

// The object that stands under `key` of the configuration and in group `group` of the file.
absl::Status CollectChild(const KerasConfig& object, absl::string_view key, const std::string& path,
                          const std::string& scope, std::vector<VariableGroup>& groups) {
  RNNSERVE_ASSIGN_OR_RETURN(const KerasConfig child, object.Object(key));
  return Collect(child, {path, child.name(), scope}, groups);
}

absl::Status CollectCells(const KerasConfig& stack, const LayerPlace& place,
                          std::vector<VariableGroup>& groups) {
  RNNSERVE_ASSIGN_OR_RETURN(const std::vector<KerasConfig> cells, stack.Objects("cells"));
  GroupNames group_names;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string group = group_names.Next(cells[i].class_name());
    RNNSERVE_RETURN_IF_ERROR(Collect(cells[i],
                                     {absl::StrCat(place.path, "/cells/", group), cells[i].name(),
                                      absl::StrCat(place.scope, "/cells/", i)},
                                     groups));
  }
  return absl::OkStatus();
}

absl::Status Collect(const KerasConfig& object, const LayerPlace& place,
                     std::vector<VariableGroup>& groups) {
  const auto& [path, owner, scope] = place;
  const std::string class_name = object.class_name();
  RNNSERVE_ASSIGN_OR_RETURN(std::vector<std::string> names, VariableNames(object, scope));
  if (IsLayerOfOneCell(class_name)) {
    groups.push_back({absl::StrCat(path, "/vars"), owner, {}});
    groups.push_back({absl::StrCat(path, "/cell/vars"), /*owner=*/"", std::move(names)});
    return absl::OkStatus();
  }
  groups.push_back({absl::StrCat(path, "/vars"), owner, std::move(names)});
  if (class_name == "RNN") return CollectChild(object, "cell", path + "/cell", scope, groups);
  if (class_name == "StackedRNNCells") return CollectCells(object, place, groups);
  if (class_name == "TimeDistributed") {
    return CollectChild(object, "layer", path + "/layer", scope + "/layer", groups);
  }
  if (class_name == "Bidirectional") {
    RNNSERVE_RETURN_IF_ERROR(
        CollectChild(object, "layer", path + "/forward_layer", scope + "/forward", groups));
    return CollectChild(object, "backward_layer", path + "/backward_layer", scope + "/backward",
                        groups);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<VariableGroup>> VariableGroups(const KerasConfig& layer,
                                                          const LayerPlace& place) {
  std::vector<VariableGroup> groups;
  RNNSERVE_RETURN_IF_ERROR(Collect(layer, place, groups));
  return groups;
}

std::string GroupNames::Next(absl::string_view class_name) {
  const std::string name = ToSnakeCase(class_name);
  const int count = counts_[name]++;
  return count == 0 ? name : absl::StrCat(name, "_", count);
}

std::string ToSnakeCase(absl::string_view class_name) {
  std::string letters(class_name);
  letters.erase(std::remove_if(letters.begin(), letters.end(),
                               [](char c) { return !absl::ascii_isalnum(c) && c != '_'; }),
                letters.end());
  std::string snake;
  for (size_t i = 0; i < letters.size(); ++i) {
    const bool begins_word = i > 0 && absl::ascii_isupper(letters[i]) &&
                             (absl::ascii_islower(letters[i - 1]) ||
                              (i + 1 < letters.size() && absl::ascii_islower(letters[i + 1])));
    if (begins_word) snake += '_';
    snake += absl::ascii_tolower(letters[i]);
  }
  return snake;
}

}  // namespace rnnserve
