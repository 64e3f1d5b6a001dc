// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the load on one stream. The test moves the clock and plays the role of gRPC; it checks what
// is written when, and how answers are counted.

#include "client/load/load_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "google/rpc/error_details.pb.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::Pair;

using Window = MeasurementWindow;

constexpr absl::Duration kBegin = absl::Seconds(100);
const absl::Status kNoAnswer = absl::DeadlineExceededError("no answer");

google::rpc::Status Error(absl::StatusCode code, const std::string& reason) {
  google::rpc::ErrorInfo info;
  info.set_domain("rnnserve");
  info.set_reason(reason);
  google::rpc::Status status;
  status.set_code(static_cast<int>(code));
  status.set_message("refused");
  status.add_details()->PackFrom(info);
  return status;
}

class LoadStreamTest : public ::testing::Test {
 protected:
  LoadStreamTest() {
    options_.timeout = absl::Seconds(1);
    options_.clock = [this] { return now_; };
    options_.on_answered = [this](size_t group, absl::Duration now) {
      answered_.push_back(group);
      EXPECT_EQ(now, now_);
    };
  }

  // Opens `num_sessions` and starts at kBegin; the measurement begins at once.
  void Begin(size_t num_sessions, const char* lengths = "fixed:1000000") {
    Open(num_sessions, lengths);
    AnswerAll();
    ASSERT_THAT(stream_->status(), IsOk());
    window_.emplace(kBegin, absl::Seconds(10), 1000);
    stream_->Start(&*window_);
    now_ = kBegin;
  }

  void Open(size_t num_sessions, const char* lengths = "fixed:1000000") {
    lengths_ = LengthDistribution::Parse(lengths).value();
    std::vector<LoadSession> sessions;
    for (size_t i = 0; i < num_sessions; ++i) {
      sessions.emplace_back(model_, 0, lengths_, 1, absl::InfiniteDuration(), absl::StrCat("s", i),
                            Random(i));
    }
    stream_ = std::make_unique<LoadStream>(std::move(sessions), options_);
    stream_->Open([this](const v1::StreamRequest& message) {
      EXPECT_FALSE(is_writing_);
      is_writing_ = true;
      message_ = message;
    });
  }

  // Ends the write in flight.
  void Written() {
    ASSERT_TRUE(is_writing_);
    is_writing_ = false;
    stream_->OnWritten();
  }

  // Ends every write and answers all its actions successfully.
  void AnswerAll() {
    while (is_writing_) {
      const v1::StreamRequest message = message_;
      Written();
      Answer(message);
    }
  }

  void Answer(const v1::StreamRequest& message) {
    v1::StreamResponse response;
    for (const v1::StreamAction& action : message.actions()) {
      response.add_results()->set_tag(action.tag());
    }
    stream_->OnResponse(response);
  }

  void Refuse(uint64_t tag, absl::StatusCode code, const std::string& reason) {
    v1::StreamResponse response;
    response.add_results()->set_tag(tag);
    *response.mutable_results(0)->mutable_error() = Error(code, reason);
    stream_->OnResponse(response);
  }

  // Answers the StepSessions of `message_`, in which row `row` of `num_rows` failed.
  void AnswerAllBut(int row, int num_rows, absl::StatusCode code, const std::string& reason) {
    v1::StreamResponse response;
    for (const v1::StreamAction& action : message_.actions()) {
      v1::StreamResult& result = *response.add_results();
      result.set_tag(action.tag());
      if (!action.has_step_sessions()) continue;
      v1::StepSessionsResponse& steps = *result.mutable_step_sessions();
      for (int i = 0; i < num_rows; ++i) steps.add_versions(i == row ? 0 : 1);
      steps.add_errors()->set_row(row);
      *steps.mutable_errors(0)->mutable_error() = Error(code, reason);
    }
    stream_->OnResponse(response);
  }

  LoadTally Collect() {
    stream_->OnEnd(absl::OkStatus());
    return stream_->Collect(now_, kNoAnswer);
  }

  std::vector<v1::StreamAction::KindCase> Kinds() const {
    std::vector<v1::StreamAction::KindCase> kinds;
    for (const v1::StreamAction& action : message_.actions()) kinds.push_back(action.kind_case());
    return kinds;
  }

  static ModelInput MakeInput() {
    v1::DescribeModelResponse model;
    model.mutable_input()->set_dtype(v1::DATA_TYPE_FLOAT32);
    return ModelInput::Make(model, 1, 1).value();
  }

  const LoadSession::Model model_{"sums", MakeInput()};
  LengthDistribution lengths_;
  absl::Duration now_ = absl::Seconds(50);
  LoadStream::Options options_;
  std::optional<MeasurementWindow> window_;
  bool is_writing_ = false;
  v1::StreamRequest message_;
  std::vector<size_t> answered_;
  std::unique_ptr<LoadStream> stream_;
};

TEST_F(LoadStreamTest, OpensEverySessionAndIsIdleWhenAllAreAnswered) {
  Open(1030);
  EXPECT_EQ(message_.actions_size(), 1024);
  const v1::StreamRequest first = message_;
  Written();
  EXPECT_EQ(message_.actions_size(), 6);
  Written();

  Answer(first);
  EXPECT_FALSE(stream_->is_idle());
  Answer(message_);
  EXPECT_TRUE(stream_->is_idle());
}

TEST_F(LoadStreamTest, ReportsThatASessionWasNotOpened) {
  Open(1);
  Refuse(message_.actions(0).tag(), absl::StatusCode::kNotFound, "MODEL_NOT_FOUND");

  EXPECT_THAT(stream_->status(), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(LoadStreamTest, LatencyCountsFromTheScheduledTime) {
  Begin(1);
  now_ = kBegin + absl::Milliseconds(30);  // The sender is 20 ms late.
  stream_->Send(0, kBegin + absl::Milliseconds(10));
  now_ += absl::Milliseconds(5);
  AnswerAll();

  const LoadTally tally = Collect();

  EXPECT_EQ(tally.num_steps, 1u);
  EXPECT_EQ(tally.num_answered, 1u);
  EXPECT_EQ(tally.AllLatencies().max(), absl::Milliseconds(25));
  EXPECT_TRUE(tally.errors.empty());
}

TEST_F(LoadStreamTest, AStalledServerDelaysAllStepsThatAreDueMeanwhile) {
  Begin(1);
  for (int i = 0; i < 10; ++i) {
    now_ = kBegin + absl::Milliseconds(100 * i);
    stream_->Send(0, now_);
  }
  EXPECT_EQ(message_.actions_size(), 1);  // The first write has not ended.
  now_ = kBegin + absl::Milliseconds(950);
  AnswerAll();

  const LoadTally tally = Collect();

  EXPECT_EQ(tally.num_answered, 10u);
  EXPECT_EQ(tally.num_messages, 10u);
  EXPECT_EQ(tally.AllLatencies().max(), absl::Milliseconds(950));
  EXPECT_EQ(tally.AllLatencies().min(), absl::Milliseconds(50));
}

TEST_F(LoadStreamTest, AMessageCarriesAStepOfEachSessionOfItsGroup) {
  options_.sessions_per_message = 3;
  Begin(6);

  stream_->Send(1, now_);

  ASSERT_EQ(message_.actions_size(), 3);
  EXPECT_EQ(message_.actions(0).step().session_id(), "s3.1");
  EXPECT_EQ(message_.actions(1).step().session_id(), "s4.1");
  EXPECT_EQ(message_.actions(2).step().session_id(), "s5.1");
}

TEST_F(LoadStreamTest, AGroupIsAnsweredWhenAllItsStepsAre) {
  options_.sessions_per_message = 2;
  Begin(4);
  stream_->Send(1, now_);
  v1::StreamRequest first = message_;
  v1::StreamRequest second = message_;
  first.mutable_actions()->DeleteSubrange(1, 1);
  second.mutable_actions()->DeleteSubrange(0, 1);

  Answer(first);
  EXPECT_TRUE(answered_.empty());
  Answer(second);
  EXPECT_THAT(answered_, ElementsAre(1));
}

TEST_F(LoadStreamTest, OneActionMayStepAllSessionsOfAGroup) {
  options_.sessions_per_message = 3;
  options_.uses_step_sessions = true;
  Begin(6);

  stream_->Send(1, now_);

  ASSERT_THAT(Kinds(), ElementsAre(v1::StreamAction::kStepSessions));
  const v1::StepSessionsRequest& steps = message_.actions(0).step_sessions();
  EXPECT_EQ(steps.model(), "sums");
  EXPECT_THAT(steps.session_ids(), ElementsAre("s3.1", "s4.1", "s5.1"));
  EXPECT_THAT(steps.input().shape(), ElementsAre(3, 1));
  EXPECT_EQ(steps.input().raw().size(), 3 * sizeof(float));
}

TEST_F(LoadStreamTest, OpensBeforeTheStepsOfAGroupAndClosesAfterThem) {
  options_.sessions_per_message = 2;
  options_.uses_step_sessions = true;
  Begin(2, "fixed:1");

  stream_->Send(0, now_);
  EXPECT_THAT(Kinds(), ElementsAre(v1::StreamAction::kStepSessions, v1::StreamAction::kClose,
                                   v1::StreamAction::kClose));
  AnswerAll();
  stream_->Send(0, now_);
  EXPECT_THAT(Kinds(), ElementsAre(v1::StreamAction::kOpen, v1::StreamAction::kOpen,
                                   v1::StreamAction::kStepSessions, v1::StreamAction::kClose,
                                   v1::StreamAction::kClose));
  EXPECT_THAT(message_.actions(2).step_sessions().session_ids(), ElementsAre("s0.2", "s1.2"));
  AnswerAll();

  EXPECT_TRUE(stream_->is_idle());
  EXPECT_THAT(answered_, ElementsAre(0, 0));
  const LoadTally tally = Collect();
  EXPECT_EQ(tally.num_answered, 4u);
  EXPECT_EQ(tally.num_messages, 2u);
  EXPECT_EQ(tally.num_sequences, 2u);
}

TEST_F(LoadStreamTest, EachRowOfStepSessionsIsAStep) {
  options_.sessions_per_message = 3;
  options_.uses_step_sessions = true;
  Begin(6);
  stream_->Send(1, now_);
  now_ += absl::Milliseconds(7);
  Written();
  AnswerAllBut(1, 3, absl::StatusCode::kResourceExhausted, "DEADLINE_UNREACHABLE");

  const LoadTally tally = Collect();

  EXPECT_THAT(answered_, ElementsAre(1));
  EXPECT_EQ(tally.num_steps, 3u);
  EXPECT_EQ(tally.num_sent, 3u);
  EXPECT_EQ(tally.num_answered, 2u);
  EXPECT_EQ(tally.num_responses, 1u);
  EXPECT_EQ(tally.num_results, 3u);
  EXPECT_EQ(tally.answers_by_time[0].num_timesteps, 2u);
  EXPECT_EQ(tally.AllLatencies().count(), 2u);
  EXPECT_EQ(tally.AllLatencies().max(), absl::Milliseconds(7));
  EXPECT_EQ(tally.errors.at({"step", "RESOURCE_EXHAUSTED", "DEADLINE_UNREACHABLE"}).count, 1u);
}

TEST_F(LoadStreamTest, OpensTheSessionOfALostRowAgain) {
  options_.sessions_per_message = 3;
  options_.uses_step_sessions = true;
  Begin(3);
  stream_->Send(0, now_);
  AnswerAllBut(2, 3, absl::StatusCode::kNotFound, "SESSION_EXPIRED");
  Written();

  stream_->Send(0, now_);

  EXPECT_THAT(Kinds(), ElementsAre(v1::StreamAction::kOpen, v1::StreamAction::kStepSessions));
  EXPECT_EQ(message_.actions(0).open().session_id(), "s2.2");
  EXPECT_THAT(message_.actions(1).step_sessions().session_ids(),
              ElementsAre("s0.1", "s1.1", "s2.2"));
}

TEST_F(LoadStreamTest, AFailedStepSessionsFailsEachRow) {
  options_.sessions_per_message = 3;
  options_.uses_step_sessions = true;
  Begin(3);
  stream_->Send(0, now_);
  Refuse(message_.actions(0).tag(), absl::StatusCode::kNotFound, "MODEL_NOT_FOUND");
  Written();
  stream_->Send(0, now_);
  EXPECT_EQ(message_.actions_size(), 4);  // All sessions were lost and are opened again.

  const LoadTally tally = Collect();

  EXPECT_EQ(tally.num_answered, 0u);
  EXPECT_EQ(tally.errors.at({"step", "NOT_FOUND", "MODEL_NOT_FOUND"}).count, 3u);
  EXPECT_EQ(tally.errors.at({"step", "DEADLINE_EXCEEDED", "NOT_ANSWERED"}).count, 3u);
  EXPECT_EQ(tally.AllLatencies().count(), 3u);
}

TEST_F(LoadStreamTest, ClosesAtTheEndOfASequenceAndOpensWithTheNextStep) {
  Begin(1, "fixed:1");

  stream_->Send(0, now_);
  EXPECT_THAT(Kinds(), ElementsAre(v1::StreamAction::kStep, v1::StreamAction::kClose));
  AnswerAll();
  stream_->Send(0, now_);
  EXPECT_THAT(Kinds(), ElementsAre(v1::StreamAction::kOpen, v1::StreamAction::kStep,
                                   v1::StreamAction::kClose));
  EXPECT_EQ(message_.actions(1).step().session_id(), "s0.2");
  AnswerAll();

  const LoadTally tally = Collect();
  EXPECT_EQ(tally.num_steps, 2u);
  EXPECT_EQ(tally.num_answered, 2u);
  EXPECT_EQ(tally.num_sequences, 1u);
}

TEST_F(LoadStreamTest, CountsRefusalsByReasonAndWithoutTheirLatency) {
  Begin(1);
  stream_->Send(0, now_);
  Refuse(message_.actions(0).tag(), absl::StatusCode::kResourceExhausted, "QUEUE_FULL");
  EXPECT_THAT(answered_, ElementsAre(0));
  Written();
  stream_->Send(0, now_);
  EXPECT_THAT(Kinds(), ElementsAre(v1::StreamAction::kStep));
  Answer(message_);

  const LoadTally tally = Collect();

  EXPECT_EQ(tally.num_steps, 2u);
  EXPECT_EQ(tally.num_answered, 1u);
  EXPECT_EQ(tally.NumFailedSteps(), 1u);
  EXPECT_EQ(tally.AllLatencies().count(), 1u);
  ASSERT_EQ(tally.errors.size(), 1u);
  EXPECT_EQ(tally.errors.begin()->first, (LoadError{"step", "RESOURCE_EXHAUSTED", "QUEUE_FULL"}));
  EXPECT_EQ(tally.errors.begin()->second.example.message(), "refused");
}

TEST_F(LoadStreamTest, OpensALostSessionAgain) {
  Begin(1);
  stream_->Send(0, now_);
  Refuse(message_.actions(0).tag(), absl::StatusCode::kNotFound, "SESSION_EXPIRED");
  Written();

  stream_->Send(0, now_);

  EXPECT_THAT(Kinds(), ElementsAre(v1::StreamAction::kOpen, v1::StreamAction::kStep));
  EXPECT_EQ(message_.actions(1).step().session_id(), "s0.2");
}

TEST_F(LoadStreamTest, ALateAnswerHasFailedButItsLatencyCounts) {
  Begin(1);
  stream_->Send(0, now_);
  now_ += absl::Seconds(3);
  AnswerAll();

  const LoadTally tally = Collect();

  EXPECT_EQ(tally.num_answered, 0u);
  EXPECT_EQ(tally.errors.begin()->first, (LoadError{"step", "DEADLINE_EXCEEDED", "ANSWERED_LATE"}));
  EXPECT_EQ(tally.AllLatencies().max(), absl::Seconds(3));
}

TEST_F(LoadStreamTest, AnUnansweredStepHasFailedAndCountsWithItsAge) {
  options_.sessions_per_message = 2;
  Begin(2);
  stream_->Send(0, now_);
  stream_->Send(0, now_ + absl::Seconds(1));  // The first write does not end.
  now_ += absl::Seconds(4);
  EXPECT_FALSE(stream_->is_idle());

  const LoadTally tally = Collect();

  EXPECT_EQ(tally.num_steps, 4u);
  EXPECT_EQ(tally.num_sent, 2u);
  EXPECT_EQ(tally.NumFailedSteps(), 4u);
  EXPECT_EQ(tally.errors.at({"step", "DEADLINE_EXCEEDED", "NOT_ANSWERED"}).count, 2u);
  EXPECT_EQ(tally.errors.at({"step", "DEADLINE_EXCEEDED", "NOT_SENT"}).count, 2u);
  EXPECT_EQ(tally.AllLatencies().max(), absl::Seconds(4));
  EXPECT_EQ(tally.AllLatencies().min(), absl::Seconds(3));
}

TEST_F(LoadStreamTest, SendsNothingOnAStreamThatHasEnded) {
  Begin(1);
  stream_->Send(0, now_);
  stream_->OnEnd(absl::UnavailableError("draining"));
  EXPECT_TRUE(stream_->is_idle());
  EXPECT_THAT(stream_->status(), StatusIs(absl::StatusCode::kUnavailable));
  stream_->Send(0, now_);
  Written();
  EXPECT_FALSE(is_writing_);

  const LoadTally tally = stream_->Collect(now_, stream_->status());

  EXPECT_EQ(tally.errors.at({"step", "UNAVAILABLE", "NOT_ANSWERED"}).count, 1u);
  EXPECT_EQ(tally.errors.at({"step", "UNAVAILABLE", "NOT_SENT"}).count, 1u);
}

TEST_F(LoadStreamTest, MeasuresOnlyTheWindow) {
  options_.timeout = absl::Minutes(1);
  Begin(1);
  window_.emplace(kBegin, absl::Seconds(10), 1000);
  now_ = kBegin - absl::Milliseconds(1);
  stream_->Send(0, now_);  // Warm-up; answered in the first half.
  now_ = kBegin + absl::Milliseconds(1);
  AnswerAll();
  stream_->OnResponse(v1::StreamResponse());  // Only notices, so no answer.
  stream_->Send(0, now_);                     // First half; answered in the second.
  now_ = kBegin + absl::Seconds(6);
  AnswerAll();
  stream_->Send(0, now_);  // Second half; answered afterwards.
  now_ = kBegin + absl::Seconds(10);
  AnswerAll();
  stream_->Send(0, now_);  // Too late.
  EXPECT_FALSE(is_writing_);

  const LoadTally tally = Collect();

  EXPECT_EQ(tally.num_steps, 2u);
  EXPECT_EQ(tally.num_messages, 2u);
  EXPECT_EQ(tally.num_responses, 2u);
  EXPECT_EQ(tally.answers_by_time[0].num_steps, 1u);
  EXPECT_EQ(tally.answers_by_time[1].num_steps, 1u);
  EXPECT_EQ(tally.answers_by_time[1].num_timesteps, 1u);
  EXPECT_EQ(tally.LatenciesOf(Window::kFirstHalf).count(), 1u);
  EXPECT_EQ(tally.LatenciesOf(Window::kSecondHalf).count(), 1u);
}

TEST_F(LoadStreamTest, IgnoresAnswersToUnknownTags) {
  Begin(1);
  stream_->Send(0, now_);
  const v1::StreamRequest message = message_;
  Answer(message);
  Answer(message);
  Refuse(12345, absl::StatusCode::kInternal, "");

  EXPECT_EQ(Collect().num_answered, 1u);
  EXPECT_THAT(answered_, ElementsAre(0));
}

TEST_F(LoadStreamTest, TalliesCanBeAdded) {
  Begin(1);
  stream_->Send(0, now_);
  now_ += absl::Milliseconds(2);
  Refuse(message_.actions(0).tag(), absl::StatusCode::kInternal, "");
  Written();
  stream_->Send(0, now_);
  now_ += absl::Milliseconds(2);
  AnswerAll();
  const LoadTally tally = Collect();
  LoadTally sum(1);

  sum.Merge(tally);
  sum.Merge(tally);

  EXPECT_EQ(sum.num_steps, 4u);
  EXPECT_EQ(sum.num_answered, 2u);
  EXPECT_EQ(sum.NumFailedSteps(), 2u);
  EXPECT_EQ(sum.num_messages, 4u);
  EXPECT_EQ(sum.num_sent, 4u);
  EXPECT_EQ(sum.num_sequences, 2u);
  EXPECT_EQ(sum.num_responses, 4u);
  EXPECT_EQ(sum.num_results, 6u);  // The lost session was opened again.
  EXPECT_EQ(sum.answers_by_time[0].num_steps, 2u);
  EXPECT_EQ(sum.AllLatencies().count(), 2u);
}

}  // namespace
}  // namespace rnnserve::client
