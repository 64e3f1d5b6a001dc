// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/keras_layout.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/import/keras_config_cleaner.h"
#include "core/keras/keras_config.h"
#include "core/model/model_parts.h"

namespace rnnserve {
namespace {

using Json = nlohmann::json;

// The place of an object in the file and in the bundle.
struct Place {
  std::string path;        // "layers/lstm"
  std::string scope;       // "lstm"
  bool is_trained = true;  // false if the object or one around it is frozen
};

// Functions of keras.ops in a Functional look like layers, but Keras writes no group for them.
bool IsOperation(const Json& object) {
  const Json module = object.value("module", Json());
  return module.is_string() && absl::StartsWith(module.get<std::string>(), "keras.src.ops");
}

// Collects the groups of a model, object by object.
class GroupCollector {
 public:
  GroupCollector(const LayerRegistry& registry, GroupNaming naming)
      : registry_(registry), naming_(naming) {}

  const std::vector<VariableGroup>& groups() const { return groups_; }

  absl::Status AddModel(const KerasConfig& model, const Place& place);
  absl::Status AddObject(const Json& json, const std::string& error_path, Place place);

 private:
  absl::Status AddLayers(const KerasConfig& model, const Place& place);
  absl::Status AddCells(const KerasConfig& stack, const Place& place);
  absl::Status AddOwnVariables(const KerasConfig& object, const std::string& registered_name,
                               const Place& place);
  // Returns the variables that an object owns itself. A layer whose configuration holds the options
  // of its cell counts as the owner of the variables of the cell.
  absl::StatusOr<std::vector<LayerVariable>> OwnVariables(const KerasConfig& object,
                                                          const std::string& registered_name) const;

  const LayerRegistry& registry_;
  const GroupNaming naming_;
  std::vector<VariableGroup> groups_;
  std::map<Json, std::string> shared_;  // the path of an object by its identity
};

absl::Status GroupCollector::AddModel(const KerasConfig& model, const Place& place) {
  groups_.push_back({absl::StrCat(place.path, "vars"), model.name(), {}});
  return AddLayers(model, place);
}

absl::Status GroupCollector::AddLayers(const KerasConfig& model, const Place& place) {
  const bool is_sequential = model.class_name() == "Sequential";
  const bool counts_twice = naming_ == GroupNaming::kCheckpointDependencies;
  const char* const list = counts_twice ? "_layer_checkpoint_dependencies/" : "layers/";
  const std::string scope = place.scope.empty() ? "" : absl::StrCat(place.scope, "/");
  RNNSERVE_ASSIGN_OR_RETURN(const auto layers, model.Objects("layers"));
  GroupNames names;
  for (size_t i = 0; i < layers.size(); ++i) {
    const Json& json = model.Raw("layers")[i];
    const KerasConfig& layer = layers[i];
    if (IsOperation(json) || (is_sequential && i == 0 && layer.class_name() == "InputLayer")) {
      continue;
    }
    const std::string group = names.Next(layer.class_name());
    const size_t num_groups = groups_.size();
    RNNSERVE_RETURN_IF_ERROR(
        AddObject(json, absl::StrCat("layer '", scope, layer.name(), "'"),
                  {absl::StrCat(place.path, list, group), scope + layer.name(), place.is_trained}));
    const bool has_variables =
        std::any_of(groups_.begin() + static_cast<std::ptrdiff_t>(num_groups), groups_.end(),
                    [](const VariableGroup& added) { return !added.variables.empty(); });
    if (counts_twice && has_variables) names.Next(layer.class_name());
  }
  return absl::OkStatus();
}

absl::Status GroupCollector::AddCells(const KerasConfig& stack, const Place& place) {
  RNNSERVE_ASSIGN_OR_RETURN(const auto cells, stack.Objects("cells"));
  GroupNames names;
  for (size_t i = 0; i < cells.size(); ++i) {
    RNNSERVE_RETURN_IF_ERROR(
        AddObject(stack.Raw("cells")[i], cells[i].path(),
                  {absl::StrCat(place.path, "/cells/", names.Next(cells[i].class_name())),
                   absl::StrCat(place.scope, "/cells/", i), place.is_trained}));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<LayerVariable>> GroupCollector::OwnVariables(
    const KerasConfig& object, const std::string& registered_name) const {
  const LayerTraits* const traits = registry_.TraitsOf(registered_name);
  const CellRegistry& cells = registry_.cells();
  if (cells.Contains(registered_name) || (traits != nullptr && !traits->cell.empty())) {
    RNNSERVE_ASSIGN_OR_RETURN(
        const std::vector<std::string> names,
        cells.VariableNames(cells.Contains(registered_name) ? registered_name : traits->cell,
                            object));
    std::vector<LayerVariable> variables;
    for (const std::string& name : names) variables.push_back({name});
    return variables;
  }
  if (traits != nullptr) return traits->variables.MadeFor(object);
  if (registered_name == "InputLayer") return std::vector<LayerVariable>();
  // An unknown class may have weights, so it must not be treated as one without.
  return MakeError(
      absl::StatusCode::kUnimplemented, "LAYER_UNSUPPORTED",
      absl::StrCat(object.path(), ": the weights of class '", registered_name, "' are not known"));
}

absl::Status GroupCollector::AddOwnVariables(const KerasConfig& object,
                                             const std::string& registered_name,
                                             const Place& place) {
  VariableGroup group{absl::StrCat(place.path, "/vars"), object.name(), {}};
  const LayerTraits* const traits = registry_.TraitsOf(registered_name);
  if (traits != nullptr && !traits->cell.empty()) {
    groups_.push_back(group);
    group = {absl::StrCat(place.path, "/cell/vars"), /*owner=*/"", {}};
  }
  RNNSERVE_ASSIGN_OR_RETURN(const auto variables, OwnVariables(object, registered_name));
  for (const LayerVariable& variable : variables) {
    group.variables.push_back(
        {absl::StrCat(place.scope, "/", variable.name), place.is_trained && variable.is_trained});
  }
  groups_.push_back(std::move(group));
  return absl::OkStatus();
}

absl::Status GroupCollector::AddObject(const Json& json, const std::string& error_path,
                                       Place place) {
  const KerasConfig object(json, error_path);
  const std::string class_name = object.class_name();
  if (json.is_object() && json.contains("shared_object_id")) {
    place.path = shared_.try_emplace(json["shared_object_id"], place.path).first->second;
  }
  RNNSERVE_ASSIGN_OR_RETURN(const bool is_trained, object.Bool("trainable", true));
  place.is_trained = place.is_trained && is_trained;
  if (IsModelClass(class_name)) {
    place.path += "/";
    return AddModel(object, place);
  }
  const std::string registered_name = RegisteredNameOf(json);
  RNNSERVE_RETURN_IF_ERROR(AddOwnVariables(object, registered_name, place));
  if (class_name == "StackedRNNCells") return AddCells(object, place);
  const LayerTraits* const traits = registry_.TraitsOf(registered_name);
  if (traits == nullptr) return absl::OkStatus();
  for (const LayerPart& part : traits->parts) {
    const Json& inner = object.Raw(part.key);
    if (inner.is_null()) continue;
    const std::string scope =
        part.scope.empty() ? place.scope : absl::StrCat(place.scope, "/", part.scope);
    RNNSERVE_RETURN_IF_ERROR(
        AddObject(inner, absl::StrCat(object.path(), ", ", part.key),
                  {absl::StrCat(place.path, "/", part.group), scope, place.is_trained}));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<VariableGroup>> VariableGroups(const Json& model,
                                                          const LayerRegistry& registry,
                                                          GroupNaming naming) {
  GroupCollector collector(registry, naming);
  RNNSERVE_RETURN_IF_ERROR(collector.AddModel(KerasConfig(model, "config.json"), {}));
  return collector.groups();
}

absl::StatusOr<std::vector<LegacyVariables>> LegacyVariablesOf(const Json& model,
                                                               const LayerRegistry& registry) {
  const KerasConfig config(model, "model_config");
  RNNSERVE_ASSIGN_OR_RETURN(const auto layers, config.Objects("layers"));
  RNNSERVE_ASSIGN_OR_RETURN(const bool is_trained, config.Bool("trainable", true));
  std::vector<LegacyVariables> list;
  for (size_t i = 0; i < layers.size(); ++i) {
    const std::string name = layers[i].name();
    GroupCollector collector(registry, GroupNaming::kLayers);
    RNNSERVE_RETURN_IF_ERROR(
        collector.AddObject(config.Raw("layers")[i], layers[i].path(), {"", name, is_trained}));
    std::vector<VariableGroup::Variable> variables;
    for (const VariableGroup& group : collector.groups()) {
      variables.insert(variables.end(), group.variables.begin(), group.variables.end());
    }
    if (variables.empty()) continue;
    std::stable_partition(variables.begin(), variables.end(),
                          [](const auto& variable) { return variable.is_trained; });
    list.push_back({name, {}});
    for (auto& variable : variables) list.back().names.push_back(std::move(variable.name));
  }
  return list;
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
