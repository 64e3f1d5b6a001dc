// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests one fault at a time, in the order given by the test: the session's reaction, its report,
// and the result of the call. The clock advances when the session waits.

#include "client/cpp/resumable_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "client/cpp/error.h"
#include "tests/client/flaky_servers.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Options = ResumableSession::Options;
using Check = ResumableSession::Check;

class ResumableSessionTest : public ::testing::Test {
 protected:
  absl::Status TryOpen(Options options = {}) {
    options.session.session_id = world_.known_id;
    options.observer = [this](const Resumption& resumption) { told_.push_back(resumption); };
    auto session =
        ResumableSession::Open(std::make_unique<FlakyServers>(&world_),
                               std::shared_ptr<RetryClock>(&world_.clock, [](auto* /*clock*/) {}),
                               "toy", std::move(options));
    if (session.ok()) session_ = *std::move(session);
    return session.status();
  }

  void Open(uint64_t checkpoint_steps, Options options = {}) {
    world_.checkpoint_steps = checkpoint_steps;
    ASSERT_THAT(TryOpen(std::move(options)), IsOk());
    world_.calls.clear();
  }

  absl::StatusOr<StepResult> Step(int64_t input, const StepOptions& options = {}) {
    return session_->Step(ToyTensor(static_cast<uint64_t>(input)), options);
  }

  // Makes steps with these inputs. Each must be answered.
  void StepAll(const std::vector<int64_t>& inputs) {
    for (const int64_t input : inputs) ASSERT_THAT(Step(input), IsOk());
  }

  // Returns the output after these inputs, as a session that never failed would give it.
  static Tensor After(const std::vector<int64_t>& inputs) {
    uint64_t state = kToyBeginning;
    for (const int64_t input : inputs) state = NextToyState(state, input);
    return ToyTensor(state);
  }

  // Makes steps with the inputs a = i and b = 7 i by name. Each must be answered.
  void StepAllByName(int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      ASSERT_THAT(session_->Step(ToyInputs(i, 7 * i)), IsOk());
    }
  }
  // Returns the state after those steps.
  static uint64_t StateByName(int64_t end) {
    uint64_t state = kToyBeginning;
    for (int64_t i = 0; i < end; ++i) state = NextToyState(state, ToyPair(i, 7 * i));
    return state;
  }
  // Expects the outputs of a session in `state`.
  static void ExpectOutputs(const std::vector<NamedTensor>& outputs, uint64_t state) {
    const std::vector<NamedTensor> expected = ToyOutputs(state);
    ASSERT_THAT(outputs, SizeIs(expected.size()));
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(outputs[i].name, expected[i].name);
      EXPECT_EQ(outputs[i].value, expected[i].value);
    }
  }

  FlakyServers::World world_;
  std::vector<Resumption> told_;
  std::unique_ptr<ResumableSession> session_;
};

TEST_F(ResumableSessionTest, SendsTheSameStepAgainAfterALostReply) {
  Open(0);
  StepAll({1});
  world_.script = {Fault::kLostReply};

  const auto result = Step(2);

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->output, After({1, 2}));
  EXPECT_EQ(result->version, 2u);
  EXPECT_TRUE(result->is_replayed);
  EXPECT_THAT(world_.calls, ElementsAre("step 0", "step 1 !3", "step 1"));
  EXPECT_THAT(told_, SizeIs(0));
}

TEST_F(ResumableSessionTest, MovesOnAndAttachesAfterTwoMissingAnswers) {
  Open(1);
  StepAll({1, 2});
  world_.script = {Fault::kTimeout, Fault::kTimeout};

  const auto result = Step(3);

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->output, After({1, 2, 3}));
  EXPECT_EQ(world_.num_moves, 1);
  ASSERT_THAT(told_, SizeIs(1));
  EXPECT_EQ(told_[0].version_before, 2u);
  EXPECT_EQ(told_[0].version_found, 3u);
  EXPECT_EQ(told_[0].epoch_before, 1u);
  EXPECT_EQ(told_[0].epoch, 2u);
  EXPECT_EQ(told_[0].num_replayed, 0u);
  EXPECT_FALSE(told_[0].is_regressed);
  EXPECT_GE(told_[0].duration, absl::Seconds(2));
}

TEST_F(ResumableSessionTest, ReplaysTheStepsThatWereNotDurableWhenItsServerWasLost) {
  Open(4);
  StepAll({1, 2, 3, 4, 5, 6});
  world_.script = {Fault::kRestart};

  const auto result = Step(7);

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->output, After({1, 2, 3, 4, 5, 6, 7}));
  ASSERT_THAT(told_, SizeIs(1));
  EXPECT_EQ(told_[0].version_before, 6u);
  EXPECT_EQ(told_[0].version_found, 4u);
  EXPECT_EQ(told_[0].durable_version_before, 4u);
  EXPECT_EQ(told_[0].num_replayed, 2u);
  EXPECT_FALSE(told_[0].is_regressed);
}

TEST_F(ResumableSessionTest, ALongReplaySurvivesLostReplies) {
  constexpr int64_t kSteps = 40;
  Open(0);
  std::vector<int64_t> inputs;
  for (int64_t i = 0; i < kSteps; ++i) inputs.push_back(i);
  StepAll(inputs);
  // The script covers the step, the attempt to attach and the opening. After that, each step of the
  // replay is sent twice.
  world_.script = {Fault::kRestart, Fault::kNone, Fault::kNone};
  for (int64_t i = 0; i < kSteps; ++i) {
    world_.script.insert(world_.script.end(), {Fault::kLostReply, Fault::kNone});
  }
  inputs.push_back(kSteps);

  const auto result = Step(kSteps);

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->output, After(inputs));
  EXPECT_THAT(world_.script, IsEmpty());
  ASSERT_THAT(told_, SizeIs(1));
  EXPECT_EQ(told_[0].version_found, 0u);
  // If the wait grew from each loss to the next, the waits would add up to more than the retry
  // time.
  EXPECT_LE(told_[0].duration, Options().retry_time / 5);
}

TEST_F(ResumableSessionTest, KeepsTheInputsAfterTheDurableVersionAndOneBefore) {
  Open(4);

  StepAll({1, 2, 3});
  EXPECT_EQ(session_->first_replayable_version(), 0u);
  StepAll({4, 5});
  EXPECT_EQ(session_->durable_version(), 4u);
  EXPECT_EQ(session_->first_replayable_version(), 3u);
}

TEST_F(ResumableSessionTest, KeepsAnUnfinishedStepThatIsDurable) {
  Open(1);
  StepAll({1});
  world_.script = {Fault::kRestartAfter};

  const auto result = Step(2);

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->output, After({1, 2}));
  EXPECT_TRUE(result->is_replayed);
  ASSERT_THAT(told_, SizeIs(1));
  EXPECT_EQ(told_[0].version_found, 2u);
}

TEST_F(ResumableSessionTest, OpensALostSessionAgainIfItHasEveryInput) {
  Open(0);
  StepAll({1, 2});
  world_.script = {Fault::kRestart};

  const auto result = Step(3);

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->output, After({1, 2, 3}));
  ASSERT_THAT(told_, SizeIs(1));
  EXPECT_TRUE(told_[0].is_reopened);
  EXPECT_EQ(told_[0].num_replayed, 2u);
}

TEST_F(ResumableSessionTest, EndsIfALossReachesBackBeforeTheLog) {
  Options options;
  options.max_log_bytes = 1;  // Room for the last step only.
  Open(0, std::move(options));
  StepAll({1, 2, 3});
  world_.script = {Fault::kRestart};

  EXPECT_THAT(Step(4), StatusIs(absl::StatusCode::kDataLoss,
                                AllOf(HasSubstr("STATE_REGRESSED"), HasSubstr("version 0"),
                                      HasSubstr("from 3 on"))));
  EXPECT_THAT(Step(5), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(told_, SizeIs(1));
}

TEST_F(ResumableSessionTest, EndsIfTheStoreLostAcceptedSteps) {
  Open(2);
  StepAll({1, 2, 3, 4, 5, 6});
  world_.script = {Fault::kOlderStore};

  EXPECT_THAT(Step(7), StatusIs(absl::StatusCode::kDataLoss,
                                AllOf(HasSubstr("STATE_REGRESSED"), HasSubstr("version 2"),
                                      HasSubstr("durable up to 6"), HasSubstr("from 5 on"))));
  ASSERT_THAT(told_, SizeIs(1));
  EXPECT_TRUE(told_[0].is_regressed);
  EXPECT_EQ(told_[0].durable_version_before, 6u);
}

TEST_F(ResumableSessionTest, ReplaysARegressionIfDurableStepsWereKept) {
  Options options;
  options.num_durable_steps_kept = 10;
  Open(2, std::move(options));
  StepAll({1, 2, 3, 4, 5, 6});
  world_.script = {Fault::kOlderStore};

  const auto result = Step(7);

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->output, After({1, 2, 3, 4, 5, 6, 7}));
  ASSERT_THAT(told_, SizeIs(1));
  EXPECT_TRUE(told_[0].is_regressed);
  EXPECT_EQ(told_[0].version_found, 2u);
  EXPECT_EQ(told_[0].num_replayed, 4u);
}

TEST_F(ResumableSessionTest, ForgetsADurableVersionThatWasLost) {
  Options options;
  options.num_durable_steps_kept = 10;
  Open(3, std::move(options));
  StepAll({1, 2, 3, 4, 5, 6});
  world_.num_checkpoints_lost = 1;
  world_.checkpoint_steps = 100;
  world_.script = {Fault::kOlderStore};

  ASSERT_THAT(Step(7), IsOk());

  EXPECT_EQ(told_[0].version_found, 3u);
  EXPECT_EQ(session_->durable_version(), 3u);
}

TEST_F(ResumableSessionTest, EndsIfAReplayedOutputDiffers) {
  Open(4);
  StepAll({1, 2, 3, 4, 5, 6});
  world_.output_error = 1;
  world_.script = {Fault::kRestart};

  EXPECT_THAT(Step(7), StatusIs(absl::StatusCode::kDataLoss,
                                AllOf(HasSubstr("OUTPUT_DIFFERS"), HasSubstr("step 4"))));
  ASSERT_THAT(told_, SizeIs(1));
  EXPECT_TRUE(told_[0].has_different_outputs);
}

TEST_F(ResumableSessionTest, ContinuesWithDifferentOutputsIfTheyAreOnlyReported) {
  Options options;
  options.check = Check::kReport;
  Open(4, std::move(options));
  StepAll({1, 2, 3, 4, 5, 6});
  world_.output_error = 1;
  world_.script = {Fault::kRestart};

  EXPECT_THAT(Step(7), IsOk());
  ASSERT_THAT(told_, SizeIs(1));
  EXPECT_TRUE(told_[0].has_different_outputs);
}

TEST_F(ResumableSessionTest, ComparesNothingIfTheCheckIsOff) {
  Options options;
  options.check = Check::kOff;
  Open(4, std::move(options));
  StepAll({1, 2, 3, 4, 5, 6});
  world_.output_error = 1;
  world_.script = {Fault::kRestart};

  EXPECT_THAT(Step(7), IsOk());
  ASSERT_THAT(told_, SizeIs(1));
  EXPECT_FALSE(told_[0].has_different_outputs);
}

TEST_F(ResumableSessionTest, StopsForGoodWhenAnotherWriterTookOver) {
  Open(0);
  StepAll({1});
  world_.script = {Fault::kTakeover};

  EXPECT_EQ(ErrorReason(Step(2).status()), "STEP_FENCED");
  EXPECT_THAT(Step(2), StatusIs(absl::StatusCode::kAborted, HasSubstr("another writer")));
  EXPECT_THAT(session_->ResetState(), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(session_->Close(), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(world_.calls, ElementsAre("step 0", "step 1 !12"));
}

TEST_F(ResumableSessionTest, StopsWhenTheUnfinishedStepWasMadeByAnotherWriter) {
  Open(0);
  world_.servers.resize(1);
  StepAll({1, 2});
  world_.script = {Fault::kLostRequest, Fault::kLostRequest, Fault::kTakeoverAndStep};

  const auto result = Step(3);

  EXPECT_EQ(ErrorReason(result.status()), "STEP_REUSED");
  EXPECT_THAT(Step(4), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(ResumableSessionTest, StopsWhenAnotherWriterMadeThePreviousStep) {
  Open(1);
  StepAll({1, 2});
  // The session's second step was lost with the store, and the other writer made one in its place.
  world_.num_checkpoints_lost = 1;
  world_.script = {Fault::kOlderStore, Fault::kLostRequest, Fault::kTakeoverAndStep};

  const auto result = Step(3);

  EXPECT_EQ(ErrorReason(result.status()), "STEP_REUSED");
}

TEST_F(ResumableSessionTest, StopsWhenAnotherWriterIsAhead) {
  Open(0);
  world_.servers.resize(1);
  StepAll({1, 2, 3});
  world_.script = {Fault::kLostReply, Fault::kLostRequest, Fault::kTakeoverAndStep};

  EXPECT_THAT(Step(4), StatusIs(absl::StatusCode::kAborted,
                                AllOf(HasSubstr("5 steps"), HasSubstr("3 are known"))));
}

TEST_F(ResumableSessionTest, WaitsAsLongAsABusyServerAsks) {
  Open(0);
  world_.script = {Fault::kBusy, Fault::kBusy};
  const absl::Duration before = world_.clock.Now();

  EXPECT_THAT(Step(1), IsOk());
  EXPECT_GE(world_.clock.Now() - before, absl::Milliseconds(100));
  EXPECT_THAT(told_, SizeIs(0));
}

TEST_F(ResumableSessionTest, GivesUpAStepThatABusyServerNeverAccepted) {
  Open(0);
  world_.weather = [] { return Fault::kBusy; };
  StepOptions options;
  options.timeout = absl::Milliseconds(300);

  EXPECT_THAT(Step(1, options), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("full")));
  EXPECT_FALSE(session_->has_unfinished_step());
  world_.weather = [] { return Fault::kNone; };
  EXPECT_EQ(Step(2)->output, After({2}));
}

TEST_F(ResumableSessionTest, FinishesAStepThatMayHaveBeenPerformedBeforeTheNext) {
  Open(0);
  world_.weather = [] { return Fault::kLostReply; };

  EXPECT_THAT(Step(1).status().message(), HasSubstr("step 0 may have been performed"));
  EXPECT_TRUE(session_->has_unfinished_step());
  world_.weather = [] { return Fault::kNone; };
  EXPECT_THAT(Step(2), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("unfinished")));
  EXPECT_THAT(session_->ResetState(), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(session_->FinishStep()->output, After({1}));
  EXPECT_THAT(session_->FinishStep(), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(Step(2)->output, After({1, 2}));
}

TEST_F(ResumableSessionTest, ForgetsAStepThatIsRefusedForItsContent) {
  Open(0);
  StepAll({1});
  world_.refused_input = 13;

  EXPECT_THAT(Step(13), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("refused")));
  EXPECT_FALSE(session_->has_unfinished_step());
  EXPECT_EQ(Step(2)->output, After({1, 2}));
}

TEST_F(ResumableSessionTest, StepsByNameAreReplayedWithEveryInput) {
  Open(4);
  StepAllByName(0, 6);
  world_.script = {Fault::kRestart};

  const auto result = session_->Step(ToyInputs(6, 42));

  ASSERT_THAT(result, IsOk());
  ExpectOutputs(result->outputs, StateByName(7));
  ASSERT_THAT(told_, SizeIs(1));
  EXPECT_EQ(told_[0].version_found, 4u);
  EXPECT_EQ(told_[0].num_replayed, 2u);
  EXPECT_FALSE(told_[0].has_different_outputs);
}

TEST_F(ResumableSessionTest, AStepByNameIsSentAgainWithEveryInput) {
  Open(0);
  StepAllByName(0, 1);
  world_.script = {Fault::kLostReply};

  const auto result = session_->Step(ToyInputs(1, 7));

  ASSERT_THAT(result, IsOk());
  EXPECT_TRUE(result->is_replayed);
  ExpectOutputs(result->outputs, StateByName(2));
}

TEST_F(ResumableSessionTest, EndsIfAnyReplayedOutputDiffers) {
  Open(4);
  StepAllByName(0, 6);
  world_.output_error = 1;  // in the second output alone
  world_.script = {Fault::kRestart};

  EXPECT_THAT(session_->Step(ToyInputs(6, 42)),
              StatusIs(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr("OUTPUT_DIFFERS"), HasSubstr("step 4"))));
}

TEST_F(ResumableSessionTest, ResetsWithAStepByName) {
  Open(0);
  StepAllByName(0, 3);

  ASSERT_THAT(session_->ResetState(), IsOk());

  ExpectOutputs(session_->Step(ToyInputs(0, 0))->outputs, StateByName(1));
}

TEST_F(ResumableSessionTest, NumbersItsStepsByItself) {
  Open(0);
  StepOptions options;
  options.step_index = 0;

  EXPECT_THAT(Step(1, options), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(ResumableSessionTest, LeavesAServerThatDrains) {
  Open(4);
  StepAll({1, 2});
  world_.script = {Fault::kDrain};

  EXPECT_EQ(Step(3)->output, After({1, 2, 3}));
  EXPECT_EQ(world_.num_moves, 1);
  ASSERT_THAT(told_, SizeIs(1));
  EXPECT_EQ(told_[0].version_found, 2u);
}

TEST_F(ResumableSessionTest, ResetsWithTheNextStep) {
  Open(0);
  StepAll({1, 2});

  ASSERT_THAT(session_->ResetState(), IsOk());
  const auto first = Step(3);
  const auto second = Step(4);

  EXPECT_EQ(first->output, After({3}));
  EXPECT_EQ(first->version, 3u);
  EXPECT_EQ(second->output, After({3, 4}));
}

TEST_F(ResumableSessionTest, ResetsToGivenStates) {
  Open(0);
  StepAll({1, 2});

  ASSERT_THAT(session_->ResetState({{"toy", "s", ToyTensor(7)}}), IsOk());

  EXPECT_EQ(Step(3)->output, ToyTensor(NextToyState(7, 3)));
  EXPECT_THAT(world_.calls, ElementsAre("step 0", "step 1", "step 2"));
}

TEST_F(ResumableSessionTest, ResetsWithALaterStepIfTheNextIsRefused) {
  Open(0);
  StepAll({1, 2});
  world_.refused_input = 13;

  ASSERT_THAT(session_->ResetState(), IsOk());
  ASSERT_FALSE(Step(13).ok());

  EXPECT_EQ(Step(3)->output, After({3}));
}

TEST_F(ResumableSessionTest, ReplaysAReset) {
  Open(0);
  StepAll({1, 2});
  ASSERT_THAT(session_->ResetState(), IsOk());
  StepAll({3});
  world_.script = {Fault::kRestart};

  EXPECT_EQ(Step(4)->output, After({3, 4}));
  EXPECT_EQ(told_[0].num_replayed, 3u);
}

TEST_F(ResumableSessionTest, OpensOnceEvenIfTheAnswerWasLost) {
  world_.servers.resize(1);
  world_.script = {Fault::kLostReply};

  ASSERT_THAT(TryOpen(), IsOk());

  EXPECT_THAT(world_.calls, ElementsAre("open !3", "open", "attach"));
  EXPECT_EQ(Step(1)->output, After({1}));
}

TEST_F(ResumableSessionTest, DoesNotTakeAnIdThatIsOpen) {
  world_.servers[0][world_.known_id] = {};

  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_F(ResumableSessionTest, IsNotOpenedIfNobodyAnswersInTime) {
  world_.weather = [] { return Fault::kLostRequest; };
  Options options;
  options.retry_time = absl::Seconds(3);
  const absl::Duration before = world_.clock.Now();

  EXPECT_FALSE(TryOpen(std::move(options)).ok());
  EXPECT_LE(world_.clock.Now() - before, absl::Seconds(3));
}

TEST_F(ResumableSessionTest, ClosesEvenIfTheAnswerWasLost) {
  Open(0);
  world_.servers.resize(1);
  world_.script = {Fault::kLostReply};

  EXPECT_THAT(session_->Close(), IsOk());
  EXPECT_THAT(world_.servers[0], SizeIs(0));
  EXPECT_THAT(Step(1), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("closed")));
}

TEST_F(ResumableSessionTest, ClosesWhenDestroyedUnlessReleased) {
  Open(0);
  session_.reset();
  EXPECT_THAT(world_.servers[0], SizeIs(0));

  Open(0);
  EXPECT_EQ(session_->Release(), world_.known_id);
  session_.reset();
  EXPECT_THAT(world_.servers[0], SizeIs(1));
}

}  // namespace
}  // namespace rnnserve::client
