// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/writer.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace rnnserve::testing {
namespace {

// The number of turns without a reply after which a request is sent again, and after which the
// writer attaches at another replica.
constexpr int kPatience = 4;
constexpr int kLongPatience = 16;

}  // namespace

Writer::Writer(const Options& options, Dice& dice, Oracle& oracle)
    : options_(options),
      dice_(dice),
      oracle_(oracle),
      phase_(options.opens ? Phase::kOpening : Phase::kAttaching),
      replica_(options.replica),
      goal_(static_cast<uint64_t>(options.num_steps)),
      silence_(kPatience) {
  places_[0] = Place();
}

Request Writer::Make(Request::Kind kind) const {
  Request request;
  request.kind = kind;
  request.session = options_.session;
  request.writer = options_.writer;
  request.replica = replica_;
  request.attempt = attempt_;
  return request;
}

std::vector<Request> Writer::Act() {
  ++silence_;
  switch (phase_) {
    case Phase::kOpening:
    case Phase::kAttaching: {
      if (silence_ <= kPatience) return {};
      silence_ = 0;
      // A session that is not durable exists only where it was opened.
      const bool may_move = options_.durability != Durability::kNone;
      if (may_move && dice_.Percent(50)) {
        replica_ = static_cast<int>(dice_.Below(static_cast<uint64_t>(options_.num_replicas)));
      }
      return {Make(phase_ == Phase::kOpening ? Request::Kind::kOpen : Request::Kind::kAttach)};
    }
    case Phase::kStepping: {
      if (silence_ > kLongPatience && options_.durability != Durability::kNone) {
        Attach();
        return {};
      }
      std::vector<Request> requests;
      const uint64_t end = std::min(goal_, cursor_ + static_cast<uint64_t>(options_.window));
      for (uint64_t index = cursor_; index < end; ++index) {
        if (answered_[index]) continue;
        const auto [wait, is_new] = waits_.try_emplace(index, 0);
        if (!is_new && ++wait->second <= kPatience) continue;
        wait->second = 0;
        requests.push_back(StepAt(index));
      }
      return requests;
    }
    case Phase::kStopped:
    case Phase::kDone:
    case Phase::kEnded:
      break;
  }
  return {};
}

Request Writer::StepAt(uint64_t index) {
  if (log_.count(index) == 0) {
    // The count makes the inputs at the same index differ between writers and between histories of
    // one writer.
    ++num_logged_;
    log_[index] = 1 + (static_cast<uint32_t>(options_.session) * 4001 +
                       static_cast<uint32_t>(options_.writer) * 1009 + num_logged_ * 13) %
                          30'000;
    places_[index + 1] = places_.at(index).After(log_.at(index));
  }
  Request request = Make(Request::Kind::kStep);
  request.index = index;
  request.cursor = cursor_;
  request.epoch = epoch_;
  request.input = log_.at(index);
  return request;
}

void Writer::Attach() {
  phase_ = Phase::kAttaching;
  ++attempt_;
  silence_ = kPatience;
}

void Writer::TakeOver() {
  if (is_stopped()) Attach();
}

void Writer::Report(const Reply& reply, const std::string& what) {
  oracle_.Report(absl::StrCat(Text(reply), ": ", what));
}

void Writer::OnReply(const Reply& reply) {
  if (reply.request.attempt != attempt_) return;
  const bool is_step = reply.request.kind == Request::Kind::kStep;
  if (is_step != (phase_ == Phase::kStepping)) return;
  silence_ = 0;
  if (!reply.status.ok()) return OnError(reply);
  if (is_step) return OnOutput(reply);
  Begin(reply);
}

void Writer::Begin(const Reply& reply) {
  const auto start = oracle_.StartOf(reply.incarnation, options_.session, reply.epoch);
  if (!start.has_value() || start->version != reply.version) {
    return Report(reply, "the oracle knows no such place");
  }
  phase_ = Phase::kStepping;
  ++attempt_;
  replica_ = reply.request.replica;
  incarnation_ = reply.incarnation;
  epoch_ = reply.epoch;
  num_unknown_ = 0;
  waits_.clear();
  answered_.clear();
  const auto own = places_.find(start->version);
  if (own != places_.end() && own->second == *start) {
    // Send the writer's own steps again, which were committed but whose replies may be lost.
    if (start->version < cursor_) cursor_ = start->version;
  } else {
    places_ = {{start->version, *start}};
    log_.clear();
    cursor_ = start->version;
    goal_ = std::max(goal_, cursor_ + 1);
  }
  if (cursor_ >= goal_) phase_ = Phase::kDone;
}

void Writer::OnOutput(const Reply& reply) {
  const uint64_t index = reply.request.index;
  if (index < cursor_) return;
  const uint32_t expected = places_.at(index + 1).state;
  if (reply.output != static_cast<float>(expected)) {
    return Report(reply, absl::StrCat("the output should be ", expected));
  }
  answered_[index] = true;
  while (cursor_ < goal_ && answered_[cursor_]) ++cursor_;
  if (cursor_ >= goal_) phase_ = Phase::kDone;
}

void Writer::OnError(const Reply& reply) {
  const std::string reason = ErrorReason(reply.status);
  if (absl::IsNotFound(reply.status)) return OnSessionGone(reply);
  if (reply.request.kind == Request::Kind::kOpen) {
    if (reason == "SESSION_EXISTS") Attach();
    return;
  }
  if (reply.request.kind == Request::Kind::kAttach) {
    // FENCED means that another writer was faster. The other allowed errors are temporary.
    if (reason != "FENCED" && !absl::IsUnavailable(reply.status) &&
        !absl::IsResourceExhausted(reply.status) && reason != "SESSION_EXISTS") {
      Report(reply, "not an answer to an attach");
    }
    return;
  }
  const uint64_t index = reply.request.index;
  if (index < cursor_ || answered_[index]) return;
  if (reason == "STEP_FENCED") {
    // The writer was fenced by another writer, or by a copy of its own attach that the network
    // made.
    if (dice_.Percent(50)) {
      phase_ = Phase::kStopped;
    } else {
      Attach();
    }
  } else if (reason == "FENCED" || reason == "STALE_OWNER" || reason == "DRAINING") {
    if (options_.durability != Durability::kNone || reason == "STALE_OWNER") Attach();
  } else if (reason == "STEP_GAP") {
    if (ErrorNumber(reply.status, "expected_index").value_or(0) < reply.request.cursor) {
      // If the replica was restarted, its session with this id is a different one.
      if (reply.incarnation != incarnation_ || reply.may_be_gone) return Attach();
      Report(reply, "steps that were answered are lost, and no error says so");
    }
    waits_[index] = kPatience;
  } else if (!absl::IsUnavailable(reply.status) && !absl::IsResourceExhausted(reply.status)) {
    // After the store has lost changes, two owners may have had the same epoch.
    if (reply.may_be_gone) return Attach();
    Report(reply, "not an answer to this step");
  }
}

void Writer::OnSessionGone(const Reply& reply) {
  if (options_.durability != Durability::kNone) {
    if (reply.request.kind == Request::Kind::kStep) return Attach();
    // The session is moving to another replica.
    if (ErrorReason(reply.status) == "SESSION_MOVED") return;
  }
  if (!reply.request.was_created) {
    // An open reported a session that then could not be stored.
    if (options_.opens) phase_ = Phase::kOpening;
    return;
  }
  if (!reply.may_be_gone) {
    // All callers that ask for a session while it is being looked up share one answer, so the
    // answer may be older than the question. Ask again a few times.
    if (++num_unknown_ < 4) return Attach();
    return Report(reply, "the session is lost");
  }
  phase_ = Phase::kEnded;
}

}  // namespace rnnserve::testing
