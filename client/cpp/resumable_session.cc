// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/cpp/resumable_session.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/error.h"
#include "client/cpp/random_id.h"
#include "client/cpp/target_servers.h"
#include "client/cpp/wire.h"

namespace rnnserve::client {
namespace {

// A single lost message is no reason to leave a connection, but waiting a third time would only
// waste time.
constexpr int kMissesBeforeMoving = 2;
// How long the destructor waits; a session that it fails to close expires.
constexpr absl::Duration kCloseTimeout = absl::Seconds(1);

bool Exists(const absl::Status& status) {
  return status.code() == absl::StatusCode::kAlreadyExists;
}

bool IsUnknownSession(const absl::Status& status) {
  return ErrorReason(status) == "SESSION_UNKNOWN";
}

// Returns whether the error depends only on the content of the step. Then every transmission of the
// step fails in this way, so none can have been performed.
bool IsAboutContent(const absl::Status& status) {
  return status.code() == absl::StatusCode::kInvalidArgument ||
         status.code() == absl::StatusCode::kFailedPrecondition ||
         status.code() == absl::StatusCode::kUnimplemented;
}

absl::Status UnfinishedError(uint64_t step) {
  return absl::FailedPreconditionError(
      absl::StrCat("step ", step, " is unfinished; call FinishStep first"));
}

absl::Status Regressed(uint64_t found, uint64_t durable, uint64_t first) {
  return absl::DataLossError(absl::StrCat("STATE_REGRESSED: the session was found at version ",
                                          found, ", it was durable up to ", durable,
                                          ", and inputs are kept from ", first, " on"));
}

// Returns a seed for the backoff: it differs from session to session and is constant for one
// session.
uint64_t SeedOf(const std::string& id) {
  uint64_t seed = 0xcbf29ce484222325u;  // FNV-1a.
  for (const char c : id) seed = (seed ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  return seed;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ResumableSession>> ResumableSession::Open(
    std::vector<std::string> targets, const std::string& model) {
  return Open(std::move(targets), model, Options());
}

absl::StatusOr<std::unique_ptr<ResumableSession>> ResumableSession::Open(
    std::vector<std::string> targets, const std::string& model, Options options) {
  auto servers = TargetServers::Create(std::move(targets), options.max_message_bytes);
  if (!servers.ok()) return servers.status();
  return Open(*std::move(servers), std::make_shared<MonotonicRetryClock>(), model,
              std::move(options));
}

absl::StatusOr<std::unique_ptr<ResumableSession>> ResumableSession::Open(
    std::unique_ptr<SessionServers> servers, std::shared_ptr<RetryClock> clock,
    const std::string& model, Options options) {
  assert(options.retry_time > absl::ZeroDuration());
  assert(options.attempt_timeout > absl::ZeroDuration());
  if (options.session.session_id.empty()) {
    absl::StatusOr<std::string> id = RandomSessionId();
    if (!id.ok()) return id.status();
    options.session.session_id = *std::move(id);
  }
  v1::OpenSessionRequest request;
  ToMessage(model, options.session, &request);
  request.set_detached(true);
  std::unique_ptr<ResumableSession> session(new ResumableSession(
      std::move(servers), std::move(clock), std::move(options), std::move(request)));
  const absl::Status status = session->OpenFirst();
  if (status.ok()) return session;
  session->Release();
  return status;
}

ResumableSession::ResumableSession(std::unique_ptr<SessionServers> servers,
                                   std::shared_ptr<RetryClock> clock, Options options,
                                   v1::OpenSessionRequest open_request)
    : servers_(std::move(servers)),
      clock_(std::move(clock)),
      options_(std::move(options)),
      open_request_(std::move(open_request)),
      log_(options_.max_log_bytes),
      backoff_(options_.min_backoff, options_.max_backoff, SeedOf(open_request_.session_id())) {}

ResumableSession::~ResumableSession() {
  if (!failure_.ok()) return;
  v1::CloseSessionRequest request;
  request.set_session_id(id());
  request.set_epoch(epoch_);
  (void)servers_->Close(request, kCloseTimeout);
}

absl::Status ResumableSession::OpenFirst() {
  StartTime(options_.retry_time);
  bool may_exist = false;  // an answer was lost, so the session may be open
  while (true) {
    const auto opened = servers_->Open(open_request_, AttemptTimeout());
    if (opened.ok()) {
      model_digest_ = opened->model_digest();
      epoch_ = opened->epoch();
      is_attached_ = true;
      return absl::OkStatus();
    }
    absl::Status status = opened.status();
    if (Exists(status) && may_exist) status = AttachFirst();
    if (status.ok()) return status;
    const StepRemedy remedy = RemedyFor(status);
    if (remedy == StepRemedy::kNone || remedy == StepRemedy::kStop) return status;
    may_exist = may_exist || remedy == StepRemedy::kResend;
    if (remedy != StepRemedy::kWait) servers_->MoveOn();
    if (!WaitBeforeRetry(status)) return status;
  }
}

// The id is this session's own, so a session found under it was opened by an earlier attempt.
absl::Status ResumableSession::AttachFirst() {
  v1::AttachSessionRequest request;
  request.set_session_id(id());
  const auto attached = servers_->Attach(request, AttemptTimeout());
  if (!attached.ok()) return attached.status();
  if (attached->version() > 0) {
    return absl::AlreadyExistsError(
        absl::StrCat("session '", id(), "' is open and has made ", attached->version(), " steps"));
  }
  model_digest_ = attached->model_digest();
  epoch_ = attached->epoch();
  is_attached_ = true;
  return absl::OkStatus();
}

absl::StatusOr<StepResult> ResumableSession::Step(const Tensor& input, const StepOptions& options) {
  return Begin(input, options);
}

absl::StatusOr<StepResult> ResumableSession::Step(const std::vector<NamedTensor>& inputs,
                                                  const StepOptions& options) {
  return Begin(inputs, options);
}

template <typename Inputs>
absl::StatusOr<StepResult> ResumableSession::Begin(const Inputs& inputs,
                                                   const StepOptions& options) {
  if (!failure_.ok()) return failure_;
  if (options.step_index.has_value() || options.epoch.has_value()) {
    return absl::InvalidArgumentError("a resumable session numbers its steps by itself");
  }
  if (has_unfinished_step()) return UnfinishedError(version_);
  v1::StepRequest request;
  ToMessage(id(), inputs, options, &request);
  request.set_step_index(version_);
  // States that the step brings itself win over those of ResetState.
  if (options.initial_state.empty()) ToMessage(next_state_, request.mutable_initial_state());
  log_.Append(std::move(request));
  return FinishStep(options);
}

absl::StatusOr<StepResult> ResumableSession::FinishStep(const CallOptions& options) {
  if (!failure_.ok()) return failure_;
  if (!has_unfinished_step()) return absl::FailedPreconditionError("no step is unfinished");
  StartTime(std::min(options.timeout, options_.retry_time));
  while (true) {
    absl::Status status;
    if (!is_attached_) {
      status = Attach();
    } else if (sent_from_ < version_) {
      status = Replay();
    } else {
      Report();
      absl::StatusOr<StepResult> result = SendUnfinished();
      if (result.ok()) return result;
      status = result.status();
    }
    if (!failure_.ok()) return failure_;
    if (!status.ok() && !PrepareAgain(status)) return GiveUp(status);
  }
}

absl::Status ResumableSession::Attach() {
  if (!resumption_.has_value()) {
    resumption_.emplace();
    resumption_->version_before = version_;
    resumption_->durable_version_before = durable_version_;
    resumption_->epoch_before = epoch_;
  }
  v1::AttachSessionRequest request;
  request.set_session_id(id());
  const auto attached = servers_->Attach(request, AttemptTimeout());
  if (IsUnknownSession(attached.status())) return Reopen(attached.status());
  num_unknown_ = 0;
  if (!attached.ok()) return attached.status();
  return ResumeAt({attached->version(), attached->durable_version(), attached->epoch(),
                   attached->model_digest()});
}

absl::Status ResumableSession::Reopen(const absl::Status& unknown) {
  if (log_.begin() > 0) {
    // A server that does not answer may still hold the session, so the session is lost only when
    // every server says that it has none.
    if (++num_unknown_ >= servers_->size()) {
      resumption_->is_regressed = durable_version_ > 0;
      return Fail(Regressed(0, durable_version_, log_.begin()));
    }
    servers_->MoveOn();
    return absl::OkStatus();
  }
  const auto opened = servers_->Open(open_request_, AttemptTimeout());
  if (Exists(opened.status())) return unknown;  // The session exists after all: attach again.
  if (!opened.ok()) return opened.status();
  resumption_->is_reopened = true;
  return ResumeAt({0, 0, opened->epoch(), opened->model_digest()});
}

absl::Status ResumableSession::ResumeAt(const Place& place) {
  Resumption& resumption = *resumption_;
  resumption.version_found = place.version;
  resumption.epoch = place.epoch;
  resumption.is_regressed = resumption.is_regressed || place.version < durable_version_;
  if (place.model_digest != model_digest_) {
    return Fail(absl::FailedPreconditionError(
        absl::StrCat("MODEL_CHANGED: model '", open_request_.model(),
                     "' differs on the server that holds the session")));
  }
  if (place.version > version_ + (is_in_doubt_ ? 1 : 0)) {
    return Fail(absl::AbortedError(absl::StrCat("another writer took the session over: it has ",
                                                place.version, " steps, of which ", version_,
                                                " are known here")));
  }
  if (place.version < log_.begin()) {
    return Fail(Regressed(place.version, durable_version_, log_.begin()));
  }
  // The session came back at an earlier version than had been reported as durable, so that report
  // no longer counts.
  if (place.version < durable_version_) durable_version_ = place.durable_version;
  durable_version_ = std::max(durable_version_, place.durable_version);
  epoch_ = place.epoch;
  sent_from_ = std::min(place.version, version_);
  // Starts with the last step that the server has: its stored reply shows whether this writer sent
  // it.
  if (sent_from_ > log_.begin() && sent_from_ == place.version) --sent_from_;
  is_attached_ = true;
  num_misses_ = 0;
  ForgetDurable();
  return absl::OkStatus();
}

absl::Status ResumableSession::Replay() {
  const bool is_probe = resumption_.has_value() && sent_from_ < resumption_->version_found;
  const absl::StatusOr<StepResult> result = Send(sent_from_);
  if (ErrorReason(result.status()) == "STEP_TOO_OLD" && is_probe) {
    ++sent_from_;  // Without a stored reply there is nothing to compare.
    return absl::OkStatus();
  }
  if (!result.ok()) return result.status();
  if (absl::Status status = CheckOutputs(sent_from_, *result); !status.ok()) return status;
  // A long replay over a bad network makes progress, so the waits start again from the shortest.
  if (!is_probe) backoff_.Reset();
  ++sent_from_;
  ForgetDurable();
  if (resumption_.has_value() && !result->is_replayed) ++resumption_->num_replayed;
  return absl::OkStatus();
}

absl::Status ResumableSession::CheckOutputs(uint64_t index, const StepResult& result) {
  const std::optional<OutputDigest>& delivered = log_.digest(index);
  if (!delivered.has_value() || *delivered == DigestOf(result.output, result.outputs)) {
    return absl::OkStatus();
  }
  if (resumption_.has_value()) resumption_->has_different_outputs = true;
  if (options_.check != Check::kStop) return absl::OkStatus();
  return Fail(absl::DataLossError(absl::StrCat("OUTPUT_DIFFERS: step ", index,
                                               " gave a different output when it was replayed")));
}

absl::StatusOr<StepResult> ResumableSession::SendUnfinished() {
  absl::StatusOr<StepResult> result = Send(version_);
  if (result.ok()) {
    Deliver(*result);
    return result;
  }
  // The server refuses a step for lack of room before it does any work. For every other error that
  // a retry may repair, the step may have been performed.
  const bool is_sure = RemedyFor(result.status()) == StepRemedy::kNone ||
                       result.status().code() == absl::StatusCode::kResourceExhausted;
  is_in_doubt_ = is_in_doubt_ || !is_sure;
  return result;
}

absl::StatusOr<StepResult> ResumableSession::Send(uint64_t index) {
  const CallOptions attempt{AttemptTimeout()};
  v1::StepRequest& request = log_.request(index);
  request.set_epoch(epoch_);
  request.set_timeout_ms(TimeoutMs(attempt));
  const auto response = servers_->Step(request, attempt.timeout);
  if (!response.ok()) return response.status();
  num_misses_ = 0;
  if (response->version() != index + 1) {
    return Fail(absl::InternalError(
        absl::StrCat("step ", index, " was answered with version ", response->version())));
  }
  durable_version_ = std::max(durable_version_, response->durable_version());
  absl::StatusOr<StepResult> result = FromMessage(*response);
  if (!result.ok()) return Fail(result.status());
  return result;
}

void ResumableSession::Deliver(const StepResult& result) {
  if (options_.check != Check::kOff)
    log_.digest(version_) = DigestOf(result.output, result.outputs);
  sent_from_ = ++version_;
  is_in_doubt_ = false;
  next_state_.clear();
  trouble_began_.reset();
  ForgetDurable();
}

// Keeps the steps that a replay in progress still has to send, and the last one, by which a server
// proves that the session is ours.
void ResumableSession::ForgetDurable() {
  const uint64_t kept =
      std::min(std::max<uint64_t>(options_.num_durable_steps_kept, 1), durable_version_);
  log_.DropBefore(std::min(durable_version_ - kept, sent_from_));
}

bool ResumableSession::PrepareAgain(const absl::Status& status) {
  if (!trouble_began_.has_value()) trouble_began_ = clock_->Now();
  switch (RemedyFor(status)) {
    case StepRemedy::kNone:
      return false;
    case StepRemedy::kStop:
      Fail(status).IgnoreError();
      return false;
    case StepRemedy::kWait:
      break;
    case StepRemedy::kAttach:
      is_attached_ = false;
      break;
    case StepRemedy::kResend:
      if (is_attached_ && ++num_misses_ < kMissesBeforeMoving) break;
      [[fallthrough]];
    case StepRemedy::kMoveOn:
      LeaveServer();
      break;
  }
  return WaitBeforeRetry(status);
}

absl::Status ResumableSession::GiveUp(const absl::Status& status) {
  if (!failure_.ok()) return failure_;
  const bool is_of_unfinished = is_attached_ && sent_from_ == version_;
  const bool is_refused = RemedyFor(status) == StepRemedy::kNone;
  if (is_in_doubt_ && !(is_of_unfinished && is_refused && IsAboutContent(status))) {
    return WithText(
        status, absl::StrCat(status.message(), "; step ", version_, " may have been performed"));
  }
  log_.RemoveLast();
  is_in_doubt_ = false;
  return status;
}

absl::Status ResumableSession::Fail(absl::Status status) {
  failure_ = std::move(status);
  Report();
  return failure_;
}

void ResumableSession::Report() {
  if (!resumption_.has_value()) return;
  resumption_->duration = clock_->Now() - trouble_began_.value_or(clock_->Now());
  const Resumption told = *resumption_;
  resumption_.reset();
  trouble_began_.reset();
  if (options_.observer) options_.observer(told);
}

absl::Status ResumableSession::ResetState(std::vector<StateTensor> state) {
  if (!failure_.ok()) return failure_;
  if (has_unfinished_step()) return UnfinishedError(version_);
  if (state.empty()) {
    absl::StatusOr<std::vector<StateTensor>> beginning = ReadBeginning();
    if (!beginning.ok()) return beginning.status();
    state = *std::move(beginning);
  }
  next_state_ = std::move(state);
  return absl::OkStatus();
}

// Retries nothing: a failure leaves behind at most an idle session, which will expire.
absl::StatusOr<std::vector<StateTensor>> ResumableSession::ReadBeginning() {
  if (!beginning_.empty()) return beginning_;
  absl::StatusOr<std::string> other_id = RandomSessionId();
  if (!other_id.ok()) return other_id.status();
  v1::OpenSessionRequest open;
  open.set_model(open_request_.model());
  open.set_session_id(*other_id);
  open.set_durability(v1::DURABILITY_NONE);
  const auto opened = servers_->Open(open, options_.attempt_timeout);
  if (!opened.ok()) return opened.status();
  v1::GetStateRequest get;
  get.set_session_id(*other_id);
  const auto read = servers_->GetState(get, options_.attempt_timeout);
  v1::CloseSessionRequest close;
  close.set_session_id(*other_id);
  (void)servers_->Close(close, kCloseTimeout);
  if (!read.ok()) return read.status();
  if (opened->model_digest() != model_digest_) {
    return absl::FailedPreconditionError(absl::StrCat(
        "MODEL_CHANGED: model '", open_request_.model(), "' has changed; pass the states"));
  }
  absl::StatusOr<std::vector<StateTensor>> states = FromMessages(read->state());
  if (states.ok()) beginning_ = *states;
  return states;
}

absl::Status ResumableSession::Close(const CallOptions& options) {
  if (!failure_.ok()) return failure_;
  StartTime(std::min(options.timeout, options_.retry_time));
  v1::CloseSessionRequest request;
  request.set_session_id(id());
  request.set_epoch(epoch_);
  while (true) {
    absl::Status status = servers_->Close(request, AttemptTimeout()).status();
    // An earlier attempt may have closed it.
    if (status.ok() || status.code() == absl::StatusCode::kNotFound) {
      Release();
      return absl::OkStatus();
    }
    const StepRemedy remedy = RemedyFor(status);
    if (remedy == StepRemedy::kStop) return Fail(status);
    if (remedy == StepRemedy::kNone || remedy == StepRemedy::kAttach) return status;
    if (remedy != StepRemedy::kWait) LeaveServer();
    if (!WaitBeforeRetry(status)) return status;
  }
}

std::string ResumableSession::Release() {
  failure_ = absl::FailedPreconditionError("the session was closed or released by this client");
  return id();
}

void ResumableSession::LeaveServer() {
  servers_->MoveOn();
  is_attached_ = false;
  num_misses_ = 0;
}

void ResumableSession::StartTime(absl::Duration timeout) {
  deadline_ = clock_->Now() + timeout;
  backoff_.Reset();
}

absl::Duration ResumableSession::AttemptTimeout() const {
  const absl::Duration left = deadline_ - clock_->Now();
  return std::clamp(left, absl::Milliseconds(1), options_.attempt_timeout);
}

// Waits before the next attempt. Returns false at once if the attempt would come too late.
bool ResumableSession::WaitBeforeRetry(const absl::Status& status) {
  const absl::Duration wait =
      std::max(backoff_.Next(), RetryDelay(status).value_or(absl::ZeroDuration()));
  if (clock_->Now() + wait >= deadline_) return false;
  clock_->Sleep(wait);
  return true;
}

}  // namespace rnnserve::client
