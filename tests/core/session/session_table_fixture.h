// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_CORE_SESSION_SESSION_TABLE_FIXTURE_H_
#define RNNSERVE_TESTS_CORE_SESSION_SESSION_TABLE_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/session/session_table.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_models.h"

// The fixture that the tests of SessionTable and its parts share.
namespace rnnserve::testing {

// A session table with a clock that stands still, and short names for what the tests do with it.
class SessionTableFixture : public ::testing::Test {
 protected:
  // Holds what a caller of Lease gets, once it gets it.
  using Turn = std::shared_ptr<std::optional<absl::StatusOr<SessionLease>>>;

  explicit SessionTableFixture(SessionTable::Options options = {}) { Restart(options); }

  // Replaces the table with an empty one that has these options.
  void Restart(const SessionTable::Options& options) {
    table_ = std::make_unique<SessionTable>(
        clock_,
        [this](const std::string& model, EndReason reason) {
          ended_.push_back(model + " " + std::string(EndReasonName(reason)));
        },
        options);
  }

  absl::StatusOr<std::string> Open(const std::string& id,
                                   absl::Duration idle_timeout = absl::InfiniteDuration(),
                                   const std::string& model_name = "m") {
    return table_->Open({id, model_name, model_, SessionState(*model_), true, idle_timeout});
  }
  void OpenDurable(const std::string& id, absl::Duration idle_timeout = absl::InfiniteDuration()) {
    ASSERT_THAT(table_->Open({.id = id,
                              .model_name = "m",
                              .model = model_,
                              .state = SessionState(*model_),
                              .idle_timeout = idle_timeout,
                              .durability = Durability::kAsync}),
                IsOk());
  }

  // Gets in line for the session.
  Turn Wait(const std::string& id) {
    auto turn = std::make_shared<std::optional<absl::StatusOr<SessionLease>>>();
    table_->Lease(id, [turn](absl::StatusOr<SessionLease> lease) { *turn = std::move(lease); });
    return turn;
  }
  static bool HasLease(const Turn& turn) { return turn->has_value() && (*turn)->ok(); }
  static void Return(const Turn& turn) { turn->reset(); }

  // Returns the lease of a session that is free.
  SessionLease Take(const std::string& id) { return **std::move(*Wait(id)); }
  void Use(const std::string& id) { Take(id).Return(); }
  void Close(const std::string& id) { Take(id).End(EndReason::kClosed); }
  // Returns the error that a caller gets at once.
  absl::Status ErrorOf(const std::string& id) { return (*Wait(id))->status(); }

  FakeClock clock_;
  const ModelPtr model_ = DoublingModel();
  std::vector<std::string> ended_;
  std::unique_ptr<SessionTable> table_;
};

// A watcher that writes down what it is told.
class Diary final : public SessionWatcher {
 public:
  void OnSessionExpiring(absl::string_view id, absl::Duration left) override {
    told.push_back(absl::StrCat(id, " expires in ", absl::FormatDuration(left)));
  }
  void OnSessionEnded(absl::string_view id, EndReason reason) override {
    told.push_back(absl::StrCat(id, " ", EndReasonName(reason)));
  }
  void OnSessionDropped(absl::string_view id) override {
    told.push_back(absl::StrCat(id, " dropped"));
  }

  std::vector<std::string> told;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_CORE_SESSION_SESSION_TABLE_FIXTURE_H_
