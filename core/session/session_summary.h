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
struct Session;

// What a list tells of an open session.
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
  bool is_spilled = false;     // not in memory; never so of what SessionTable gives
};

// Which sessions are listed.
struct SessionFilter {
  std::string model_name{};      // empty: of all models
  std::string id_prefix{};       // empty: all
  absl::Duration min_idle{};     // without a call; a session that is in use is not idle
  const Model* model = nullptr;  // null: any; else the one that they were opened with
};

// As of `now`, in nanoseconds from the clock's origin. REQUIRES: the lock of its store is held.
SessionSummary Summarize(const Session& session, int64_t now);

// Whether it is one of them, but for its id. REQUIRES: the lock of its store is held.
bool IsListed(const Session& session, const SessionFilter& filter, int64_t now);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_SESSION_SUMMARY_H_
