// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests SessionTable with many threads: no two threads hold a lease of the same session, every
// caller is answered once, and callers that lease several sessions do not block each other. Runs
// under ThreadSanitizer too.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/session/session_table.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

constexpr int kThreads = 4;
constexpr int kSessions = 5;
constexpr int kCallsPerThread = 500;

class SessionTableThreadsTest : public ::testing::Test {
 protected:
  SessionTableThreadsTest()
      : table_(
            clock_, [](const std::string&, EndReason) {}, Options()) {
    for (int i = 0; i < kSessions; ++i) {
      ids_.push_back(std::to_string(i));
      table_.Open({ids_.back(), "m", model_, SessionState(*model_)}).IgnoreError();
    }
  }

  static SessionTable::Options Options() {
    SessionTable::Options options;
    options.max_waiting = kThreads * kCallsPerThread;
    return options;
  }

  // Runs body(random) kCallsPerThread times on every thread.
  template <typename Body>
  void RunThreads(Body body) {
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&body, t] {
        std::mt19937 random(static_cast<unsigned>(t));
        for (int i = 0; i < kCallsPerThread; ++i) body(random);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  // Makes a step that is not atomic. If two ran at once, one could be lost, and ThreadSanitizer
  // would report the race.
  static void Step(SessionLease& lease) {
    lease.state().block()[0] += 1.0f;
    lease.CommitStep();
  }

  const MonotonicClock clock_;
  const ModelPtr model_ = DoublingModel();
  std::vector<std::string> ids_;
  SessionTable table_;
};

TEST_F(SessionTableThreadsTest, NoStepIsLost) {
  std::atomic<int> num_answered{0};
  RunThreads([&](std::mt19937& random) {
    table_.Lease(ids_[random() % ids_.size()], [&](absl::StatusOr<SessionLease> lease) {
      Step(*lease);
      ++num_answered;
    });
  });

  EXPECT_EQ(num_answered, kThreads * kCallsPerThread);
  uint64_t num_steps = 0;
  for (const std::string& id : ids_) {
    table_.Lease(id, [&](absl::StatusOr<SessionLease> lease) {
      EXPECT_EQ(lease->state().block()[0], static_cast<float>(lease->version()));
      num_steps += lease->version();
    });
  }
  EXPECT_EQ(num_steps, kThreads * kCallsPerThread);
}

TEST_F(SessionTableThreadsTest, CallersOfSeveralSessionsNeverBlockEachOther) {
  std::atomic<int> num_answered{0};
  RunThreads([&](std::mt19937& random) {
    std::vector<std::string> ids = ids_;
    std::shuffle(ids.begin(), ids.end(), random);
    ids.resize(1 + random() % ids.size());
    table_.LeaseAll(ids, [&](absl::StatusOr<std::vector<SessionLease>> leases) {
      for (SessionLease& lease : *leases) Step(lease);
      ++num_answered;
    });
  });

  EXPECT_EQ(num_answered, kThreads * kCallsPerThread);
}

TEST_F(SessionTableThreadsTest, AWatcherIsToldOfEveryEndOnce) {
  class Counter final : public SessionWatcher {
   public:
    void OnSessionExpiring(absl::string_view, absl::Duration) override {}
    void OnSessionEnded(absl::string_view, EndReason) override { ++num_ended; }
    void OnSessionDropped(absl::string_view) override {}
    std::atomic<int> num_ended{0};
  };
  const auto counter = std::make_shared<Counter>();
  std::atomic<int> num_opened{0};
  RunThreads([&](std::mt19937& random) {
    const auto id = table_.Open({"", "m", model_, SessionState(*model_)});
    ++num_opened;
    table_.Watch(*id, counter);
    const std::string& shared = ids_[random() % ids_.size()];
    const auto passing = std::make_shared<Counter>();
    table_.Watch(shared, passing);
    table_.Unwatch(shared, passing);
    table_.ExpireIdle();
    table_.Lease(*id, [](absl::StatusOr<SessionLease> lease) {
      (*std::move(lease)).End(EndReason::kClosed);
    });
  });

  EXPECT_EQ(counter->num_ended, num_opened);
}

TEST_F(SessionTableThreadsTest, OpeningAndEndingKeepTheCounts) {
  std::atomic<int> num_opened{0};
  std::atomic<int> num_ended{0};
  RunThreads([&](std::mt19937& random) {
    const std::string id = absl::StrCat("x", random() % 3);
    if (table_.Open({id, "m", model_, SessionState(*model_)}).ok()) ++num_opened;
    table_.Lease(id, [&](absl::StatusOr<SessionLease> lease) {
      if (!lease.ok()) return;
      (*std::move(lease)).End(EndReason::kClosed);
      ++num_ended;
    });
    table_.ExpireIdle();
    table_.List({"m"}, "", 10);
  });

  EXPECT_EQ(table_.usage("m").sessions, kSessions + num_opened - num_ended);
  EXPECT_GT(num_ended, 0);
}

}  // namespace
}  // namespace rnnserve::testing
