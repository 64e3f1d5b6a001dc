// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/checks/input_arrangement.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"

namespace rnnserve {
namespace {

std::string NamesOf(const Model& model) {
  return absl::StrJoin(model.inputs(), ", ", [](std::string* out, const Model::Input& input) {
    absl::StrAppend(out, "'", input.name, "'");
  });
}

// Checks that an input without a name is that of the model.
absl::Status CheckHasOneInput(const Model& model) {
  const size_t count = model.inputs().size();
  if (count == 1) return absl::OkStatus();
  return InvalidArgument("INPUT_UNKNOWN",
                         absl::StrCat("the input has no name, and the model has ", count,
                                      " inputs; give all of them in 'inputs': ", NamesOf(model)));
}

bool AreArranged(const Model& model, const NamedInputs& inputs) {
  return std::equal(inputs.begin(), inputs.end(), model.inputs().begin(), model.inputs().end(),
                    [](const NamedInput& input, const Model::Input& expected) {
                      return input.name == expected.name;
                    });
}

absl::Status CheckKnown(const Model& model, const NamedInputs& inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto has_name = [&](const auto& other) { return other.name == inputs[i].name; };
    if (std::none_of(model.inputs().begin(), model.inputs().end(), has_name)) {
      return InvalidArgument("INPUT_UNKNOWN",
                             absl::StrCat("the name of inputs[", i,
                                          "] is not one of the model's inputs, ", NamesOf(model)));
    }
    if (std::any_of(inputs.begin(), inputs.begin() + static_cast<ptrdiff_t>(i), has_name)) {
      return InvalidArgument(
          "INPUT_TWICE", absl::StrCat("inputs[", i, "] repeats the name of an input before it"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ArrangeInputs(const Model& model, NamedInputs& inputs) {
  const size_t count = model.inputs().size();
  if (inputs.size() == 1 && inputs.front().name.empty()) return CheckHasOneInput(model);
  if (AreArranged(model, inputs)) return absl::OkStatus();
  RNNSERVE_RETURN_IF_ERROR(CheckKnown(model, inputs));
  NamedInputs arranged;
  arranged.reserve(count);
  for (const Model::Input& expected : model.inputs()) {
    const auto found = std::find_if(inputs.begin(), inputs.end(), [&](const NamedInput& input) {
      return input.name == expected.name;
    });
    if (found == inputs.end()) {
      return InvalidArgument("INPUT_MISSING",
                             absl::StrCat("input '", expected.name, "' is missing; ", inputs.size(),
                                          " of ", count, " are given"));
    }
    arranged.push_back(std::move(*found));
  }
  inputs = std::move(arranged);
  return absl::OkStatus();
}

}  // namespace rnnserve
