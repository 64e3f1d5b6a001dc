// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/session_watchers.h"

#include <algorithm>
#include <utility>

namespace rnnserve {
namespace {

// Compares without lock(): that could make this thread the last owner and so run the watcher's
// destructor under the lock of the session table.
bool IsSame(const std::weak_ptr<SessionWatcher>& a, const std::weak_ptr<SessionWatcher>& b) {
  return !a.owner_before(b) && !b.owner_before(a);
}

}  // namespace

void SessionNews::Tell() const {
  for (const std::weak_ptr<SessionWatcher>& weak : watchers) {
    const std::shared_ptr<SessionWatcher> watcher = weak.lock();
    if (watcher == nullptr) continue;
    if (const auto* left = std::get_if<absl::Duration>(&what)) {
      watcher->OnSessionExpiring(id, *left);
    } else if (const auto* reason = std::get_if<EndReason>(&what)) {
      watcher->OnSessionEnded(id, *reason);
    } else {
      watcher->OnSessionDropped(id);
    }
  }
}

void SessionWatchers::Add(uint32_t session, const std::weak_ptr<SessionWatcher>& watcher) {
  SessionNews::Watchers& watchers = watchers_[session];
  for (const auto& other : watchers) {
    if (IsSame(other, watcher)) return;
  }
  watchers.push_back(watcher);
}

bool SessionWatchers::Remove(uint32_t session, const std::weak_ptr<SessionWatcher>& watcher) {
  const auto it = watchers_.find(session);
  if (it == watchers_.end()) return false;
  SessionNews::Watchers& watchers = it->second;
  const auto is_gone = [&watcher](const std::weak_ptr<SessionWatcher>& other) {
    return other.expired() || IsSame(other, watcher);
  };
  watchers.erase(std::remove_if(watchers.begin(), watchers.end(), is_gone), watchers.end());
  if (!watchers.empty()) return true;
  watchers_.erase(it);
  return false;
}

SessionNews::Watchers SessionWatchers::Of(uint32_t session) const {
  const auto it = watchers_.find(session);
  return it == watchers_.end() ? SessionNews::Watchers() : it->second;
}

SessionNews::Watchers SessionWatchers::Take(uint32_t session) {
  const auto it = watchers_.find(session);
  if (it == watchers_.end()) return {};
  SessionNews::Watchers watchers = std::move(it->second);
  watchers_.erase(it);
  return watchers;
}

}  // namespace rnnserve
