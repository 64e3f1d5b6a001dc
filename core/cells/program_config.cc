// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/program_config.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/program/read_program.h"

namespace rnnserve {

absl::StatusOr<ProgramConfig> ProgramConfig::Read(const KerasConfig& config) {
  RNNSERVE_RETURN_IF_ERROR(config.CheckDtypePolicy());
  ProgramConfig read;
  RNNSERVE_ASSIGN_OR_RETURN(const std::string training, config.String("training", ""));
  if (!training.empty() && training != "same") {
    return config.Error(absl::StrCat("'training' is '", training.substr(0, 64),
                                     "'; it is \"same\" if the program computes the same in ",
                                     "training, else it is left out"));
  }
  read.is_same_in_training = training == "same";
  if (!config.Has("program")) return config.Error("'program' is missing");
  RNNSERVE_ASSIGN_OR_RETURN(read.program, ReadProgram(config.Raw("program"), config.path()));
  return read;
}

std::string ProgramConfig::no_training_reason() const {
  if (is_same_in_training) return "";
  return "it runs a program, which describes inference only; \"training\": \"same\" in its "
         "configuration would say that the program computes the same in training";
}

std::vector<StateSpec> ProgramConfig::states() const {
  std::vector<StateSpec> states;
  for (const Program::State& state : program.states) {
    states.push_back({name(state.value), shape(state.value)});
  }
  return states;
}

}  // namespace rnnserve
