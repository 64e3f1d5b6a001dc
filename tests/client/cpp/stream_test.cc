// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests a stream: order, pipelining, bounds, and that every callback is called exactly once,
// whichever way the stream ends.

#include "client/cpp/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "absl/synchronization/mutex.h"
#include "client/cpp/client.h"
#include "client/cpp/error.h"
#include "tests/client/fake_server.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::StatusIs;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

Tensor Frame(float a, float b) { return Tensor({1, 2}, std::vector<float>{a, b}); }

// Collects what callbacks receive, even after this object is gone: a stream answers its last steps
// when it is destroyed. Thread-safe.
class Answers {
 public:
  StepCallback Callback() {
    return [list = list_](absl::StatusOr<StepResult> result) {
      absl::MutexLock lock(&list->mu);
      list->answers.push_back(std::move(result));
    };
  }

  std::vector<absl::StatusOr<StepResult>> Take() {
    absl::MutexLock lock(&list_->mu);
    return std::move(list_->answers);
  }

 private:
  struct List {
    absl::Mutex mu;
    std::vector<absl::StatusOr<StepResult>> answers;
  };
  const std::shared_ptr<List> list_ = std::make_shared<List>();
};

class StreamTest : public ::testing::Test {
 protected:
  FakeServer server_;
  const std::unique_ptr<Client> client_ = server_.Connect();
};

TEST_F(StreamTest, DoesStepsOfASessionInTheOrderSent) {
  constexpr int kSteps = 5000;  // More than one message can hold.
  const auto stream = client_->OpenStream();
  Session session = stream->OpenSession("total").value();
  Answers answers;

  for (int i = 0; i < kSteps; ++i) session.StepAsync(Frame(1, 0), {}, answers.Callback());
  ASSERT_THAT(stream->Finish(), IsOk());

  const auto results = answers.Take();
  ASSERT_EQ(results.size(), static_cast<size_t>(kSteps));
  for (int i = 0; i < kSteps; ++i) {
    ASSERT_EQ(results[static_cast<size_t>(i)]->output.floats()[0], static_cast<float>(i + 1));
  }
}

TEST_F(StreamTest, CarriesManyConcurrentSessions) {
  const auto stream = client_->OpenStream();
  std::vector<Session> sessions;
  std::vector<Answers> answers(50);
  for (size_t i = 0; i < answers.size(); ++i) {
    sessions.push_back(stream->OpenSession("total").value());
  }

  for (size_t i = 0; i < answers.size(); ++i) {
    sessions[i].StepAsync(Frame(static_cast<float>(i) + 20, 1), {}, answers[i].Callback());
  }
  ASSERT_THAT(stream->Finish(), IsOk());

  for (size_t i = 0; i < answers.size(); ++i) {
    const auto results = answers[i].Take();
    ASSERT_EQ(results.size(), 1u);
    EXPECT_EQ(results[0]->output.floats()[0], static_cast<float>(i) + 20);
  }
}

TEST_F(StreamTest, ContinuesAfterAFailedAction) {
  const auto stream = client_->OpenStream();
  Session session = stream->OpenSession("total").value();
  Answers answers;

  session.StepAsync(Frame(1, 2), {}, answers.Callback());
  session.StepAsync(Frame(FakeServer::kBadFeature, 0), {}, answers.Callback());
  session.StepAsync(Frame(1, 2), {}, answers.Callback());
  ASSERT_THAT(stream->Finish(), IsOk());

  const auto results = answers.Take();
  ASSERT_EQ(results.size(), 3u);
  EXPECT_THAT(results[0], IsOk());
  EXPECT_EQ(ErrorReason(results[1].status()), "STATE_NONFINITE");
  EXPECT_THAT(results[2]->output.floats(), ElementsAre(2, 4));
}

TEST_F(StreamTest, RefusesMoreThanMayWait) {
  const auto stream = client_->OpenStream(StreamOptions{2});
  Session session = stream->OpenSession("silent").value();
  Answers waiting;
  Answers refused;
  session.StepAsync(Frame(1, 2), {}, waiting.Callback());
  session.StepAsync(Frame(1, 2), {}, waiting.Callback());

  session.StepAsync(Frame(1, 2), {}, refused.Callback());

  EXPECT_THAT(refused.Take(), ElementsAre(StatusIs(absl::StatusCode::kResourceExhausted,
                                                   HasSubstr("2 actions wait"))));
  EXPECT_THAT(waiting.Take(), SizeIs(0));
}

TEST_F(StreamTest, DestructorAnswersPendingActions) {
  Answers answers;
  {
    const auto stream = client_->OpenStream();
    Session session = stream->OpenSession("silent").value();
    session.StepAsync(Frame(1, 2), {}, answers.Callback());
    session.StepAsync(Frame(1, 2), {}, answers.Callback());
    session.Release();
  }

  EXPECT_THAT(answers.Take(), AllOf(SizeIs(2), Each(StatusIs(absl::StatusCode::kCancelled))));
}

TEST_F(StreamTest, AStepGivesUpAfterItsTimeout) {
  const auto stream = client_->OpenStream();
  Session session = stream->OpenSession("silent").value();
  StepOptions options;
  options.timeout = absl::Milliseconds(20);

  EXPECT_THAT(session.Step(Frame(1, 2), options),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("20ms")));
}

TEST_F(StreamTest, ReportsWhyTheServerEndedIt) {
  const auto stream = client_->OpenStream();
  Session session = stream->OpenSession("sums").value();
  server_.EndStreamsAtNextMessage();

  const auto result = session.Step(Frame(1, 2));

  EXPECT_THAT(result, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("drains")));
  EXPECT_EQ(ErrorReason(result.status()), "DRAINING");
  EXPECT_EQ(ErrorReason(stream->Finish()), "DRAINING");
  EXPECT_EQ(ErrorReason(session.Step(Frame(1, 2)).status()), "DRAINING");
}

TEST_F(StreamTest, DeliversNotices) {
  v1::StreamNotice expiring;
  expiring.set_session_id("a");
  expiring.mutable_expiring()->set_remaining_ms(1500);
  v1::StreamNotice ended;
  ended.set_session_id("b");
  ended.mutable_ended()->set_reason("SESSION_EVICTED");
  v1::StreamNotice moving;
  moving.set_session_id("c");
  moving.mutable_moving()->set_resume_token("token");
  v1::StreamNotice lost;
  lost.set_session_id("d");
  lost.mutable_moving();
  v1::StreamNotice draining;
  draining.mutable_moving();
  v1::StreamNotice of_another_kind;
  of_another_kind.set_session_id("e");
  std::vector<std::string> told;
  std::string token;
  StreamOptions options;
  options.on_notice = [&told, &token](const Notice& notice) {
    told.push_back(Describe(notice));
    token += notice.resume_token;
  };
  const auto stream = client_->OpenStream(options);
  server_.SendNoticesAtNextMessage({expiring, ended, moving, lost, draining, of_another_kind});

  // The answer comes after the notices.
  EXPECT_THAT(stream->OpenSession("sums"), IsOk());

  EXPECT_THAT(told,
              ElementsAre("session a: will expire in 1.5s", "session b: has ended: SESSION_EVICTED",
                          "session c: has to move: its server drains",
                          "session d: will be lost: its server drains", "the server drains"));
  EXPECT_EQ(token, "token");
}

TEST_F(StreamTest, IgnoresNoticesWithoutACallback) {
  const auto stream = client_->OpenStream();
  v1::StreamNotice notice;
  notice.mutable_moving();
  server_.SendNoticesAtNextMessage({notice});

  EXPECT_THAT(stream->OpenSession("sums"), IsOk());
}

TEST_F(StreamTest, RefusesActionsAfterFinish) {
  const auto stream = client_->OpenStream();
  ASSERT_THAT(stream->Finish(), IsOk());

  EXPECT_THAT(stream->OpenSession("sums"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("has ended")));
}

TEST_F(StreamTest, FinishGivesUpAfterItsTimeoutAndCancels) {
  const auto stream = client_->OpenStream();
  Session session = stream->OpenSession("silent").value();
  Answers answers;
  session.StepAsync(Frame(1, 2), {}, answers.Callback());

  EXPECT_THAT(stream->Finish(CallOptions{absl::Milliseconds(20)}),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("1 actions unanswered")));
  EXPECT_THAT(stream->Finish(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(answers.Take(), ElementsAre(StatusIs(absl::StatusCode::kCancelled)));
}

TEST_F(StreamTest, OutlivesItsClient) {
  std::unique_ptr<Client> client = server_.Connect();
  const auto stream = client->OpenStream();
  client.reset();

  EXPECT_THAT(stream->OpenSession("sums"), IsOk());
}

TEST_F(StreamTest, ReportsThatTheServerIsGone) {
  auto server = std::make_unique<FakeServer>();
  const std::unique_ptr<Client> client = server->Connect();
  server.reset();
  const auto stream = client->OpenStream();

  EXPECT_THAT(stream->OpenSession("sums"), StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace rnnserve::client
