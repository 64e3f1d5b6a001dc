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

// `mu_` guards the state that three sources of events share: gRPC's reactions (at most one
// OnReadDone and one OnWriteDone at a time), the engine's workers (replies and watcher calls, many
// at a time) and the thread that drains the server. `mu_` is held only for bookkeeping, never while
// gRPC, the engine, the registry or the metrics are called, and no callback runs under it. The only
// lock taken under it belongs to the message pool, which takes no further lock. So no thread waits
// for `mu_` for long, and no deadlock can involve it.
//
// Each event records itself under `mu_` and then calls Advance, which decides under `mu_` what is
// due and issues it after releasing the lock. The flags is_reading_, is_writing_ and is_finishing_
// are set under `mu_` before the operation is issued, so two threads in Advance never issue the
// same one. `reading_` and `writing_` need no lock: from then until gRPC reports the operation as
// done, only the thread that set the flag and gRPC touch them.

namespace rnnserve::server {
namespace {

// The most actions in one message, as the API documents.
constexpr int kMaxActions = 4096;
// Reading pauses while this many actions are outstanding.
constexpr int64_t kMaxOutstanding = 4096;
// A quarter of the 4 MiB that a gRPC client accepts by default, so that a message that exceeds this
// by one result still fits.
constexpr size_t kMaxUnwrittenBytes = 1 << 20;

// The most actions of one message that are started in one burst, that is, whose cell steps may wait
// until all have been started. In a longer message, a worker begins with the first actions while
// the rest are still being started.
constexpr int kMaxBurstActions = 8;

// The messages that a stream keeps for reuse: enough for a client that sends a few before it gets
// an answer. Further messages are allocated and freed.
constexpr size_t kKeptRequests = 4;

absl::Status CheckMessage(const v1::StreamRequest& request) {
  if (request.actions_size() < 1 || request.actions_size() > kMaxActions) {
    return InvalidArgument("STREAM_ACTIONS",
                           absl::StrCat(request.actions_size(),
                                        " actions in a message, but must be 1 to ", kMaxActions));
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
    if (!token.has_value()) continue;  // the session has ended since
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
    // The actions of a message that arrives while the stream is ending are not started: the client
    // sees the stream's status, and no results for them.
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
  // Long messages get no burst, so that a worker begins with the first actions while this thread
  // is still starting the rest.
  std::optional<Engine::Burst> burst;
  if (request != nullptr && request->actions_size() <= kMaxBurstActions) burst.emplace();
  if (request != nullptr) {
    for (const v1::StreamAction& action : request->actions()) StartAction({request, &action});
  }
  {
    absl::MutexLock lock(&mu_);
    // Only now may another thread read the next message, which could otherwise overtake this one.
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
    // A Finish may have waited until the read was issued, so take another round.
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

void StreamCall::StartAction(Action action) {
  using Calls = SessionCalls;
  using Result = v1::StreamResult;
  const v1::StreamAction& a = *action;
  switch (a.kind_case()) {
    case v1::StreamAction::kOpen:
      return Run(std::move(action), Method::kStreamOpen, &Calls::Open, a.open(),
                 &Result::mutable_open);
    case v1::StreamAction::kStep:
      return Run(std::move(action), Method::kStreamStep, &Calls::Step, a.step(),
                 &Result::mutable_step);
    case v1::StreamAction::kStepSessions:
      return Run(std::move(action), Method::kStreamStepSessions, &Calls::StepSessions,
                 a.step_sessions(), &Result::mutable_step_sessions);
    case v1::StreamAction::kReset:
      return Run(std::move(action), Method::kStreamReset, &Calls::Reset, a.reset(),
                 &Result::mutable_reset);
    case v1::StreamAction::kGetState:
      return Run(std::move(action), Method::kStreamGetState, &Calls::GetState, a.get_state(),
                 &Result::mutable_get_state);
    case v1::StreamAction::kSetState:
      return Run(std::move(action), Method::kStreamSetState, &Calls::SetState, a.set_state(),
                 &Result::mutable_set_state);
    case v1::StreamAction::kClose:
      return Run(std::move(action), Method::kStreamClose, &Calls::Close, a.close(),
                 &Result::mutable_close);
    case v1::StreamAction::kAttach:
      return Run(std::move(action), Method::kStreamAttach, &Calls::Attach, a.attach(),
                 &Result::mutable_attach);
    case v1::StreamAction::kFork:
      return Run(std::move(action), Method::kStreamFork, &Calls::Fork, a.fork(),
                 &Result::mutable_fork);
    case v1::StreamAction::KIND_NOT_SET:
      return;  // CheckMessage has refused the message
  }
}

template <typename ActionRequest, typename Response>
void StreamCall::Run(Action action, Method method,
                     SessionCalls::Call<ActionRequest, Response> function,
                     const ActionRequest& request, ResultField<Response> field) {
  (calls_.*function)(request, MakeReply(std::move(action), method, field));
}

template <typename ActionRequest, typename Response>
void StreamCall::Run(Action action, Method method,
                     SessionCalls::LimitedCall<ActionRequest, Response> function,
                     const ActionRequest& request, ResultField<Response> field) {
  (calls_.*function)(request, {deadline_, cancellation_},
                     MakeReply(std::move(action), method, field));
}

template <typename Response>
Reply<Response> StreamCall::MakeReply(Action action, Method method, ResultField<Response> field) {
  // The action keeps its message until the reply, because the engine reads the tensors in place.
  return [this, keep_alive = shared_from_this(), action = std::move(action), field,
          &metrics = metrics_.ForMethod(method),
          begin = clock_.Now()](absl::StatusOr<Response> response) mutable {
    metrics.OnRequest(response.status(), clock_.Now() - begin);
    v1::StreamResult result;
    result.set_tag(action->tag());
    if (response.ok()) {
      *(result.*field)() = *std::move(response);
    } else {
      *result.mutable_error() = ToRpcStatus(response.status());
    }
    Deliver(*action, std::move(result));
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
  // Watching takes the lock of the session table, but is done only at the first use of a session.
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
