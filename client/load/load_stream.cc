// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/load/load_stream.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/error.h"
#include "client/cpp/status_conversion.h"

namespace rnnserve::client {
namespace {

using Window = MeasurementWindow;

// A quarter of what the server accepts in one message.
constexpr size_t kOpensPerMessage = 1024;

bool IsMeasured(Window::Part part) {
  return part == Window::kFirstHalf || part == Window::kSecondHalf;
}

// Returns whether the server no longer has the session after this error.
bool IsSessionLost(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsInternal(status);
}

// Returns the number of answers in `result`: one, or one per session for a StepSessions.
uint64_t NumAnswers(const v1::StreamResult& result) {
  return result.has_step_sessions() ? static_cast<uint64_t>(result.step_sessions().versions_size())
                                    : 1;
}

}  // namespace

size_t LoadStream::Pending::num_steps() const {
  if (kind == kStepSessions) return row_sequences.size();
  return kind == kStep ? 1 : 0;
}

LoadStream::Pending LoadStream::Pending::Row(size_t row) const {
  return {kStep, part, session + row, row_sequences[row], time, num_timesteps};
}

LoadStream::LoadStream(std::vector<LoadSession> sessions, Options options)
    : options_(std::move(options)),
      sessions_(std::move(sessions)),
      num_unanswered_(sessions_.size() / options_.sessions_per_message),
      tally_(options_.num_models) {}

void LoadStream::Open(Write write) {
  write_ = std::move(write);
  {
    absl::MutexLock lock(&mu_);
    if (!PrepareLocked()) return;
  }
  write_(message_);
}

void LoadStream::Start(MeasurementWindow* window) {
  absl::MutexLock lock(&mu_);
  window_ = window;
}

void LoadStream::Send(size_t group, absl::Duration time) {
  {
    absl::MutexLock lock(&mu_);
    const Window::Part part = window_->Admit(time, options_.sessions_per_message);
    if (part == Window::kAfter) return;
    if (IsMeasured(part)) tally_.num_steps += options_.sessions_per_message;
    due_.push_back({group, part, time});
    if (!PrepareLocked()) return;
  }
  write_(message_);
}

bool LoadStream::is_idle() const {
  absl::MutexLock lock(&mu_);
  if (is_ended_) return true;
  return num_opened_ == sessions_.size() && due_.empty() && !is_writing_ &&
         free_tags_.size() == pending_.size();
}

absl::Status LoadStream::status() const {
  absl::MutexLock lock(&mu_);
  return status_;
}

void LoadStream::OnWritten() {
  {
    absl::MutexLock lock(&mu_);
    is_writing_ = false;
    if (!PrepareLocked()) return;
  }
  write_(message_);
}

void LoadStream::OnResponse(const v1::StreamResponse& response) {
  const absl::Duration now = options_.clock();
  std::vector<size_t> answered_groups;
  {
    absl::MutexLock lock(&mu_);
    // A response that contains only notices answers no step.
    const bool is_answer = response.results_size() > 0;
    const bool is_measured = window_ != nullptr && IsMeasured(window_->PartOf(now));
    if (is_answer && is_measured) ++tally_.num_responses;
    for (const v1::StreamResult& result : response.results()) {
      if (is_measured) tally_.num_results += NumAnswers(result);
      TakeResultLocked(result, now, &answered_groups);
    }
  }
  for (size_t group : answered_groups) options_.on_answered(group, now);
}

void LoadStream::OnEnd(const absl::Status& status) {
  absl::MutexLock lock(&mu_);
  is_ended_ = true;
  status_.Update(status);
}

bool LoadStream::PrepareLocked() {
  if (is_writing_ || is_ended_) return false;
  if (num_opened_ < sessions_.size()) {
    FillOpensLocked();
  } else if (!due_.empty()) {
    FillStepsLocked(due_.front());
    due_.pop_front();
  } else {
    return false;
  }
  is_writing_ = true;
  return true;
}

void LoadStream::FillOpensLocked() {
  message_.Clear();
  const size_t end = std::min(num_opened_ + kOpensPerMessage, sessions_.size());
  while (num_opened_ < end) OpenSessionLocked(num_opened_++, Window::kWarmUp);
}

void LoadStream::FillStepsLocked(const Due& due) {
  message_.Clear();
  if (options_.uses_step_sessions) {
    AddStepSessionsLocked(due);
  } else {
    AddStepsLocked(due);
  }
  num_unanswered_[due.group] += options_.sessions_per_message;
  if (!IsMeasured(due.part)) return;
  ++tally_.num_messages;
  tally_.num_sent += options_.sessions_per_message;
}

void LoadStream::AddStepsLocked(const Due& due) {
  const size_t begin = due.group * options_.sessions_per_message;
  for (size_t i = begin; i < begin + options_.sessions_per_message; ++i) {
    LoadSession& session = sessions_[i];
    if (!session.is_open()) OpenSessionLocked(i, due.part);
    v1::StreamAction* const step =
        AddActionLocked({Pending::kStep, due.part, i, session.sequence(), due.time});
    pending_[step->tag()].num_timesteps = session.Step(step);
    CloseAtEndLocked(i, due.part);
  }
}

void LoadStream::AddStepSessionsLocked(const Due& due) {
  const size_t num_rows = options_.sessions_per_message;
  const size_t begin = due.group * num_rows;
  for (size_t i = begin; i < begin + num_rows; ++i) {
    if (!sessions_[i].is_open()) OpenSessionLocked(i, due.part);
  }
  v1::StreamAction* const action =
      AddActionLocked({Pending::kStepSessions, due.part, begin, 0, due.time});
  v1::StepSessionsRequest* const steps = action->mutable_step_sessions();
  Pending& pending = pending_[action->tag()];
  pending.row_sequences.reserve(num_rows);
  for (size_t i = begin; i < begin + num_rows; ++i) {
    pending.num_timesteps = sessions_[i].StepAsRow(steps);
    pending.row_sequences.push_back(sessions_[i].sequence());
    std::string& raw = *steps->mutable_input()->mutable_raw();
    // All rows have the size of the first, so one reservation avoids copying them.
    if (i == begin) raw.reserve(num_rows * raw.size());
  }
  for (size_t i = begin; i < begin + num_rows; ++i) CloseAtEndLocked(i, due.part);
}

void LoadStream::CloseAtEndLocked(size_t session, Window::Part part) {
  LoadSession& ended = sessions_[session];
  if (!ended.is_at_end()) return;
  ended.Close(AddActionLocked({Pending::kClose, part, session, ended.sequence()}));
}

void LoadStream::OpenSessionLocked(size_t session, Window::Part part) {
  v1::StreamAction* const open = AddActionLocked({Pending::kOpen, part, session});
  sessions_[session].Open(open);
  pending_[open->tag()].sequence = sessions_[session].sequence();
  if (IsMeasured(part)) ++tally_.num_sequences;
}

v1::StreamAction* LoadStream::AddActionLocked(Pending pending) {
  if (free_tags_.empty()) {
    free_tags_.push_back(static_cast<uint32_t>(pending_.size()));
    pending_.emplace_back();
  }
  const uint32_t tag = free_tags_.back();
  free_tags_.pop_back();
  pending_[tag] = std::move(pending);
  v1::StreamAction* const action = message_.add_actions();
  action->set_tag(tag);
  return action;
}

void LoadStream::TakeResultLocked(const v1::StreamResult& result, absl::Duration now,
                                  std::vector<size_t>* answered_groups) {
  if (result.tag() >= pending_.size()) return;  // The server broke the protocol.
  const Pending pending = std::exchange(pending_[result.tag()], Pending());
  if (pending.kind == Pending::kNone) return;
  free_tags_.push_back(static_cast<uint32_t>(result.tag()));
  if (pending.kind == Pending::kStepSessions) {
    TakeRowsLocked(pending, result, now);
  } else if (result.has_error()) {
    TakeErrorLocked(pending, FromMessage(result.error()));
  } else if (pending.kind == Pending::kStep) {
    TakeAnswerLocked(pending, now);
  }
  if (pending.num_steps() == 0) return;
  const size_t group = pending.session / options_.sessions_per_message;
  num_unanswered_[group] -= pending.num_steps();
  if (num_unanswered_[group] == 0) answered_groups->push_back(group);
}

void LoadStream::TakeRowsLocked(const Pending& steps, const v1::StreamResult& result,
                                absl::Duration now) {
  const absl::Status common = result.has_error() ? FromMessage(result.error()) : absl::OkStatus();
  const auto& errors = result.step_sessions().errors();
  auto error = errors.begin();  // Errors are in the order of the rows.
  for (size_t row = 0; row < steps.num_steps(); ++row) {
    if (result.has_error()) {
      TakeErrorLocked(steps.Row(row), common);
    } else if (error != errors.end() && error->row() == static_cast<int32_t>(row)) {
      TakeErrorLocked(steps.Row(row), FromMessage(error->error()));
      ++error;
    } else {
      TakeAnswerLocked(steps.Row(row), now);
    }
  }
}

void LoadStream::TakeErrorLocked(const Pending& pending, const absl::Status& status) {
  if (window_ == nullptr) return status_.Update(status);
  if (pending.kind == Pending::kOpen || IsSessionLost(status)) {
    sessions_[pending.session].Lose(pending.sequence);
  }
  if (!IsMeasured(pending.part)) return;
  const char* const action = pending.kind == Pending::kOpen   ? "open"
                             : pending.kind == Pending::kStep ? "step"
                                                              : "close";
  tally_.AddError({action, absl::StatusCodeToString(status.code()), ErrorReason(status)}, status);
}

void LoadStream::TakeAnswerLocked(const Pending& step, absl::Duration now) {
  const absl::Duration latency = now - step.time;
  const bool is_late = latency > options_.timeout;
  const Window::Part part_of_answer = window_->PartOf(now);
  if (!is_late && IsMeasured(part_of_answer)) {
    ++tally_.answers_by_time[part_of_answer].num_steps;
    tally_.answers_by_time[part_of_answer].num_timesteps +=
        static_cast<uint64_t>(step.num_timesteps);
  }
  if (!IsMeasured(step.part)) return;
  if (is_late) {
    return GiveUpLocked(step.session, step.part, latency, "ANSWERED_LATE",
                        absl::DeadlineExceededError(
                            absl::StrCat("the answer came after ", absl::FormatDuration(latency))));
  }
  ++tally_.num_answered;
  tally_.latencies[sessions_[step.session].model_index()][step.part].Add(latency);
}

void LoadStream::GiveUpLocked(size_t session, Window::Part part, absl::Duration latency,
                              const char* reason, const absl::Status& status) {
  if (!IsMeasured(part)) return;
  tally_.latencies[sessions_[session].model_index()][part].Add(latency);
  tally_.AddError({"step", absl::StatusCodeToString(status.code()), reason}, status);
}

LoadTally LoadStream::Collect(absl::Duration now, const absl::Status& status) {
  absl::MutexLock lock(&mu_);
  for (const Pending& pending : pending_) {
    for (size_t i = 0; i < pending.num_steps(); ++i) {
      GiveUpLocked(pending.session + i, pending.part, now - pending.time, "NOT_ANSWERED", status);
    }
  }
  for (const Due& due : due_) {
    const size_t begin = due.group * options_.sessions_per_message;
    for (size_t i = begin; i < begin + options_.sessions_per_message; ++i) {
      GiveUpLocked(i, due.part, now - due.time, "NOT_SENT", status);
    }
  }
  return std::move(tally_);
}

}  // namespace rnnserve::client
