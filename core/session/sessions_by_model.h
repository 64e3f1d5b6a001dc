// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_SESSIONS_BY_MODEL_H_
#define RNNSERVE_CORE_SESSION_SESSIONS_BY_MODEL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "core/model/model.h"
#include "core/session/arena.h"
#include "core/session/pinned_model.h"

namespace rnnserve {

// The data that all open sessions of one model share, kept once instead of in each session. Private
// to this folder.
struct SessionsOfModel : std::enable_shared_from_this<SessionsOfModel> {
  SessionsOfModel(std::string model_name, PinnedModel opened_with, Arena& arena)
      : name(std::move(model_name)),
        model(std::move(opened_with.model)),
        host(std::move(opened_with.host)),
        states(arena) {}

  int64_t state_bytes() const { return model->state_layout().bytes(); }

  // Constant.
  const std::string name;
  const std::shared_ptr<const Model> model;
  const std::shared_ptr<SessionHost> host;

  // Guarded by the lock of the session table.
  Arena& states;  // of all models whose states have this size
  int64_t num_sessions = 0;
};

using SessionsOfModelPtr = std::shared_ptr<const SessionsOfModel>;

// The models that have open sessions, the arenas of their states, and the usage of each model and
// of all together. Private to this folder. Owns the arenas. Thread-compatible.
class SessionsByModel {
 public:
  // A number of sessions and the memory that their states take.
  struct Usage {
    int64_t sessions = 0;
    int64_t state_bytes = 0;
  };

  // Returns the entry of a model; a new entry has no sessions. REQUIRES: the caller calls Count
  // next.
  SessionsOfModel& FindOrAdd(const std::string& name, const PinnedModel& model);
  // Counts one session more (1) or fewer (-1). The entry is removed with its last session. The
  // returned pointer may be the last reference to it, so the caller decides where the model is
  // destroyed.
  SessionsOfModelPtr Count(SessionsOfModel& model, int64_t difference);

  Usage usage(absl::string_view name) const;
  Usage usage(absl::string_view name, const Model& model) const;
  const Usage& total() const { return total_; }

 private:
  // The key is the size of a state in bytes. An arena is never removed; an unused one keeps at most
  // one chunk.
  absl::flat_hash_map<int64_t, std::unique_ptr<Arena>> arenas_;
  // The key is the name and the model, because the name may be given to another model while
  // sessions are open.
  absl::btree_map<std::pair<std::string, const Model*>, std::shared_ptr<SessionsOfModel>> models_;
  Usage total_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_SESSIONS_BY_MODEL_H_
