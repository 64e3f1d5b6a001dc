// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the unary calls of Client against the fake server, and their errors when there is none.

#include "client/cpp/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cpp/error.h"
#include "tests/client/fake_server.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ClientTest : public ::testing::Test {
 protected:
  FakeServer server_;
  const std::unique_ptr<Client> client_ = server_.Connect();
};

TEST(ClientConnectTest, NamesTheTargetThatDoesNotAnswer) {
  // The address of a server that is gone.
  const std::string address = FakeServer().address();

  EXPECT_THAT(Client::Connect(address),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(address)));
}

TEST_F(ClientTest, ListsModels) {
  const auto models = client_->ListModels();

  ASSERT_THAT(models, IsOk());
  ASSERT_EQ(models->size(), 3u);
  EXPECT_EQ((*models)[1].name(), "sums");
}

TEST_F(ClientTest, DescribesAModel) {
  const auto model = client_->DescribeModel("total");

  ASSERT_THAT(model, IsOk());
  EXPECT_FALSE(model->returns_sequences());
  EXPECT_EQ(model->states(0).layer(), "adder");
}

TEST_F(ClientTest, ReportsTheReasonOfAnError) {
  const auto model = client_->DescribeModel("nothing");

  EXPECT_THAT(model, StatusIs(absl::StatusCode::kNotFound, HasSubstr("'nothing'")));
  EXPECT_EQ(ErrorReason(model.status()), "MODEL_NOT_FOUND");
}

TEST_F(ClientTest, InfersABatch) {
  InferRequest request;
  request.model = "sums";
  request.input = Tensor({2, 2, 2}, std::vector<float>{1, 2, 3, 4, /**/ 10, 20, 30, 40});
  request.return_state = true;

  const auto result = client_->Infer(request);

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->output, Tensor({2, 2, 2}, std::vector<float>{1, 2, 4, 6, /**/ 10, 20, 40, 60}));
  ASSERT_EQ(result->state.size(), 1u);
  EXPECT_THAT(result->state[0].value.floats(), ElementsAre(7, 8));
}

TEST_F(ClientTest, InfersWithTrainingAndASeed) {
  InferRequest request;
  request.model = "total";
  request.input = Tensor({1, 1, 2}, std::vector<float>{1, 2});
  const auto inference = client_->Infer(request);
  request.training = true;
  const auto chosen_by_server = client_->Infer(request);
  request.seed = 0;

  const auto result = client_->Infer(request);

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->seed, 0u);
  EXPECT_THAT(result->output.floats(), ElementsAre(1, 2));
  EXPECT_EQ(chosen_by_server->seed, 1000u);
  EXPECT_EQ(inference->seed, std::nullopt);
}

TEST_F(ClientTest, ListsSessionsOfAllPages) {
  std::vector<Session> sessions;
  for (const char* id : {"a", "b", "c", "d", "e"}) {
    SessionOptions options;
    options.session_id = id;
    sessions.push_back(client_->OpenSession(id[0] == 'c' ? "total" : "sums", options).value());
  }

  const auto all = client_->ListSessions();
  const auto of_sums = client_->ListSessions({.model = "sums"});

  ASSERT_THAT(all, IsOk());
  ASSERT_EQ(all->size(), 5u);
  EXPECT_EQ((*all)[4].session_id(), "e");
  ASSERT_THAT(of_sums, IsOk());
  EXPECT_EQ(of_sums->size(), 4u);
}

TEST_F(ClientTest, ResetsSessionsByIdAndByModel) {
  Session a = client_->OpenSession("sums").value();
  Session b = client_->OpenSession("sums").value();
  Session c = client_->OpenSession("total").value();

  EXPECT_EQ(client_->ResetSessions({a.id(), c.id()}).value(), 2u);
  EXPECT_EQ(client_->ResetModelSessions("sums").value(), 2u);
  EXPECT_EQ(ErrorReason(client_->ResetSessions({"gone"}).status()), "SESSION_NOT_FOUND");
}

TEST_F(ClientTest, GivesUpAfterTheDeadline) {
  Session session = client_->OpenSession("silent").value();
  StepOptions options;
  options.timeout = absl::Milliseconds(50);

  EXPECT_THAT(session.Step(Tensor({1, 2}, std::vector<float>{1, 2}), options),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
}

}  // namespace
}  // namespace rnnserve::client
