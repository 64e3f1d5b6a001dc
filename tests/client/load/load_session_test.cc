// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests what one session of a load sends, action by action.

#include "client/load/load_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace rnnserve::client {
namespace {

using ::testing::ElementsAre;

class LoadSessionTest : public ::testing::Test {
 protected:
  static ModelInput MakeInput() {
    v1::DescribeModelResponse model;
    model.mutable_input()->set_dtype(v1::DATA_TYPE_FLOAT32);
    model.mutable_input()->add_shape(2);
    return ModelInput::Make(model, 3, 1).value();
  }

  LoadSession Make(uint64_t seed) { return Make(seed, lengths_); }

  LoadSession Make(uint64_t seed, const LengthDistribution& lengths) {
    return LoadSession(model_, 0, lengths, /*chunk_timesteps=*/3, absl::Milliseconds(50), "bench-1",
                       Random(seed));
  }

  // Runs one sequence and returns the timesteps of its steps.
  static std::vector<int64_t> RunSequence(LoadSession& session) {
    v1::StreamAction action;
    session.Open(&action);
    std::vector<int64_t> steps;
    while (!session.is_at_end()) {
      steps.push_back(session.Step(&action));
      EXPECT_EQ(action.step().input().shape(0), steps.back());
    }
    session.Close(&action);
    return steps;
  }

  const LoadSession::Model model_{"sums", MakeInput()};
  const LengthDistribution lengths_ = LengthDistribution::Parse("fixed:7").value();
};

TEST_F(LoadSessionTest, GivesEverySequenceANewId) {
  LoadSession session = Make(1);
  v1::StreamAction action;

  session.Open(&action);
  EXPECT_EQ(action.open().model(), "sums");
  EXPECT_EQ(action.open().session_id(), "bench-1.1");
  session.Step(&action);
  EXPECT_EQ(action.step().session_id(), "bench-1.1");
  session.Close(&action);
  EXPECT_EQ(action.close().session_id(), "bench-1.1");
  EXPECT_FALSE(session.is_open());
  session.Open(&action);
  EXPECT_EQ(action.open().session_id(), "bench-1.2");
  EXPECT_EQ(session.sequence(), 2u);
}

TEST_F(LoadSessionTest, CutsASequenceIntoChunks) {
  LoadSession session = Make(1);
  RunSequence(session);

  EXPECT_EQ(RunSequence(session), (std::vector<int64_t>{3, 3, 1}));
}

TEST_F(LoadSessionTest, SendsTheDeadlineOfAStep) {
  LoadSession session = Make(1);
  v1::StreamAction action;
  session.Open(&action);
  session.Step(&action);

  EXPECT_EQ(action.step().timeout_ms(), 50);
}

TEST_F(LoadSessionTest, FirstSequencesEndAtDifferentTimes) {
  std::set<int64_t> lengths;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    LoadSession session = Make(seed);
    int64_t length = 0;
    for (int64_t step : RunSequence(session)) length += step;
    lengths.insert(length);
  }

  EXPECT_EQ(lengths, (std::set<int64_t>{1, 2, 3, 4, 5, 6, 7}));
}

TEST_F(LoadSessionTest, FirstSequencesOfWholeStepsEndWithAWholeStep) {
  const LengthDistribution nine = LengthDistribution::Parse("fixed:9").value();
  std::set<std::vector<int64_t>> sequences;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    LoadSession session = Make(seed, nine);
    sequences.insert(RunSequence(session));
  }

  EXPECT_EQ(sequences, (std::set<std::vector<int64_t>>{{3}, {3, 3}, {3, 3, 3}}));
}

TEST_F(LoadSessionTest, AStepMayBeARowOfMany) {
  LoadSession first = Make(1);
  LoadSession second = Make(2);
  v1::StreamAction action;
  v1::StepSessionsRequest steps;
  for (LoadSession* session : {&first, &second}) {
    RunSequence(*session);  // The first sequences may end anywhere.
    session->Open(&action);
  }

  EXPECT_EQ(first.StepAsRow(&steps), 3);
  EXPECT_EQ(second.StepAsRow(&steps), 3);

  EXPECT_EQ(steps.model(), "sums");
  EXPECT_THAT(steps.session_ids(), ElementsAre("bench-1.2", "bench-1.2"));
  EXPECT_EQ(steps.timeout_ms(), 50);
  EXPECT_THAT(steps.input().shape(), ElementsAre(2, 3, 2));
  EXPECT_EQ(second.Step(&action), 3);
  EXPECT_EQ(second.Step(&action), 1);
  EXPECT_TRUE(second.is_at_end());
}

TEST_F(LoadSessionTest, OpensALostSessionAgain) {
  LoadSession session = Make(1);
  v1::StreamAction action;
  session.Open(&action);
  session.Close(&action);
  session.Open(&action);

  session.Lose(1);
  EXPECT_TRUE(session.is_open());
  session.Lose(2);
  EXPECT_FALSE(session.is_open());
}

}  // namespace
}  // namespace rnnserve::client
