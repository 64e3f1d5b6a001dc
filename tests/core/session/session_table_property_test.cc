// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Compares SessionTable with a model made of a few plain containers, through random opens, leases,
// steps, ends and expiries under a clock that the test moves. After each call, every caller must
// have got what the model says, and counts, order and remembered ends must match the model. There
// are no threads.

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/session/session_table.h"
#include "tests/core/session/session_table_fixture.h"

namespace rnnserve::testing {
namespace {

constexpr int kCalls = 150;
constexpr size_t kMaxSessions = 5;
constexpr size_t kMaxWaiting = 2;

class SessionTablePropertyTest : public SessionTableFixture,
                                 public ::testing::WithParamInterface<unsigned> {
 protected:
  SessionTablePropertyTest() : SessionTableFixture(SmallOptions()), random_(GetParam()) {}

  void RunCalls() {
    for (int i = 0; i < kCalls && !HasFailure(); ++i) {
      MakeCall();
      CheckEverything();
    }
  }

 private:
  struct Expected {
    std::string model_name;
    absl::Duration idle_timeout;
    absl::Time last_use;
    uint64_t version = 0;
    float value = 0;
    std::deque<Turn> turns;  // the first has the lease
  };
  static SessionTable::Options SmallOptions() {
    SessionTable::Options options;
    options.max_sessions = kMaxSessions;
    options.max_waiting = kMaxWaiting;
    // No end is forgotten here; tombstones_test.cc tests forgetting.
    options.max_tombstones = kCalls * kMaxSessions;
    return options;
  }

  void MakeCall() {
    const std::string id = RandomId();
    switch (random_() % 8) {
      case 0:
      case 1:
        return CallOpen(id);
      case 2:
      case 3:
      case 4:
        return CallLease(id);
      case 5:
        return CallReturn(id);
      case 6:
        return CallEnd(id);
      default:
        return CallExpire();
    }
  }

  // Ids have different lengths, and their first characters do not decide their order.
  std::string RandomId() {
    const size_t number = random_() % 8;
    return std::string(number % 2 == 0 ? 10 : 60, 'a') + std::to_string(number);
  }

  void CallOpen(const std::string& id) {
    const std::string model_name = random_() % 2 == 0 ? "m" : "n";
    const absl::Duration timeout =
        random_() % 4 == 0 ? absl::InfiniteDuration() : absl::Seconds(1 + random_() % 4);

    const auto opened = Open(id, timeout, model_name);

    if (expected_.contains(id)) {
      EXPECT_EQ(ErrorReason(opened.status()), "SESSION_EXISTS");
    } else if (expected_.size() == kMaxSessions) {
      EXPECT_EQ(ErrorReason(opened.status()), "SESSION_LIMIT");
    } else {
      EXPECT_TRUE(opened.ok()) << opened.status();
      Expected& session = expected_[id];
      session.model_name = model_name;
      session.idle_timeout = timeout;
      session.last_use = clock_.Now();
      ends_.erase(id);
    }
  }

  void CallLease(const std::string& id) {
    const Turn turn = Wait(id);

    const auto session = expected_.find(id);
    if (session == expected_.end()) {
      EXPECT_EQ(ErrorReason((*turn)->status()), ends_.contains(id) ? ends_[id] : "SESSION_UNKNOWN");
    } else if (session->second.turns.size() == 1 + kMaxWaiting) {
      EXPECT_EQ(ErrorReason((*turn)->status()), "SESSION_QUEUE_LIMIT");
    } else {
      session->second.turns.push_back(turn);
    }
  }

  // Returns a lease, perhaps after a step.
  void CallReturn(const std::string& id) {
    const auto session = expected_.find(id);
    if (session == expected_.end() || session->second.turns.empty()) return;
    Expected& expected = session->second;
    if (random_() % 2 == 0) {
      SessionLease& lease = ***expected.turns.front();
      expected.value = static_cast<float>(random_() % 1000);
      lease.state().block()[0] = expected.value;
      lease.CommitStep();
      ++expected.version;
    }
    expected.last_use = clock_.Now();
    const Turn returned = expected.turns.front();
    expected.turns.pop_front();
    returned->reset();
  }

  void CallEnd(const std::string& id) {
    const auto session = expected_.find(id);
    if (session == expected_.end() || session->second.turns.empty()) return;
    std::deque<Turn> turns = std::move(session->second.turns);
    const EndReason reason = random_() % 2 == 0 ? EndReason::kClosed : EndReason::kBroken;

    (**std::move(*turns.front())).End(reason);

    turns.pop_front();
    for (const Turn& turn : turns) {
      ASSERT_TRUE(turn->has_value());
      EXPECT_EQ(ErrorReason((*turn)->status()), EndReasonName(reason));
    }
    ExpectEnd(id, reason);
  }

  void CallExpire() {
    clock_.Advance(absl::Milliseconds(500 * (random_() % 5)));

    const int64_t num_expired = table_->ExpireIdle();

    std::vector<std::string> due;
    for (const auto& [id, session] : expected_) {
      if (session.turns.empty() && session.last_use + session.idle_timeout <= clock_.Now()) {
        due.push_back(id);
      }
    }
    EXPECT_EQ(num_expired, static_cast<int64_t>(due.size()));
    for (const std::string& id : due) ExpectEnd(id, EndReason::kExpired);
  }

  void ExpectEnd(const std::string& id, EndReason reason) {
    ends_[id] = std::string(EndReasonName(reason));
    expected_ended_.push_back(expected_[id].model_name + " " + ends_[id]);
    expected_.erase(id);
  }

  void CheckEverything() {
    CheckTurns();
    CheckList();
    // Sessions that expire together end in any order.
    std::sort(ended_.begin(), ended_.end());
    std::sort(expected_ended_.begin(), expected_ended_.end());
    EXPECT_EQ(ended_, expected_ended_);
  }

  void CheckTurns() {
    for (const auto& [id, session] : expected_) {
      for (size_t i = 0; i < session.turns.size(); ++i) {
        ASSERT_EQ(session.turns[i]->has_value(), i == 0) << id << ", turn " << i;
      }
      if (session.turns.empty()) continue;
      const SessionLease& lease = ***session.turns.front();
      EXPECT_EQ(lease.id(), id);
      EXPECT_EQ(lease.model_name(), session.model_name);
      EXPECT_EQ(lease.version(), session.version);
      EXPECT_EQ(lease.state().block()[0], session.value);
    }
  }

  void CheckList() {
    const int64_t limit = 1 + random_() % kMaxSessions;
    std::vector<SessionSummary> pages;
    std::vector<SessionSummary> page = table_->List({}, "", limit);
    while (!page.empty()) {
      pages.insert(pages.end(), page.begin(), page.end());
      page = table_->List({}, pages.back().id, limit);
    }
    ASSERT_EQ(pages.size(), expected_.size());
    std::map<std::string, int64_t> num_sessions;
    auto listed = pages.begin();
    for (const auto& [id, session] : expected_) {
      EXPECT_EQ(listed->id, id);
      EXPECT_EQ(listed->version, session.version);
      EXPECT_EQ(listed->idle,
                session.turns.empty() ? clock_.Now() - session.last_use : absl::ZeroDuration());
      ++num_sessions[session.model_name];
      ++listed;
    }
    for (const char* name : {"m", "n"}) {
      EXPECT_EQ(table_->usage(name).sessions, num_sessions[name]);
      EXPECT_EQ(table_->usage(name).state_bytes,
                num_sessions[name] * model_->state_layout().bytes());
      EXPECT_EQ(table_->List({name}, "", 100).size(), static_cast<size_t>(num_sessions[name]));
    }
  }

  std::mt19937 random_;
  std::map<std::string, Expected> expected_;
  std::map<std::string, std::string> ends_;  // reasons, by id
  std::vector<std::string> expected_ended_;
};

TEST_P(SessionTablePropertyTest, BehavesLikeTheModel) { RunCalls(); }

INSTANTIATE_TEST_SUITE_P(Seeds, SessionTablePropertyTest, ::testing::Range(0u, 2000u));

}  // namespace
}  // namespace rnnserve::testing
