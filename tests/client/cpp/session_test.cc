// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests that a session gives the same results over a stream as over unary calls, and when it is
// closed and by whom.

#include "client/cpp/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
using ::testing::IsEmpty;

Tensor Frame(float a, float b) { return Tensor({1, 2}, std::vector<float>{a, b}); }

enum class Way { kStream, kUnary };

class SessionTest : public ::testing::TestWithParam<Way> {
 protected:
  absl::StatusOr<Session> Open(const std::string& model, const SessionOptions& options = {}) {
    return GetParam() == Way::kStream ? stream_->OpenSession(model, options)
                                      : client_->OpenSession(model, options);
  }

  FakeServer server_;
  const std::unique_ptr<Client> client_ = server_.Connect();
  std::unique_ptr<Stream> stream_ = client_->OpenStream();
};

INSTANTIATE_TEST_SUITE_P(, SessionTest, ::testing::Values(Way::kStream, Way::kUnary),
                         [](const auto& test) {
                           return test.param == Way::kStream ? "OverAStream" : "ByUnaryCalls";
                         });

TEST_P(SessionTest, KeepsItsStateBetweenSteps) {
  auto session = Open("sums");
  ASSERT_THAT(session, IsOk());

  ASSERT_THAT(session->Step(Frame(1, 2)), IsOk());
  const auto result = session->Step(Tensor({2, 2}, std::vector<float>{1, 1, 5, 5}));

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->output, Tensor({2, 2}, std::vector<float>{2, 3, 7, 8}));
  EXPECT_EQ(result->version, 2u);
  EXPECT_THAT(result->state, IsEmpty());
}

TEST_P(SessionTest, ReturnsTheStateIfAsked) {
  Session session = Open("total").value();
  StepOptions options;
  options.return_state = true;
  options.initial_state = {{"adder", "sum", Tensor({2}, std::vector<float>{10, 20})}};

  const auto result = session.Step(Frame(1, 2), options);

  ASSERT_THAT(result, IsOk());
  ASSERT_EQ(result->state.size(), 1u);
  EXPECT_EQ(result->state[0].layer, "adder");
  EXPECT_THAT(result->state[0].value.floats(), ElementsAre(11, 22));
}

TEST_P(SessionTest, ResetsReadsAndWritesItsState) {
  Session session = Open("total").value();
  ASSERT_THAT(session.Step(Frame(1, 2)), IsOk());

  const auto before = session.GetState();
  ASSERT_THAT(session.ResetState(), IsOk());
  const auto after_reset = session.GetState();
  ASSERT_THAT(session.SetState(*before), IsOk());
  const auto restored = session.GetState();

  EXPECT_THAT(before->at(0).value.floats(), ElementsAre(1, 2));
  EXPECT_THAT(after_reset->at(0).value.floats(), ElementsAre(0, 0));
  EXPECT_THAT(restored->at(0).value.floats(), ElementsAre(1, 2));
}

TEST_P(SessionTest, StartsFromGivenStates) {
  SessionOptions options;
  options.initial_state = {{"adder", "sum", Tensor({2}, std::vector<float>{100, 200})}};

  Session session = Open("total", options).value();

  EXPECT_THAT(session.GetState()->at(0).value.floats(), ElementsAre(100, 200));
}

TEST_P(SessionTest, ARefusedStepReportsTheReasonAndKeepsTheState) {
  Session session = Open("total").value();
  ASSERT_THAT(session.Step(Frame(1, 2)), IsOk());

  const auto refused = session.Step(Frame(FakeServer::kBadFeature, 0));

  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("13 is bad")));
  EXPECT_EQ(ErrorReason(refused.status()), "STATE_NONFINITE");
  EXPECT_THAT(session.Step(Frame(0, 0))->output.floats(), ElementsAre(1, 2));
}

TEST_P(SessionTest, IsRefusedForAnUnknownModel) {
  EXPECT_EQ(ErrorReason(Open("nothing").status()), "MODEL_NOT_FOUND");
}

TEST_P(SessionTest, IsRefusedForAnIdThatIsOpen) {
  SessionOptions options;
  options.session_id = "mine";
  const Session session = Open("sums", options).value();

  EXPECT_THAT(Open("sums", options), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("mine")));
}

TEST_P(SessionTest, ClosesItselfWhenDestroyed) {
  { const Session session = Open("sums").value(); }

  EXPECT_TRUE(server_.AwaitOpenSessions(0));
}

TEST_P(SessionTest, ClosesTheOldSessionWhenAnotherIsMovedIn) {
  SessionOptions options;
  options.session_id = "a";
  Session session = Open("sums", options).value();
  options.session_id = "b";

  session = Open("sums", options).value();

  EXPECT_TRUE(server_.AwaitOpenSessions(1));
  EXPECT_THAT(server_.OpenSessions(), ElementsAre("b"));
  EXPECT_EQ(session.id(), "b");
}

TEST_P(SessionTest, CloseWaitsUntilItIsClosed) {
  Session session = Open("sums").value();

  EXPECT_THAT(session.Close(), IsOk());

  EXPECT_THAT(server_.OpenSessions(), IsEmpty());
  EXPECT_THAT(session.Step(Frame(1, 2)),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("closed")));
}

TEST_P(SessionTest, LivesOnAfterRelease) {
  Session session = Open("sums").value();
  const std::string id = session.id();

  EXPECT_EQ(session.Release(), id);

  // By the time this call is answered, the server has handled all earlier messages.
  const Session other = Open("sums").value();
  EXPECT_EQ(server_.OpenSessions().size(), 2u);
}

TEST(DetachedSessionTest, ClientWaitsForClosing) {
  const FakeServer server;
  {
    const std::unique_ptr<Client> client = server.Connect();
    const Session session = client->OpenSession("sums").value();
  }

  EXPECT_THAT(server.OpenSessions(), IsEmpty());
}

TEST(DetachedSessionTest, OutlivesItsClientAndReportsIt) {
  const FakeServer server;
  std::unique_ptr<Client> client = server.Connect();
  Session session = client->OpenSession("sums").value();

  client.reset();

  EXPECT_THAT(session.Step(Frame(1, 2)),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("client has gone")));
  EXPECT_EQ(server.OpenSessions().size(), 1u);
}

TEST(DetachedSessionTest, IsAdoptedById) {
  const FakeServer server;
  const std::unique_ptr<Client> client = server.Connect();
  const std::string id = client->OpenSession("total")->Release();

  Session session = client->AdoptSession(id);

  EXPECT_THAT(session.Step(Frame(1, 2)), IsOk());
  EXPECT_THAT(session.Close(), IsOk());
  EXPECT_THAT(server.OpenSessions(), IsEmpty());
}

TEST(BoundSessionTest, EndsWithItsStreamAndReportsIt) {
  const FakeServer server;
  const std::unique_ptr<Client> client = server.Connect();
  std::unique_ptr<Stream> stream = client->OpenStream();
  Session session = stream->OpenSession("sums").value();

  stream.reset();

  EXPECT_TRUE(server.AwaitOpenSessions(0));
  EXPECT_THAT(session.Step(Frame(1, 2)), StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace rnnserve::client
