// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/keras_weights.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"

namespace rnnserve {
namespace {

constexpr char kFileName[] = "model.weights.h5";

// The name of the group of an object's own variables.
constexpr absl::string_view kVariables = "vars";

absl::string_view ParentOf(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == absl::string_view::npos ? absl::string_view() : path.substr(0, slash);
}

bool IsVariables(absl::string_view path) {
  return path == kVariables || absl::EndsWith(path, absl::StrCat("/", kVariables));
}

absl::StatusOr<KerasVariables> ReadVariables(Hdf5File& file, const std::string& path,
                                             size_t num_values) {
  KerasVariables variables;
  RNNSERVE_ASSIGN_OR_RETURN(const auto owner, file.ReadStrings(path, "name"));
  if (owner.has_value() && owner->size() != 1) {
    return file.Malformed(path, "has an attribute 'name' that is not one string");
  }
  if (owner.has_value()) variables.owner = owner->front();
  for (size_t i = 0; i < num_values; ++i) {
    const std::string dataset = absl::StrCat(path, "/", i);
    if (!file.Contains(dataset, Hdf5File::Kind::kDataset)) {
      return file.Malformed(path,
                            absl::StrCat("has ", num_values, " variables, but none is '", i, "'"));
    }
    RNNSERVE_ASSIGN_OR_RETURN(Weight weight, file.ReadDataset(dataset));
    variables.values.push_back(std::move(weight));
  }
  return variables;
}

absl::Status Malformed(absl::string_view path, absl::string_view text) {
  return InvalidArgument("MODEL_WEIGHTS", absl::StrCat(kFileName, ": '", path, "' ", text));
}

// Checks that a group of the file has the owner and the number of variables that are expected.
absl::Status CheckGroup(const VariableGroup& group, const KerasVariables& found,
                        OwnerCheck owner_check) {
  if (owner_check == OwnerCheck::kNames && !found.owner.empty() && !group.owner.empty() &&
      found.owner != group.owner) {
    return Malformed(group.path, absl::StrCat("belongs to '", found.owner,
                                              "', but config.json has '", group.owner, "' there"));
  }
  if (found.values.size() == group.variables.size()) return absl::OkStatus();
  const auto append_name = [](std::string* out, const VariableGroup::Variable& variable) {
    out->append(variable.name);
  };
  return Malformed(
      group.path,
      absl::StrCat("has ", found.values.size(), " variables, not the ", group.variables.size(),
                   " of its layer (", absl::StrJoin(group.variables, ", ", append_name), ")"));
}

Weight Copy(const Weight& weight) {
  Weight copy{weight.shape, AlignedBuffer(weight.values.size())};
  std::copy(weight.values.span().begin(), weight.values.span().end(), copy.values.data());
  return copy;
}

absl::Status CheckNothingLeft(const KerasWeights& source) {
  for (const auto& [path, variables] : source) {
    if (variables.values.empty()) continue;
    return Malformed(path, absl::StrCat("has ", variables.values.size(),
                                        " variables that belong to no layer of config.json"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<KerasWeights> ReadKerasWeights(Hdf5File& file) {
  std::map<std::string, size_t> groups;  // the number of variables of each group
  for (const auto& [path, kind] : file.entries()) {
    const bool is_variable = IsVariables(ParentOf(path));
    const bool is_dataset = kind == Hdf5File::Kind::kDataset;
    if (is_variable != is_dataset) {
      return file.Malformed(path, is_dataset ? "is not a group" : "is not a dataset");
    }
    if (is_variable) {
      ++groups[std::string(ParentOf(path))];
    } else if (IsVariables(path)) {
      groups.try_emplace(path, 0);
    }
  }
  KerasWeights weights;
  for (const auto& [path, num_values] : groups) {
    RNNSERVE_ASSIGN_OR_RETURN(weights[path], ReadVariables(file, path, num_values));
  }
  return weights;
}

absl::StatusOr<KerasWeights> ReadKerasWeights(absl::string_view hdf5) {
  RNNSERVE_ASSIGN_OR_RETURN(const auto file, Hdf5File::Open(hdf5, kFileName));
  return ReadKerasWeights(*file);
}

absl::StatusOr<WeightTable> AssignWeights(const std::vector<VariableGroup>& groups,
                                          KerasWeights source, OwnerCheck owner_check) {
  WeightTable weights;
  std::map<std::string, const VariableGroup*> assigned;  // by path
  for (const VariableGroup& group : groups) {
    const auto [first, is_new] = assigned.try_emplace(group.path, &group);
    const auto found = source.find(group.path);
    if (!is_new) {
      for (size_t i = 0; i < group.variables.size(); ++i) {
        const Weight& original = weights.at(first->second->variables[i].name);
        weights.insert_or_assign(group.variables[i].name, Copy(original));
      }
    } else if (found == source.end()) {
      if (!group.variables.empty()) return Malformed(group.path, "is missing");
    } else {
      RNNSERVE_RETURN_IF_ERROR(CheckGroup(group, found->second, owner_check));
      for (size_t i = 0; i < group.variables.size(); ++i) {
        weights.insert_or_assign(group.variables[i].name, std::move(found->second.values[i]));
      }
      source.erase(found);
    }
  }
  RNNSERVE_RETURN_IF_ERROR(CheckNothingLeft(source));
  return weights;
}

}  // namespace rnnserve
