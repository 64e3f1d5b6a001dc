// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that ModelReloads runs reloads one after another: a second reload of a model, a failure and
// a stop. The test decides which model is read, and when.

#include "server/model_reloads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "tests/support/answer.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_models.h"

namespace rnnserve::server {
namespace {

using ::rnnserve::testing::Answer;
using ::rnnserve::testing::FakeClock;
using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::StatusIs;
using ::rnnserve::testing::VersionModel;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ModelReloadsTest : public ::testing::Test {
 protected:
  ModelReloadsTest() {
    for (const char* name : {"a", "b"}) engine_.AddModel(name, VersionModel(1)).IgnoreError();
  }

  Answer<ReplacedModel> Start(const std::string& name) {
    Answer<ReplacedModel> answer;
    reloads_.Start(name, answer.callback());
    return answer;
  }
  std::string Digest(const std::string& name) { return (*engine_.FindModel(name))->digest(); }

  // From now on, makes every attempt to read a model wait.
  void Hold() {
    absl::MutexLock lock(&mu_);
    is_holding_ = true;
  }
  void Release() {
    absl::MutexLock lock(&mu_);
    is_holding_ = false;
  }
  void AwaitReading() {
    absl::MutexLock lock(&mu_);
    const auto is_reading = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return is_reading_; };
    mu_.Await(absl::Condition(&is_reading));
  }
  void Fail(absl::Status status) {
    absl::MutexLock lock(&mu_);
    status_ = std::move(status);
  }
  std::vector<std::string> read() {
    absl::MutexLock lock(&mu_);
    return read_;
  }

  absl::StatusOr<std::shared_ptr<const Model>> Load(const std::string& name) {
    absl::MutexLock lock(&mu_);
    read_.push_back(name);
    is_reading_ = true;
    const auto may_go_on = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return !is_holding_; };
    mu_.Await(absl::Condition(&may_go_on));
    is_reading_ = false;
    if (!status_.ok()) return status_;
    return VersionModel(2);
  }

  absl::Mutex mu_;
  bool is_holding_ ABSL_GUARDED_BY(mu_) = false;
  bool is_reading_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> read_ ABSL_GUARDED_BY(mu_);

  const FakeClock clock_;
  const Log log_{{"error", "text"}};
  Metrics metrics_;
  Engine engine_{clock_, metrics_, {}};
  ModelReloads reloads_{clock_, log_, engine_, metrics_,
                        [this](const std::string& name) { return Load(name); }};
};

TEST_F(ModelReloadsTest, TheModelThatWasReadIsServed) {
  const auto replaced = Start("a").Wait();

  ASSERT_THAT(replaced, IsOk());
  EXPECT_EQ(Digest("a"), VersionModel(2)->digest());
  EXPECT_EQ(Digest("b"), VersionModel(1)->digest());
}

TEST_F(ModelReloadsTest, AFailedReadLeavesTheOldModelAndReportsItsReason) {
  Fail(InvalidArgument("MODEL_FORMAT", "this is no model"));

  EXPECT_THAT(Start("a").Wait(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                          HasSubstr("this is no model"), "MODEL_FORMAT"));
  EXPECT_EQ(Digest("a"), VersionModel(1)->digest());
}

TEST_F(ModelReloadsTest, AnUnknownNameIsNotRead) {
  EXPECT_THAT(Start("../c").Wait(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no model"), "MODEL_NOT_FOUND"));
  EXPECT_THAT(read(), ElementsAre());
}

TEST_F(ModelReloadsTest, ASecondReloadOfAModelIsRefusedAndOneOfAnotherWaits) {
  Hold();
  const auto first = Start("a");
  AwaitReading();

  const auto second = Start("a");
  const auto other = Start("b");

  EXPECT_THAT(second.Wait(),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("already"), "RELOAD_RUNNING"));
  Release();
  EXPECT_THAT(first.Wait(), IsOk());
  EXPECT_THAT(other.Wait(), IsOk());
  EXPECT_THAT(read(), ElementsAre("a", "b"));
}

TEST_F(ModelReloadsTest, AReloadOfAllReadsTheRunningOneAgain) {
  Hold();
  const auto first = Start("a");
  AwaitReading();
  reloads_.StartAll();
  reloads_.StartAll();
  // The reloads of StartAll can only run after the first one.
  Release();
  ASSERT_THAT(first.Wait(), IsOk());
  while (read().size() < 3) Start("b").Wait().status().IgnoreError();

  EXPECT_EQ(read()[0], "a");
  EXPECT_EQ(read()[1], "a");
  EXPECT_EQ(read()[2], "b");
}

TEST_F(ModelReloadsTest, AStopAnswersEveryReloadAndReplacesNothing) {
  Hold();
  const auto running = Start("a");
  AwaitReading();
  const auto waiting = Start("b");

  reloads_.Stop();

  const auto is_draining =
      StatusIs(absl::StatusCode::kUnavailable, HasSubstr("draining"), "DRAINING");
  EXPECT_THAT(running.Wait(), is_draining);
  EXPECT_THAT(waiting.Wait(), is_draining);
  EXPECT_THAT(Start("a").Wait(), is_draining);
  Release();
  EXPECT_EQ(Digest("a"), VersionModel(1)->digest());
}

}  // namespace
}  // namespace rnnserve::server
