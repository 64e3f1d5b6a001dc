// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_CONFINED_PROCESS_H_
#define RNNSERVE_CORE_IMPORT_CONFINED_PROCESS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace rnnserve {

// The limits on what a confined process may use.
struct ProcessLimits {
  uint64_t memory_bytes = 0;  // of address space; not enforced under a sanitizer
  uint64_t cpu_s = 0;
};

// Runs `work` in a forked process and returns its result: the text, or the error with its code and
// reason. If `work` does not return, the error is:
//
//   INVALID_ARGUMENT, MODEL_FORMAT          it crashed or ended without a result
//   RESOURCE_EXHAUSTED, MODEL_TOO_LARGE     it exceeded a limit, or the system killed it
//   RESOURCE_EXHAUSTED, PROCESS             no process could be started
//
// The forked process writes no core dump and ends when this process ends. Blocks until the forked
// process has ended. REQUIRES: no other thread runs, because a fork has only the thread that called
// it.
absl::StatusOr<std::string> RunConfined(const ProcessLimits& limits,
                                        const std::function<absl::StatusOr<std::string>()>& work);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_CONFINED_PROCESS_H_
