// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/stream_call.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/engine/engine.h"
#include "server/status_mapping.h"
#include "server/stream_registry.h"

namespace rnnserve::server {
namespace {

// As many actions as one message may hold: a full message can always be read.
constexpr int kMaxActions = 4096;
constexpr int64_t kMaxOutstanding = 4096;
// A quarter of the 4 MiB that a gRPC client accepts by default, so that a message with one more
// result still fits.
constexpr size_t kMaxUnwrittenBytes = 1 << 20;

// More actions of one message than that are not put off until all have been begun.
constexpr int kMaxBurstActions = 8;

// Of a stream that sends one after another before it is answered; more are made and dropped.
constexpr size_t kKeptRequests = 4;

absl::Status CheckMessage(const v1::StreamRequest& request) {
  if (request.actions_size() < 1 || request.actions_size() > kMaxActions) {
    return InvalidArgument(
        "STREAM_ACTIONS",
        absl::StrCat(request.actions_size(), " actions in a message, but 1 to ", kMaxActions));
  }
  for (int i = 0; i < request.actions_size(); ++i) {
    if (request.actions(i).kind_case() == v1::StreamAction::KIND_NOT_SET) {
      return InvalidArgument("STREAM_ACTIONS", absl::StrCat("action ", i, " has no kind"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

StreamCall* StreamCall::Start(const Clock& clock, const SessionCalls& calls, Metrics& metrics,
                              StreamRegistry& streams, absl::Time deadline) {
  std::shared_ptr<StreamCall> stream(new StreamCall(clock, calls, metrics, streams, deadline));
  stream->self_ = stream;
  metrics.OnStreamOpened();
  if (const absl::Status status = streams.Add(stream); !status.ok()) {
    absl::MutexLock lock(&stream->mu_);
    stream->EndLocked(status);
  }
  stream->Advance();
  return stream.get();
}

StreamCall::StreamCall(const Clock& clock, const SessionCalls& calls, Metrics& metrics,
                       StreamRegistry& streams, absl::Time deadline)
    : clock_(clock),
      calls_(calls),
      metrics_(metrics),
      streams_(streams),
      deadline_(deadline),
      requests_(MessagePool<v1::StreamRequest>::Create(kKeptRequests)),
      reading_(requests_->Take()) {}

absl::Status StreamCall::DrainingError() {
  return MakeError(absl::StatusCode::kUnavailable, "DRAINING", "the server is draining");
}

void StreamCall::TellMoving() {
  std::vector<std::string> ids;
  {
    absl::MutexLock lock(&mu_);
    if (is_broken_ || is_ending_) return;
    ids = sessions_.Watched();
    sessions_.OnMoving();
  }
  for (const std::string& id : ids) {
    const std::optional<std::string> token = calls_.ResumeTokenOf(id);
    if (!token.has_value()) continue;  // it has ended since
    absl::MutexLock lock(&mu_);
    if (!is_broken_ && !is_finishing_) sessions_.OnMoving(id, *token);
  }
  Advance();
}

void StreamCall::OnSessionExpiring(absl::string_view id, absl::Duration left) {
  {
    absl::MutexLock lock(&mu_);
    if (is_broken_ || is_finishing_) return;
    sessions_.OnExpiring(id, left);
  }
  Advance();
}

void StreamCall::OnSessionEnded(absl::string_view id, EndReason reason) {
  {
    absl::MutexLock lock(&mu_);
    if (is_broken_ || is_finishing_) return;
    sessions_.OnEnded(id, reason);
  }
  Advance();
}

void StreamCall::OnSessionDropped(absl::string_view id) {
  absl::MutexLock lock(&mu_);
  sessions_.OnDropped(id);
}

void StreamCall::Drain() {
  {
    absl::MutexLock lock(&mu_);
    EndLocked(DrainingError());
  }
  Advance();
}

void StreamCall::OnReadDone(bool ok) {
  Request request;
  {
    absl::MutexLock lock(&mu_);
    if (!ok) EndLocked(absl::OkStatus());
    // A message that was read while the stream already ends is not begun: the client sees the
    // status and that it has no result.
    if (ok && !is_ending_) {
      if (const absl::Status status = CheckMessage(*reading_); !status.ok()) {
        EndLocked(status);
      } else {
        request = std::exchange(reading_, requests_->Take());
        outstanding_ += request->actions_size();
        for (const v1::StreamAction& action : request->actions()) sessions_.OnAction(action);
      }
    }
  }
  // Many at once are better begun by a worker while the rest is still being read.
  std::optional<Engine::Burst> burst;
  if (request != nullptr && request->actions_size() <= kMaxBurstActions) burst.emplace();
  if (request != nullptr) StartActions(request);
  {
    absl::MutexLock lock(&mu_);
    // Only now: another thread could otherwise read the next message and overtake this one.
    is_reading_ = false;
  }
  Advance();
}

void StreamCall::OnWriteDone(bool ok) {
  {
    absl::MutexLock lock(&mu_);
    is_writing_ = false;
    if (!ok) {
      is_broken_ = true;
      unwritten_.clear();
      unwritten_bytes_ = 0;
      sessions_.DropNotices();
      EndLocked(absl::OkStatus());
    }
  }
  Advance();
}

void StreamCall::OnCancel() { cancellation_->Cancel(); }

void StreamCall::OnDone() {
  streams_.Remove(this);
  std::vector<std::string> watched;
  {
    absl::MutexLock lock(&mu_);
    watched = sessions_.Watched();
  }
  for (const std::string& id : watched) calls_.Unwatch(id, self_);
  metrics_.OnStreamClosed();
  self_.reset();
}

bool StreamCall::ReadIsDue() const {
  return !is_reading_ && !is_issuing_read_ && !is_ending_ && outstanding_ < kMaxOutstanding &&
         unwritten_bytes_ < kMaxUnwrittenBytes;
}

bool StreamCall::WriteIsDue() const {
  return !is_writing_ && (!unwritten_.empty() || sessions_.has_notices());
}

bool StreamCall::FinishIsDue() const {
  return is_ending_ && !is_finishing_ && !is_issuing_read_ && !is_writing_ && outstanding_ == 0 &&
         unwritten_.empty() && !sessions_.has_notices();
}

void StreamCall::Advance() {
  const std::shared_ptr<StreamCall> keep_alive = shared_from_this();
  bool read = false;
  bool write = false;
  bool finish = false;
  do {
    absl::Status status;
    std::vector<std::string> bound_sessions;
    {
      absl::MutexLock lock(&mu_);
      if (read) is_issuing_read_ = false;
      read = ReadIsDue();
      if (read) is_reading_ = is_issuing_read_ = true;
      write = WriteIsDue();
      if (write) {
        is_writing_ = true;
        FillMessageLocked();
      }
      finish = FinishIsDue();
      if (finish) {
        is_finishing_ = true;
        status = final_status_;
        bound_sessions = sessions_.TakeBound();
      }
    }
    if (read) StartRead(reading_.get());
    if (write) StartWrite(&writing_);
    if (finish) {
      for (const std::string& session_id : bound_sessions) calls_.EndWithStream(session_id);
      Finish(ToGrpcStatus(status));
    }
    // Another round after a read was issued: only now may a Finish that waited for it be due.
  } while (read);
}

void StreamCall::FillMessageLocked() {
  writing_.Clear();
  size_t bytes = 0;
  while (!unwritten_.empty() && bytes < kMaxUnwrittenBytes) {
    bytes += unwritten_.front().bytes;
    *writing_.add_results() = std::move(unwritten_.front().result);
    unwritten_.pop_front();
  }
  unwritten_bytes_ -= bytes;
  if (bytes < kMaxUnwrittenBytes) sessions_.TakeNotices(kMaxUnwrittenBytes - bytes, writing_);
}

void StreamCall::EndLocked(const absl::Status& status) {
  if (!is_ending_) final_status_ = status;
  is_ending_ = true;
}

void StreamCall::StartActions(const Request& request) {
  for (const v1::StreamAction& action : request->actions()) StartAction(request, action);
}

void StreamCall::StartAction(const Request& request, const v1::StreamAction& action) {
  switch (action.kind_case()) {
    case v1::StreamAction::kOpen:
      return calls_.Open(action.open(), action.open().detached(),
                         MakeReply<v1::OpenSessionResponse>(
                             request, action, Method::kStreamOpen,
                             [](v1::OpenSessionResponse response, v1::StreamResult& result) {
                               *result.mutable_open() = std::move(response);
                             }));
    case v1::StreamAction::kStep:
      return calls_.Step(
          action.step(), {deadline_, cancellation_},
          MakeReply<v1::StepResponse>(request, action, Method::kStreamStep,
                                      [](v1::StepResponse response, v1::StreamResult& result) {
                                        *result.mutable_step() = std::move(response);
                                      }));
    case v1::StreamAction::kStepSessions:
      return calls_.StepSessions(
          action.step_sessions(), {deadline_, cancellation_},
          MakeReply<v1::StepSessionsResponse>(
              request, action, Method::kStreamStepSessions,
              [](v1::StepSessionsResponse response, v1::StreamResult& result) {
                *result.mutable_step_sessions() = std::move(response);
              }));
    case v1::StreamAction::kReset:
      return calls_.Reset(action.reset(),
                          MakeReply<v1::ResetStateResponse>(
                              request, action, Method::kStreamReset,
                              [](v1::ResetStateResponse response, v1::StreamResult& result) {
                                *result.mutable_reset() = std::move(response);
                              }));
    case v1::StreamAction::kGetState:
      return calls_.GetState(action.get_state(),
                             MakeReply<v1::GetStateResponse>(
                                 request, action, Method::kStreamGetState,
                                 [](v1::GetStateResponse response, v1::StreamResult& result) {
                                   *result.mutable_get_state() = std::move(response);
                                 }));
    case v1::StreamAction::kSetState:
      return calls_.SetState(action.set_state(),
                             MakeReply<v1::SetStateResponse>(
                                 request, action, Method::kStreamSetState,
                                 [](v1::SetStateResponse response, v1::StreamResult& result) {
                                   *result.mutable_set_state() = std::move(response);
                                 }));
    case v1::StreamAction::kClose:
      return calls_.Close(action.close(),
                          MakeReply<v1::CloseSessionResponse>(
                              request, action, Method::kStreamClose,
                              [](v1::CloseSessionResponse response, v1::StreamResult& result) {
                                *result.mutable_close() = std::move(response);
                              }));
    case v1::StreamAction::kAttach:
      return calls_.Attach(action.attach(),
                           MakeReply<v1::AttachSessionResponse>(
                               request, action, Method::kStreamAttach,
                               [](v1::AttachSessionResponse response, v1::StreamResult& result) {
                                 *result.mutable_attach() = std::move(response);
                               }));
    case v1::StreamAction::kFork:
      return calls_.Fork(action.fork(), action.fork().detached(),
                         MakeReply<v1::ForkSessionResponse>(
                             request, action, Method::kStreamFork,
                             [](v1::ForkSessionResponse response, v1::StreamResult& result) {
                               *result.mutable_fork() = std::move(response);
                             }));
    case v1::StreamAction::KIND_NOT_SET:
      return;  // CheckMessage has refused it
  }
}

template <typename Response, typename Set>
Reply<Response> StreamCall::MakeReply(const Request& request, const v1::StreamAction& action,
                                      Method method, Set set) {
  // The request is held until the reply: the engine reads its tensors where they lie.
  return [this, keep_alive = shared_from_this(), request, &action,
          &metrics = metrics_.ForMethod(method), begin = clock_.Now(),
          set = std::move(set)](absl::StatusOr<Response> response) mutable {
    metrics.OnRequest(response.status(), clock_.Now() - begin);
    v1::StreamResult result;
    result.set_tag(action.tag());
    if (response.ok()) {
      set(*std::move(response), result);
    } else {
      *result.mutable_error() = ToRpcStatus(response.status());
    }
    Deliver(action, std::move(result));
  };
}

void StreamCall::Deliver(const v1::StreamAction& action, v1::StreamResult result) {
  const size_t bytes = result.ByteSizeLong();
  Unwritten unwritten{std::move(result), bytes};
  std::vector<std::string> unwatched;
  {
    absl::MutexLock lock(&mu_);
    unwatched = sessions_.OnResult(action, unwritten.result);
    if (unwatched.empty()) AddResultLocked(unwritten);
  }
  // The first use of a session, once: it takes the lock of all sessions.
  if (!unwatched.empty()) {
    for (const std::string& id : unwatched) calls_.Watch(id, shared_from_this());
    absl::MutexLock lock(&mu_);
    AddResultLocked(unwritten);
  }
  Advance();
}

void StreamCall::AddResultLocked(Unwritten& unwritten) {
  --outstanding_;
  if (is_broken_) return;
  unwritten_bytes_ += unwritten.bytes;
  unwritten_.push_back(std::move(unwritten));
}

}  // namespace rnnserve::server
