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

#include "core/session/session_table.h"
#include "tests/support/fake_clock.h"
#include "tests/support/test_models.h"

// The language of the session store tests.
namespace rnnserve::testing {

class SessionTableFixture : public ::testing::Test {
 protected:
  // What a caller of Lease gets, when it gets it.
  using Turn = std::shared_ptr<std::optional<absl::StatusOr<SessionLease>>>;

  explicit SessionTableFixture(SessionTable::Options options = {}) { Restart(options); }

  // Begins with an empty store of other options.
  void Restart(const SessionTable::Options& options) {
    store_ = std::make_unique<SessionTable>(
        clock_,
        [this](const std::string& model, EndReason reason) {
          ended_.push_back(model + " " + std::string(EndReasonName(reason)));
        },
        options);
  }

  absl::StatusOr<std::string> Open(const std::string& id,
                                   absl::Duration idle_timeout = absl::InfiniteDuration(),
                                   const std::string& model_name = "m") {
    return store_->Open({id, model_name, model_, SessionState(*model_), true, idle_timeout});
  }

  // Gets in line.
  Turn Wait(const std::string& id) {
    auto turn = std::make_shared<std::optional<absl::StatusOr<SessionLease>>>();
    store_->Lease(id, [turn](absl::StatusOr<SessionLease> lease) { *turn = std::move(lease); });
    return turn;
  }
  // The lease of a session that is free.
  SessionLease Take(const std::string& id) { return **std::move(*Wait(id)); }
  // The error that a caller gets at once.
  absl::Status ErrorOf(const std::string& id) { return (*Wait(id))->status(); }
  void Close(const std::string& id) { Take(id).End(EndReason::kClosed); }

  static bool HasLease(const Turn& turn) { return turn->has_value() && (*turn)->ok(); }

  FakeClock clock_;
  const ModelPtr model_ = DoublingModel();
  std::vector<std::string> ended_;
  std::unique_ptr<SessionTable> store_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_CORE_SESSION_SESSION_TABLE_FIXTURE_H_
