// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/sessions_by_model.h"

namespace rnnserve {

SessionsOfModel& SessionsByModel::FindOrAdd(const std::string& name, const PinnedModel& model) {
  std::shared_ptr<SessionsOfModel>& found = models_[{name, model.model.get()}];
  if (found == nullptr) {
    const int64_t state_bytes = model.model->state_layout().bytes();
    std::unique_ptr<Arena>& arena = arenas_[state_bytes];
    if (arena == nullptr) arena = std::make_unique<Arena>(state_bytes);
    found = std::make_shared<SessionsOfModel>(name, model, *arena);
  }
  return *found;
}

SessionsOfModelPtr SessionsByModel::Count(SessionsOfModel& model, int64_t difference) {
  SessionsOfModelPtr kept = model.shared_from_this();
  model.num_sessions += difference;
  total_.sessions += difference;
  total_.state_bytes += difference * model.state_bytes();
  if (model.num_sessions == 0) models_.erase({model.name, model.model.get()});
  return kept;
}

SessionsByModel::Usage SessionsByModel::usage(absl::string_view name) const {
  Usage usage;
  for (auto it = models_.lower_bound({std::string(name), nullptr});
       it != models_.end() && it->first.first == name; ++it) {
    usage.sessions += it->second->num_sessions;
    usage.state_bytes += it->second->num_sessions * it->second->state_bytes();
  }
  return usage;
}

SessionsByModel::Usage SessionsByModel::usage(absl::string_view name, const Model& model) const {
  const auto it = models_.find({std::string(name), &model});
  if (it == models_.end()) return {};
  return {it->second->num_sessions, it->second->num_sessions * it->second->state_bytes()};
}

}  // namespace rnnserve
