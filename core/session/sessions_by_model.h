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

// What the open sessions of one model have in common, so that none of them holds it. Private to
// this folder.
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

  // Guarded by the store's lock.
  Arena& states;  // blocks of this size, those of other models too
  int64_t num_sessions = 0;
};

using SessionsOfModelPtr = std::shared_ptr<const SessionsOfModel>;

// The models that have open sessions, the arenas of their states, and what all of it counts.
// Private to this folder. Thread-compatible.
class SessionsByModel {
 public:
  // What sessions take.
  struct Usage {
    int64_t sessions = 0;
    int64_t state_bytes = 0;
  };

  // The model, with no session if it is new. REQUIRES: Count follows.
  SessionsOfModel& FindOrAdd(const std::string& name, const PinnedModel& model);
  // One session more (1) or less (-1). Without any the model is let go, by whoever drops what this
  // returns: it may be the last reference to it.
  SessionsOfModelPtr Count(SessionsOfModel& model, int64_t difference);

  Usage usage(absl::string_view name) const;
  Usage usage(absl::string_view name, const Model& model) const;
  const Usage& total() const { return total_; }

 private:
  // By state bytes. An arena stays, and keeps at most one chunk without sessions.
  absl::flat_hash_map<int64_t, std::unique_ptr<Arena>> arenas_;
  // By name and model, for the name may be given to another model while there are sessions.
  absl::btree_map<std::pair<std::string, const Model*>, std::shared_ptr<SessionsOfModel>> models_;
  Usage total_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_SESSIONS_BY_MODEL_H_
