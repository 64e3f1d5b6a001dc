// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_CONFINED_PROCESS_H_
#define RNNSERVE_CORE_IMPORT_CONFINED_PROCESS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace rnnserve {

// What a confined process may use.
struct ProcessLimits {
  uint64_t memory_bytes = 0;  // of address space; not enforced under a sanitizer
  uint64_t cpu_s = 0;
};

// Runs `work` in a process of its own, a fork of this one, and returns what it returned: its text,
// or its error with code and reason. A fault in `work` is an error here:
//
//   INVALID_ARGUMENT, MODEL_FORMAT          a signal ended it ("the file is damaged")
//   RESOURCE_EXHAUSTED, MODEL_TOO_LARGE     it needed more memory or computing time
//   RESOURCE_EXHAUSTED, PROCESS             there is no process to be had
//
// The process writes no core dump and ends with this one. Blocks. To be called while no other
// thread runs: a fork has only the one that made it.
absl::StatusOr<std::string> RunConfined(const ProcessLimits& limits,
                                        const std::function<absl::StatusOr<std::string>()>& work);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_CONFINED_PROCESS_H_
