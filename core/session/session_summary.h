// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_SESSION_SUMMARY_H_
#define RNNSERVE_CORE_SESSION_SESSION_SUMMARY_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "core/session/durability.h"

namespace rnnserve {

class Model;

// An open session as a listing describes it.
struct SessionSummary {
  std::string id;
  std::string model_name;
  uint64_t version = 0;
  uint64_t epoch = 1;
  bool detached = true;
  absl::Duration idle;
  int64_t state_bytes = 0;
  Durability durability = Durability::kNone;
  uint64_t durable_version = 0;
  std::string model_digest{};  // of the model that it was opened with
  bool is_spilled = false;     // it is only in the snapshot store; never set by SessionTable
};

// Selects the sessions that a listing includes.
struct SessionFilter {
  std::string model_name{};      // empty: any model
  std::string id_prefix{};       // empty: any id
  absl::Duration min_idle{};     // the shortest time without a call; a session in use is not idle
  const Model* model = nullptr;  // the model that they were opened with; null: any
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_SESSION_SUMMARY_H_
