// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/layers/layer_traits.h"

#include <utility>

#include "core/base/status_macros.h"

namespace rnnserve {

LayerVariables LayerVariables::Of(std::vector<LayerVariable> variables) {
  return ChosenBy([variables = std::move(variables)](const KerasConfig& /*config*/)
                      -> absl::StatusOr<std::vector<LayerVariable>> { return variables; });
}

absl::StatusOr<std::vector<LayerVariable>> LayerVariables::MadeFor(
    const KerasConfig& config) const {
  RNNSERVE_ASSIGN_OR_RETURN(std::vector<LayerVariable> variables, function_(config));
  std::vector<LayerVariable> made;
  for (LayerVariable& variable : variables) {
    bool is_made = true;
    if (!variable.option.empty()) {
      RNNSERVE_ASSIGN_OR_RETURN(is_made, config.Bool(variable.option, variable.option_default));
    }
    if (is_made) made.push_back(std::move(variable));
  }
  return made;
}

}  // namespace rnnserve
