// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/stream_sessions.h"

namespace rnnserve::server {

void StreamSessions::OnAction(const v1::StreamAction& action) {
  if (action.has_close()) ++uses_[action.close().session_id()].num_closing;
}

std::vector<std::string> StreamSessions::OnResult(const v1::StreamAction& action,
                                                  const v1::StreamResult& result) {
  std::vector<std::string> unwatched;
  // A session that was opened or attached to may have ended and been opened again since it was
  // last watched, so it is always watched again.
  const auto begin = [&](const std::string& id, bool is_bound) {
    Use& use = uses_[id];
    use.is_watched = true;
    use.is_bound = use.is_bound || is_bound;
    unwatched.push_back(id);
  };
  const auto step = [&](const std::string& id) {
    if (!notices_.empty()) notices_.erase({id, v1::StreamNotice::kExpiring});
    if (IsWatched(id)) return;
    uses_[id].is_watched = true;
    unwatched.push_back(id);
  };
  switch (result.kind_case()) {
    case v1::StreamResult::kOpen:
      begin(result.open().session_id(), !action.open().detached());
      break;
    case v1::StreamResult::kAttach:
      begin(result.attach().session_id(), false);
      break;
    case v1::StreamResult::kFork:
      for (const std::string& id : result.fork().session_ids()) {
        begin(id, !action.fork().detached());
      }
      break;
    case v1::StreamResult::kStep:
      step(action.step().session_id());
      break;
    case v1::StreamResult::kStepSessions:
      for (int i = 0; i < result.step_sessions().versions_size(); ++i) {
        // A session that failed has version 0.
        if (result.step_sessions().versions(i) > 0) step(action.step_sessions().session_ids(i));
      }
      break;
    default:
      break;
  }
  if (action.has_close()) {
    const auto use = uses_.find(action.close().session_id());
    --use->second.num_closing;
    if (!use->second.is_watched && use->second.num_closing == 0) uses_.erase(use);
  }
  return unwatched;
}

bool StreamSessions::IsWatched(absl::string_view id) const {
  const auto use = uses_.find(id);
  return use != uses_.end() && use->second.is_watched;
}

v1::StreamNotice& StreamSessions::NoticeOf(absl::string_view id, v1::StreamNotice::KindCase kind) {
  v1::StreamNotice& notice = notices_[{std::string(id), kind}];
  notice.set_session_id(std::string(id));
  return notice;
}

void StreamSessions::OnExpiring(absl::string_view id, absl::Duration left) {
  if (!IsWatched(id)) return;
  NoticeOf(id, v1::StreamNotice::kExpiring)
      .mutable_expiring()
      ->set_remaining_ms(absl::ToInt64Milliseconds(left));
}

void StreamSessions::OnEnded(absl::string_view id, EndReason reason) {
  const auto use = uses_.find(id);
  if (use == uses_.end() || !use->second.is_watched) return;
  use->second.is_watched = use->second.is_bound = false;
  notices_.erase({std::string(id), v1::StreamNotice::kExpiring});
  notices_.erase({std::string(id), v1::StreamNotice::kMoving});
  // The client knows what it closed through this stream.
  const bool is_own = use->second.num_closing > 0 && reason == EndReason::kClosed;
  if (!is_own) {
    NoticeOf(id, v1::StreamNotice::kEnded)
        .mutable_ended()
        ->set_reason(std::string(EndReasonName(reason)));
  }
  // If closes have no result yet, the record stays, marked as not watched, because OnResult has to
  // count them down.
  if (use->second.num_closing == 0) uses_.erase(use);
}

void StreamSessions::OnDropped(absl::string_view id) {
  const auto use = uses_.find(id);
  if (use == uses_.end() || !use->second.is_watched) return;
  use->second.is_watched = false;
  notices_.erase({std::string(id), v1::StreamNotice::kExpiring});
  if (use->second.num_closing == 0) uses_.erase(use);
}

void StreamSessions::OnMoving(absl::string_view id, const std::string& resume_token) {
  if (!IsWatched(id)) return;
  v1::SessionMoving& moving = *NoticeOf(id, v1::StreamNotice::kMoving).mutable_moving();
  if (!resume_token.empty()) moving.set_resume_token(resume_token);
}

void StreamSessions::OnMoving() { NoticeOf("", v1::StreamNotice::kMoving).mutable_moving(); }

void StreamSessions::TakeNotices(size_t max_bytes, v1::StreamResponse& message) {
  size_t bytes = 0;
  while (!notices_.empty() && bytes < max_bytes) {
    const auto first = notices_.begin();
    bytes += first->second.ByteSizeLong();
    *message.add_notices() = std::move(first->second);
    notices_.erase(first);
  }
}

std::vector<std::string> StreamSessions::Watched() const {
  std::vector<std::string> ids;
  for (const auto& [id, use] : uses_) {
    if (use.is_watched) ids.push_back(id);
  }
  return ids;
}

std::vector<std::string> StreamSessions::TakeBound() {
  std::vector<std::string> ids;
  absl::erase_if(uses_, [&ids](const auto& entry) {
    if (entry.second.is_bound) ids.push_back(entry.first);
    return entry.second.is_bound;
  });
  return ids;
}

}  // namespace rnnserve::server
