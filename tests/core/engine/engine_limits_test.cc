// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests the limits of the engine: deadlines and cancellation at every point, full queues, draining.
// The observer holds the only worker, so the test decides which calls run and which wait.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "tests/core/engine/engine_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr absl::Duration kSoon = absl::Milliseconds(10);

class EngineLimitsTest : public EngineFixture {
 protected:
  void TearDown() override { worker().Release(); }

  // Starts a step of session "blocker" and stops the worker in it, with no room for another row.
  Answer<StepResult> Block(EngineOptions options = {}) {
    options.batching.max_batch_rows = 1;
    Restart(options);
    for (const char* id : {"blocker", "a", "b"}) Open("doubling", id).IgnoreError();
    worker().Hold();
    const auto answer = StartStep(StepOf("blocker", one_));
    worker().AwaitStopped();
    return answer;
  }
  RecordingObserver& worker() { return observer_.Of("doubling"); }

  StepCall WithDeadline(const std::string& id) {
    StepCall call = StepOf(id, one_);
    call.limits.deadline = clock_.Now() + kSoon;
    return call;
  }
  StepCall WithCancellation(const std::string& id) {
    StepCall call = StepOf(id, one_);
    call.limits.cancellation = cancellation_;
    return call;
  }
  auto IsExpired() {
    return StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("nothing was executed"),
                    "NOT_EXECUTED");
  }
  auto IsCancelled() {
    return StatusIs(absl::StatusCode::kCancelled, HasSubstr("nothing was executed"),
                    "NOT_EXECUTED");
  }

  const OwnedTensor one_ = OwnedTensor::Floats({1, 1}, {1});
  const std::shared_ptr<Cancellation> cancellation_ = std::make_shared<Cancellation>();
};

TEST_F(EngineLimitsTest, AStepThatArrivesTooLateIsNotExecuted) {
  Open("doubling", "a").IgnoreError();
  StepCall call = WithDeadline("a");
  clock_.Advance(kSoon);

  EXPECT_THAT(Step(call), IsExpired());
  EXPECT_EQ(Sum("a"), 0);
}

TEST_F(EngineLimitsTest, AStepThatExpiresInTheQueueIsNotExecuted) {
  Block();
  const auto answer = StartStep(WithDeadline("a"));
  clock_.Advance(kSoon);
  worker().Release();

  EXPECT_THAT(answer.Wait(), IsExpired());
  EXPECT_EQ(Sum("a"), 0);
  EXPECT_EQ(GetState("a")->version, 0u);
}

TEST_F(EngineLimitsTest, AStepThatExpiresInTheLineOfItsSessionIsNotExecuted) {
  Block();
  const auto answer = StartStep(WithDeadline("blocker"));
  clock_.Advance(kSoon);
  worker().Release();

  EXPECT_THAT(answer.Wait(), IsExpired());
  EXPECT_EQ(Sum("blocker"), 1);
}

TEST_F(EngineLimitsTest, AStepThatExpiresWhileItRunsIsFinished) {
  Open("doubling", "a").IgnoreError();
  worker().Hold();
  const auto answer = StartStep(WithDeadline("a"));
  worker().AwaitStopped();
  clock_.Advance(kSoon);
  worker().Release();

  EXPECT_THAT(answer.Wait()->outputs[0].values, ElementsAre(1));
}

TEST_F(EngineLimitsTest, AStepThatIsCancelledInTheQueueIsNotExecuted) {
  Block();
  const auto answer = StartStep(WithCancellation("a"));
  const auto next = StartStep(StepOf("a", one_));
  cancellation_->Cancel();
  worker().Release();

  EXPECT_THAT(answer.Wait(), IsCancelled());
  EXPECT_THAT(next.Wait()->outputs[0].values, ElementsAre(1));
}

TEST_F(EngineLimitsTest, AStepThatIsCancelledInTheLineOfItsSessionIsNotExecuted) {
  Block();
  const auto answer = StartStep(WithCancellation("blocker"));
  cancellation_->Cancel();
  worker().Release();

  EXPECT_THAT(answer.Wait(), IsCancelled());
  EXPECT_EQ(Sum("blocker"), 1);
}

TEST_F(EngineLimitsTest, AStepThatIsCancelledWhileItRunsIsFinished) {
  Open("doubling", "a").IgnoreError();
  worker().Hold();
  const auto answer = StartStep(WithCancellation("a"));
  worker().AwaitStopped();
  cancellation_->Cancel();
  worker().Release();

  EXPECT_THAT(answer.Wait()->outputs[0].values, ElementsAre(1));
}

TEST_F(EngineLimitsTest, AnInferThatExpiresInTheQueueIsNotExecuted) {
  Block();
  const OwnedTensor input = OwnedTensor::Floats({2, 1, 1}, {1, 2});
  InferCall call = InferOf("doubling", input);
  call.limits.deadline = clock_.Now() + kSoon;
  Answer<InferResult> answer;
  engine_->Infer(call, answer.callback());
  clock_.Advance(kSoon);
  worker().Release();

  EXPECT_THAT(answer.Wait(), IsExpired());
  EXPECT_EQ(answer.num_calls(), 1);
}

TEST_F(EngineLimitsTest, AStepForAFullQueueIsRefusedAtOnce) {
  EngineOptions options;
  options.max_queued_steps = 1;
  options.retry_delay = absl::Milliseconds(30);
  Block(options);
  const auto queued = StartStep(StepOf("a", one_));
  const auto refused = StartStep(StepOf("b", one_));

  ASSERT_TRUE(refused.has_come());
  const absl::Status status = refused.Wait().status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("1 rows wait for a worker, of at most 1; 1 more"), "QUEUE_LIMIT"));
  EXPECT_EQ(RetryDelay(status), absl::Milliseconds(30));
  EXPECT_EQ(engine_->load("doubling").queued_steps, 1);
  worker().Release();
  EXPECT_THAT(queued.Wait(), IsOk());
  // The session of the refused step is free and unchanged.
  EXPECT_THAT(Step("b", {1})->outputs[0].values, ElementsAre(1));
}

TEST_F(EngineLimitsTest, ACallForAFullLineIsRefusedAtOnce) {
  EngineOptions options;
  options.sessions.max_waiting = 1;
  Block(options);
  const auto waiting = StartStep(StepOf("blocker", one_));
  const auto refused = StartStep(StepOf("blocker", one_));

  ASSERT_TRUE(refused.has_come());
  EXPECT_THAT(refused.Wait(), StatusIs(absl::StatusCode::kResourceExhausted,
                                       HasSubstr("1 calls of the session"), "SESSION_QUEUE_LIMIT"));
  worker().Release();
  EXPECT_THAT(waiting.Wait()->outputs[0].values, ElementsAre(3));
}

TEST_F(EngineLimitsTest, SessionsAndTheirBytesAreLimited) {
  EngineOptions options;
  options.sessions.max_sessions = 1;
  Restart(options);
  Open("doubling", "a").IgnoreError();
  EXPECT_THAT(Open("doubling", "b"), StatusIs(absl::StatusCode::kResourceExhausted,
                                              HasSubstr("at most 1"), "SESSION_LIMIT"));

  options.sessions.max_sessions = 10;
  options.sessions.max_state_bytes = 10;
  Restart(options);
  EXPECT_THAT(Open("doubling", "a"), StatusIs(absl::StatusCode::kResourceExhausted,
                                              HasSubstr("at most 10"), "STATE_BYTES_LIMIT"));
}

TEST_F(EngineLimitsTest, ModelsDoNotWaitForEachOther) {
  Block();
  const OwnedTensor input = OwnedTensor::Floats({1, 2}, {1, 2});
  Open("classifier", "c").IgnoreError();

  EXPECT_THAT(Step(StepOf("c", input)), IsOk());

  worker().Release();
}

TEST_F(EngineLimitsTest, DrainingRefusesWorkAndFinishesWhatWasAccepted) {
  const auto running = Block();
  const auto in_line = StartStep(StepOf("blocker", one_));
  const auto queued = StartStep(StepOf("a", one_));
  const OwnedTensor batch = OwnedTensor::Floats({1, 1, 1}, {1});
  engine_->StartDraining();
  const auto is_draining =
      StatusIs(absl::StatusCode::kUnavailable, HasSubstr("draining"), "DRAINING");

  EXPECT_THAT(Step("b", {1}), is_draining);
  EXPECT_THAT(Infer(InferOf("doubling", batch)), is_draining);
  EXPECT_THAT(Open("doubling", "new"), is_draining);
  EXPECT_FALSE(engine_->WaitUntilIdle(absl::ZeroDuration()));
  worker().Release();
  EXPECT_TRUE(engine_->WaitUntilIdle(absl::InfiniteDuration()));
  EXPECT_THAT(running.Wait()->outputs[0].values, ElementsAre(1));
  EXPECT_THAT(in_line.Wait()->outputs[0].values, ElementsAre(3));
  EXPECT_THAT(queued.Wait()->outputs[0].values, ElementsAre(1));
}

TEST_F(EngineLimitsTest, SessionsCanBeReadWrittenAndClosedWhileDraining) {
  Open("doubling", "a").IgnoreError();
  const OwnedTensor five = OwnedTensor::Floats({1}, {5});
  engine_->StartDraining();
  ResetStateCall reset;
  reset.session_ids = {"a"};

  EXPECT_THAT(SetState("a", {{"sum", "h", five}}), IsOk());
  EXPECT_EQ(Sum("a"), 5);
  EXPECT_EQ(*Reset(reset), 1);
  EXPECT_THAT(Close("a"), IsOk());
}

TEST_F(EngineLimitsTest, TheDestructorFinishesWhatWasAccepted) {
  const auto running = Block();
  const auto queued = StartStep(StepOf("a", one_));
  worker().Release();

  engine_.reset();

  EXPECT_EQ(running.num_calls(), 1);
  EXPECT_EQ(queued.num_calls(), 1);
}

TEST_F(EngineLimitsTest, ACloseWaitsForTheStepsBeforeIt) {
  const auto running = Block();
  const auto in_line = StartStep(StepOf("blocker", one_));
  Answer<uint64_t> closed;
  engine_->CloseSession({"blocker", EndReason::kStreamEnded, {}}, closed.callback());
  const auto after = StartStep(StepOf("blocker", one_));
  EXPECT_FALSE(closed.has_come());
  worker().Release();

  EXPECT_EQ(*closed.Wait(), 2u);
  EXPECT_THAT(in_line.Wait(), IsOk());
  EXPECT_THAT(after.Wait(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("its stream"),
                                     "SESSION_STREAM_ENDED"));
}

TEST_F(EngineLimitsTest, AHigherPriorityGoesFirst) {
  const auto blocker = Block();
  StepCall low = StepOf("a", one_);
  low.priority = Priority::kLow;
  StepCall high = StepOf("b", one_);
  high.priority = Priority::kHigh;
  std::vector<std::string> order;
  engine_->Step(std::move(low), [&](const auto&) { order.emplace_back("low"); });
  engine_->Step(std::move(high), [&](const auto&) { order.emplace_back("high"); });
  worker().Release();
  engine_->StartDraining();
  ASSERT_TRUE(engine_->WaitUntilIdle(absl::InfiniteDuration()));

  EXPECT_THAT(order, ElementsAre("high", "low"));
}

}  // namespace
}  // namespace rnnserve::testing
