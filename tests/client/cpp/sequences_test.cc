// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests many sequences through sessions of one stream, and padding.

#include "client/cpp/sequences.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "client/cpp/client.h"
#include "client/cpp/error.h"
#include "tests/client/fake_server.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Returns a tensor [length, 2] whose column 0 is `value`.
Tensor Constant(int64_t length, float value) {
  std::vector<float> values;
  for (int64_t t = 0; t < length; ++t) values.insert(values.end(), {value, 0});
  return Tensor({length, 2}, std::move(values));
}

class StreamSequencesTest : public ::testing::Test {
 protected:
  // Runs `sequences` and returns the first column of the outputs by sequence.
  absl::StatusOr<std::map<size_t, std::vector<float>>> Run(const std::vector<Tensor>& sequences,
                                                           const StreamSequencesOptions& options) {
    std::map<size_t, std::vector<float>> outputs;
    const auto stream = client_->OpenStream();
    absl::Status status =
        StreamSequences(*stream, "total", sequences, options, [&](const SequenceStep& step) {
          outputs[step.sequence_index].push_back(step.result.output.floats()[0]);
          last_latency_ = step.latency;
        });
    if (status.ok()) status = stream->Finish();
    if (!status.ok()) return status;
    return outputs;
  }

  FakeServer server_;
  const std::unique_ptr<Client> client_ = server_.Connect();
  absl::Duration last_latency_;
};

TEST_F(StreamSequencesTest, GivesEachSequenceItsOwnSession) {
  StreamSequencesOptions options;
  options.num_sessions = 2;

  const auto outputs = Run({Constant(3, 1), Constant(1, 5), Constant(2, 10)}, options);

  ASSERT_THAT(outputs, IsOk());
  EXPECT_THAT(outputs->at(0), ElementsAre(1, 2, 3));
  EXPECT_THAT(outputs->at(1), ElementsAre(5));
  EXPECT_THAT(outputs->at(2), ElementsAre(10, 20));
  EXPECT_TRUE(server_.AwaitOpenSessions(0));
}

TEST_F(StreamSequencesTest, CutsSequencesIntoSteps) {
  StreamSequencesOptions options;
  options.timesteps_per_step = 2;

  const auto outputs = Run({Constant(5, 1)}, options);

  ASSERT_THAT(outputs, IsOk());
  EXPECT_THAT(outputs->at(0), ElementsAre(2, 4, 5));
}

TEST_F(StreamSequencesTest, MeasuresLatencyByTheGivenClock) {
  StreamSequencesOptions options;
  absl::Duration now;
  options.clock = [&now] { return now += absl::Milliseconds(7); };

  ASSERT_THAT(Run({Constant(1, 1)}, options), IsOk());

  EXPECT_EQ(last_latency_, absl::Milliseconds(7));
}

TEST_F(StreamSequencesTest, StopsAtTheFirstErrorAndReportsItsPlace) {
  StreamSequencesOptions options;
  options.num_sessions = 1;
  Tensor bad({2, 2}, std::vector<float>{1, 1, FakeServer::kBadFeature, 1});

  const auto outputs = Run({Constant(2, 1), bad, Constant(1, 1)}, options);

  EXPECT_THAT(outputs, StatusIs(absl::StatusCode::kFailedPrecondition,
                                HasSubstr("sequence 1, timestep 1: 13 is bad")));
  EXPECT_EQ(ErrorReason(outputs.status()), "STATE_NONFINITE");
}

TEST_F(StreamSequencesTest, DoesNothingForNoSequences) { EXPECT_THAT(Run({}, {}), IsOk()); }

TEST(PadTest, FillsUpWithThePaddingAndMasksIt) {
  const std::vector<Tensor> sequences = {Constant(1, 1), Constant(3, 2)};

  const PaddedBatch batch = Pad(sequences, -9);

  EXPECT_EQ(batch.input,
            Tensor({2, 3, 2}, std::vector<float>{1, 0, -9, -9, -9, -9, /**/ 2, 0, 2, 0, 2, 0}));
  EXPECT_EQ(batch.mask, Tensor({2, 3}, std::vector<bool>{true, false, false, true, true, true}));
}

TEST(PadTest, PadsTokenIds) {
  const std::vector<Tensor> sequences = {Tensor({2}, std::vector<int32_t>{4, 5}),
                                         Tensor({1}, std::vector<int32_t>{6})};

  EXPECT_EQ(Pad(sequences, 0).input, Tensor({2, 2}, std::vector<int32_t>{4, 5, 6, 0}));
}

}  // namespace
}  // namespace rnnserve::client
