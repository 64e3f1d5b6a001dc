// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/model_reloads.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"

// `mu_` guards the queue of reloads. It is never held while a model is read or replaced, a callback
// runs or the engine is called, so no other lock is ever taken under it and it cannot take part in
// a deadlock. Only the reload thread runs reloads; it alone waits, for work or for Stop, and it
// alone blocks while a model is read. The running reload stays at the head of the queue, so that
// Start can refuse a second one of the same model. Stop empties the queue and answers all of it;
// the thread sees `is_stopped_` before it replaces the model and again before it answers, so no
// callback runs twice. A model whose replacement began just before Stop may still be replaced; its
// caller is told DRAINING.

namespace rnnserve::server {
namespace {

absl::Status DrainingError() {
  return MakeError(absl::StatusCode::kUnavailable, "DRAINING",
                   "the server is draining and reloads no model");
}

// Converts the code to FAILED_PRECONDITION, because the files are at fault, not the call: the same
// call succeeds once they are fixed.
absl::Status LoadError(const absl::Status& status) {
  return MakeError(absl::StatusCode::kFailedPrecondition, ErrorReason(status), status.message());
}

std::string ResultOf(const absl::StatusOr<ReplacedModel>& result) {
  if (!result.ok()) return ErrorReason(result.status());
  return result->digest == result->previous_digest ? "UNCHANGED" : "OK";
}

}  // namespace

ModelReloads::ModelReloads(const Clock& clock, const Log& log, Engine& engine, Metrics& metrics,
                           Load load)
    : clock_(clock),
      log_(log),
      engine_(engine),
      metrics_(metrics),
      load_(std::move(load)),
      thread_([this] { Run(); }) {}

ModelReloads::~ModelReloads() {
  Stop();
  thread_.join();
}

void ModelReloads::Start(const std::string& name, Done done) {
  absl::Status status = engine_.FindModel(name).status();
  if (status.ok()) {
    absl::MutexLock lock(&mu_);
    const bool is_there = std::any_of(reloads_.begin(), reloads_.end(),
                                      [&](const Reload& reload) { return reload.name == name; });
    if (is_stopped_) {
      status = DrainingError();
    } else if (is_there) {
      status = MakeError(absl::StatusCode::kAborted, "RELOAD_RUNNING",
                         absl::StrCat("model '", name, "' is being reloaded already"));
    } else {
      reloads_.push_back({name, std::move(done)});
      return;
    }
  }
  done(std::move(status));
}

void ModelReloads::StartAll() {
  const std::vector<NamedModel> models = engine_.models();
  absl::MutexLock lock(&mu_);
  for (const NamedModel& named : models) {
    // A running reload may have read the old files, so the model is queued again behind it. A
    // waiting reload will read the new files, so no second one is needed.
    const auto first_waiting = reloads_.begin() + (is_running_ ? 1 : 0);
    const bool waits = std::any_of(first_waiting, reloads_.end(),
                                   [&](const Reload& reload) { return reload.name == named.name; });
    if (!waits && !is_stopped_) reloads_.push_back({named.name, nullptr});
  }
}

void ModelReloads::Stop() {
  std::deque<Reload> reloads;
  {
    absl::MutexLock lock(&mu_);
    is_stopped_ = true;
    reloads.swap(reloads_);
  }
  for (Reload& reload : reloads) {
    if (reload.done != nullptr) reload.done(DrainingError());
  }
}

void ModelReloads::Run() {
  std::string name;
  while (AwaitNext(name)) {
    const absl::Time begin = clock_.Now();
    absl::StatusOr<ReplacedModel> result = ReloadNow(name);
    const int64_t milliseconds = absl::ToInt64Milliseconds(clock_.Now() - begin);
    metrics_.OnReload(name, ResultOf(result));
    if (result.ok()) {
      log_.Info("model reloaded", {{"model", name},
                                   {"previous_digest", result->previous_digest},
                                   {"digest", result->digest},
                                   {"retiring_sessions", result->retiring_sessions},
                                   {"milliseconds", milliseconds}});
    } else {
      log_.Error("model not reloaded", {{"model", name},
                                        {"reason", ErrorReason(result.status())},
                                        {"text", std::string(result.status().message())},
                                        {"milliseconds", milliseconds}});
    }
    Finish(std::move(result));
  }
}

bool ModelReloads::AwaitNext(std::string& name) {
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(this, &ModelReloads::HasWorkOrIsStopped));
  if (is_stopped_) return false;
  is_running_ = true;
  name = reloads_.front().name;
  return true;
}

void ModelReloads::Finish(absl::StatusOr<ReplacedModel> result) {
  Done done;
  {
    absl::MutexLock lock(&mu_);
    is_running_ = false;
    // After Stop, the caller has already been answered.
    if (!is_stopped_) {
      done = std::move(reloads_.front().done);
      reloads_.pop_front();
    }
  }
  if (done != nullptr) done(std::move(result));
}

absl::StatusOr<ReplacedModel> ModelReloads::ReloadNow(const std::string& name) {
  absl::StatusOr<std::shared_ptr<const Model>> model = load_(name);
  if (!model.ok()) return LoadError(model.status());
  {
    absl::MutexLock lock(&mu_);
    if (is_stopped_) return DrainingError();
  }
  return engine_.ReplaceModel(name, *std::move(model));
}

}  // namespace rnnserve::server
