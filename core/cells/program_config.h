// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_PROGRAM_CONFIG_H_
#define RNNSERVE_CORE_CELLS_PROGRAM_CONFIG_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/shape.h"
#include "core/keras/keras_config.h"
#include "core/keras/state_spec.h"
#include "core/program/program.h"

namespace rnnserve {

// The configuration that rnnserve>ProgramCell and rnnserve>Program have in common:
//
//   {"name": ..., "program": {...}, "training": "same"}
//
// A program has no behaviour of its own in training: whoever wrote it down has left out dropout and
// the like. So a run with Keras' training=True is refused, unless `training` is "same". With it the
// writer says that the original computes the same in training as in inference.
//
// A value type.
struct ProgramConfig {
  Program program;
  bool is_same_in_training = false;

  // Errors: INVALID_ARGUMENT, reason MODEL_CONFIG, if there is no program or `training` is anything
  // but "same" or null; UNIMPLEMENTED, reason OPTION_UNSUPPORTED, for an unknown dtype policy; those
  // of ReadProgram.
  static absl::StatusOr<ProgramConfig> Read(const KerasConfig& config);

  // Returns the reason why a run in training would differ from the original; empty if it would not.
  // See Cell::no_training_reason.
  std::string no_training_reason() const;

  const Shape& shape(Program::ValueId value) const { return program.values[value].shape; }
  const std::string& name(Program::ValueId value) const { return program.values[value].name; }
  // Returns the states as clients see them, with the names that they have in the program.
  std::vector<StateSpec> states() const;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_PROGRAM_CONFIG_H_
