// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests sessions that outlive their server. Two real servers share a real Redis. One is killed,
// stopped or paused, and the session continues on the other. An undisturbed session gives the
// expected outputs.

#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cpp/client.h"
#include "tests/integration/served_models.h"
#include "tests/integration/shared_redis.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

// A server and a connection to it.
class Replica {
 public:
  explicit Replica(std::unique_ptr<ServerProcess> server)
      : server_(std::move(server)),
        stub_(v1::InferenceService::NewStub(
            grpc::CreateChannel(server_->grpc_address(), grpc::InsecureChannelCredentials()))) {}

  ServerProcess& server() { return *server_; }
  v1::InferenceService::Stub& stub() { return *stub_; }

  grpc::Status Open(const std::string& id, v1::Durability durability) {
    v1::OpenSessionRequest request;
    request.set_model(kSunspots);
    request.set_session_id(id);
    request.set_durability(durability);
    v1::OpenSessionResponse response;
    return stub_->OpenSession(Context().get(), request, &response);
  }
  grpc::Status Attach(const std::string& id, v1::AttachSessionResponse* response) {
    v1::AttachSessionRequest request;
    request.set_session_id(id);
    return stub_->AttachSession(Context().get(), request, response);
  }
  grpc::Status Step(const std::string& id, uint64_t index, float value,
                    v1::StepResponse* response) {
    v1::StepRequest request;
    request.set_session_id(id);
    request.set_step_index(index);
    *request.mutable_input() = Floats({1, 1}, {value});
    return stub_->Step(Context().get(), request, response);
  }
  // Resets all sessions of the model.
  grpc::Status Reset(v1::ResetStateResponse* response) {
    v1::ResetStateRequest request;
    request.set_model(kSunspots);
    return stub_->ResetState(Context().get(), request, response);
  }

 private:
  static std::unique_ptr<grpc::ClientContext> Context() {
    auto context = std::make_unique<grpc::ClientContext>();
    context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    return context;
  }

  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<v1::InferenceService::Stub> stub_;
};

class DurableTest : public SharedRedisTest {
 protected:
  std::unique_ptr<Replica> StartReplica(const std::vector<std::string>& more = {}) {
    return std::make_unique<Replica>(StartServer(more));
  }
  Replica& a() {
    if (a_ == nullptr) a_ = StartReplica();
    return *a_;
  }
  Replica& b() {
    if (b_ == nullptr) b_ = StartReplica();
    return *b_;
  }

  // Returns the outputs of an undisturbed session for these values.
  std::vector<std::vector<float>> Undisturbed(const std::vector<float>& values) {
    EXPECT_TRUE(b().Open("undisturbed", v1::DURABILITY_NONE).ok());
    std::vector<std::vector<float>> outputs;
    for (size_t i = 0; i < values.size(); ++i) {
      v1::StepResponse response;
      EXPECT_TRUE(b().Step("undisturbed", i, values[i], &response).ok());
      outputs.push_back(Values(response.output()));
    }
    return outputs;
  }

  std::unique_ptr<Replica> a_;
  std::unique_ptr<Replica> b_;
};

TEST_F(DurableTest, ASyncSessionSurvivesAKill) {
  const std::vector<float> values = Series(1, 20);
  const auto expected = Undisturbed(values);
  ASSERT_TRUE(a().Open("s", v1::DURABILITY_SYNC).ok());
  v1::StepResponse response;
  for (uint64_t index = 0; index < 10; ++index) {
    ASSERT_TRUE(a().Step("s", index, values[index], &response).ok());
    EXPECT_EQ(response.durable_version(), index + 1);
  }

  kill(a().server().pid(), SIGKILL);
  v1::AttachSessionResponse attached;
  ASSERT_TRUE(b().Attach("s", &attached).ok());

  EXPECT_EQ(attached.version(), 10u);
  EXPECT_EQ(attached.durability(), v1::DURABILITY_SYNC);
  // Request the last reply again, as if it had been lost, then continue.
  for (uint64_t index = 9; index < 20; ++index) {
    ASSERT_TRUE(b().Step("s", index, values[index], &response).ok());
    EXPECT_EQ(Values(response.output()), expected[index]) << index;
    EXPECT_EQ(response.replayed(), index == 9);
  }
}

TEST_F(DurableTest, AnAsyncSessionIsReplayedFromItsLastCheckpoint) {
  const std::vector<float> values = Series(2, 50);
  const auto expected = Undisturbed(values);
  ASSERT_TRUE(a().Open("s", v1::DURABILITY_UNSPECIFIED).ok());
  v1::StepResponse response;
  for (uint64_t index = 0; index < 50; ++index) {
    ASSERT_TRUE(a().Step("s", index, values[index], &response).ok());
  }

  kill(a().server().pid(), SIGKILL);
  v1::AttachSessionResponse attached;
  ASSERT_TRUE(b().Attach("s", &attached).ok());

  // The checkpoint after 32 steps was in flight for at least 18 steps.
  EXPECT_GE(attached.version(), 32u);
  EXPECT_EQ(attached.durable_version(), attached.version());
  for (uint64_t index = attached.version(); index < 50; ++index) {
    ASSERT_TRUE(b().Step("s", index, values[index], &response).ok());
    EXPECT_EQ(Values(response.output()), expected[index]) << index;
  }
}

TEST_F(DurableTest, AStoppedServerLeavesEverythingInTheStore) {
  const std::vector<float> values = Series(3, 7);
  const auto expected = Undisturbed(values);
  for (int i = 0; i < 200; ++i) {
    const std::string id = absl::StrCat("s", i);
    ASSERT_TRUE(a().Open(id, v1::DURABILITY_ASYNC).ok());
    v1::StepResponse response;
    for (uint64_t index = 0; index < 6; ++index) {
      ASSERT_TRUE(a().Step(id, index, values[index], &response).ok());
    }
  }

  EXPECT_EQ(a().server().Stop(), 0) << a().server().Log();

  for (int i = 0; i < 200; ++i) {
    const std::string id = absl::StrCat("s", i);
    v1::AttachSessionResponse attached;
    ASSERT_TRUE(b().Attach(id, &attached).ok());
    EXPECT_EQ(attached.version(), 6u);
    v1::StepResponse response;
    ASSERT_TRUE(b().Step(id, 6, values[6], &response).ok());
    EXPECT_EQ(Values(response.output()), expected[6]);
  }
}

TEST_F(DurableTest, APausedServerFindsThatItWasReplaced) {
  ASSERT_TRUE(a().Open("s", v1::DURABILITY_SYNC).ok());
  v1::StepResponse response;
  ASSERT_TRUE(a().Step("s", 0, 0.5f, &response).ok());
  ASSERT_TRUE(a().server().Pause());
  v1::AttachSessionResponse attached;
  ASSERT_TRUE(b().Attach("s", &attached).ok());
  ASSERT_TRUE(b().Step("s", 1, 0.25f, &response).ok());
  a().server().Resume();

  // Server A has an old copy, and nothing that it does with the copy is stored.
  EXPECT_THAT(a().Step("s", 1, 0.75f, &response), FailsWith(grpc::StatusCode::ABORTED, "FENCED"));
  // Server A fetches the session again and finds the steps of server B.
  EXPECT_THAT(a().Step("s", 1, 0.75f, &response),
              FailsWith(grpc::StatusCode::FAILED_PRECONDITION, "STEP_REUSED"));
  ASSERT_TRUE(a().Step("s", 1, 0.25f, &response).ok());
  EXPECT_TRUE(response.replayed());
}

TEST_F(DurableTest, WithoutRedisAsyncStepsContinueAndSyncStepsFail) {
  ASSERT_TRUE(a().Open("async", v1::DURABILITY_ASYNC).ok());
  ASSERT_TRUE(a().Open("sync", v1::DURABILITY_SYNC).ok());
  v1::StepResponse response;

  redis_->Kill();
  for (uint64_t index = 0; index < 100; ++index) {
    ASSERT_TRUE(a().Step("async", index, 0.5f, &response).ok());
  }
  EXPECT_THAT(a().Step("sync", 0, 0.5f, &response),
              FailsWith(grpc::StatusCode::UNAVAILABLE, "STORE_DOWN"));
  EXPECT_THAT(a().Open("new", v1::DURABILITY_ASYNC),
              FailsWith(grpc::StatusCode::UNAVAILABLE, "STORE_DOWN"));
  ASSERT_THAT(redis_->Restart(), IsOk());

  // Redis comes back without its data. The next checkpoint stores the session again.
  grpc::Status status;
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  do {
    status = a().Step("sync", 0, 0.5f, &response);
  } while (!status.ok() && absl::Now() < deadline);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(response.replayed());
  EXPECT_EQ(response.durable_version(), 1u);
  v1::AttachSessionResponse attached;
  EXPECT_TRUE(b().Attach("sync", &attached).ok());
  EXPECT_EQ(attached.version(), 1u);
}

TEST_F(DurableTest, AStoreThatComesBackEmptyIsFilledAgain) {
  ASSERT_TRUE(a().Open("idle", v1::DURABILITY_ASYNC).ok());
  v1::StepResponse response;
  ASSERT_TRUE(a().Step("idle", 0, 0.5f, &response).ok());
  const auto is_stored = [this] { return redis_->Command({"DBSIZE"}) == "1"; };
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (!is_stored() && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(20));

  redis_->Kill();
  ASSERT_THAT(redis_->Restart(), IsOk());
  ASSERT_EQ(redis_->Command({"DBSIZE"}), "0");
  while (!is_stored() && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(20));

  v1::AttachSessionResponse attached;
  ASSERT_TRUE(b().Attach("idle", &attached).ok());
  EXPECT_EQ(attached.version(), 1u);
}

// Retries a call while the server has no room for it.
grpc::Status WithRetries(const std::function<grpc::Status()>& call) {
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  grpc::Status status = call();
  while (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(20));
    status = call();
  }
  return status;
}

TEST_F(DurableTest, SessionsThatExceedTheMemoryLimitAreSteppedInTurn) {
  constexpr int kNumSessions = 60;
  const std::vector<float> values = Series(4, 6);
  const auto expected = Undisturbed(values);
  a_ = StartReplica({"--max-sessions", "20"});
  for (int i = 0; i < kNumSessions; ++i) {
    const auto durability = i % 2 == 0 ? v1::DURABILITY_ASYNC : v1::DURABILITY_SYNC;
    const grpc::Status status =
        WithRetries([&] { return a().Open(absl::StrCat("s", i), durability); });
    ASSERT_TRUE(status.ok()) << i << ": " << status.error_message();
  }

  for (uint64_t index = 0; index < values.size(); ++index) {
    for (int i = 0; i < kNumSessions; ++i) {
      v1::StepResponse response;
      const grpc::Status status = WithRetries(
          [&] { return a().Step(absl::StrCat("s", i), index, values[index], &response); });
      ASSERT_TRUE(status.ok()) << index << " of " << i << ": " << status.error_message();
      EXPECT_EQ(Values(response.output()), expected[index]) << index << " of " << i;
      EXPECT_EQ(response.version(), index + 1);
      EXPECT_EQ(response.epoch(), 1u);
    }
  }
}

TEST_F(DurableTest, ASpilledSessionOutlivesItsServer) {
  const std::vector<float> values = Series(5, 2);
  const auto expected = Undisturbed(values);
  a_ = StartReplica({"--max-sessions", "2"});
  v1::StepResponse response;
  for (int i = 0; i < 6; ++i) {
    const std::string id = absl::StrCat("s", i);
    ASSERT_TRUE(WithRetries([&] { return a().Open(id, v1::DURABILITY_ASYNC); }).ok());
    ASSERT_TRUE(WithRetries([&] { return a().Step(id, 0, values[0], &response); }).ok());
  }

  EXPECT_EQ(a().server().Stop(), 0) << a().server().Log();

  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(b().Step(absl::StrCat("s", i), 1, values[1], &response).ok());
    EXPECT_EQ(Values(response.output()), expected[1]);
  }
}

TEST_F(DurableTest, TheListHoldsSessionsInMemoryAndInTheStore) {
  constexpr int kNumSessions = 40;
  a_ = StartReplica({"--max-sessions", "10"});
  std::vector<std::string> ids;
  for (int i = 100; i < 100 + kNumSessions; ++i) {
    ids.push_back(absl::StrCat("s", i));
    ASSERT_TRUE(WithRetries([&] { return a().Open(ids.back(), v1::DURABILITY_ASYNC); }).ok());
  }
  v1::StepResponse response;
  ASSERT_TRUE(WithRetries([&] { return a().Step(ids[7], 0, 0.5f, &response); }).ok());

  auto client = client::Client::Connect(a().server().grpc_address());
  ASSERT_THAT(client, IsOk());
  const auto all = (*client)->ListSessions({.model = kSunspots});
  const auto some = (*client)->ListSessions({.id_prefix = "s10"});

  ASSERT_THAT(all, IsOk());
  std::vector<std::string> listed;
  int num_spilled = 0;
  for (const v1::SessionSummary& session : *all) {
    listed.push_back(session.session_id());
    num_spilled += session.spilled() ? 1 : 0;
    EXPECT_EQ(session.version(), session.session_id() == ids[7] ? 1u : 0u);
    EXPECT_EQ(session.model_digest(), all->front().model_digest());
  }
  EXPECT_EQ(listed, ids);
  EXPECT_GE(num_spilled, kNumSessions - 10);
  EXPECT_EQ(some->size(), 10u);
}

TEST_F(DurableTest, AResetOfAModelSurvivesAKillOrFails) {
  constexpr int kNumSessions = 40;
  const std::vector<float> values = Series(7, 1);
  const auto expected = Undisturbed(values);
  // Most of the sessions are only in the snapshot store.
  a_ = StartReplica({"--max-sessions", "10"});
  v1::StepResponse response;
  for (int i = 0; i < kNumSessions; ++i) {
    const std::string id = absl::StrCat("s", i);
    ASSERT_TRUE(WithRetries([&] { return a().Open(id, v1::DURABILITY_SYNC); }).ok());
    ASSERT_TRUE(WithRetries([&] { return a().Step(id, 0, 0.5f, &response); }).ok());
  }

  v1::ResetStateResponse reset;
  ASSERT_TRUE(WithRetries([&] { return a().Reset(&reset); }).ok());
  kill(a().server().pid(), SIGKILL);

  EXPECT_EQ(reset.num_sessions(), kNumSessions);
  for (int i = 0; i < kNumSessions; ++i) {
    ASSERT_TRUE(b().Step(absl::StrCat("s", i), 1, values[0], &response).ok());
    EXPECT_EQ(Values(response.output()), expected[0]) << i;
  }
  redis_->Kill();
  EXPECT_THAT(b().Reset(&reset), FailsWith(grpc::StatusCode::UNAVAILABLE, "STORE_DOWN"));
}

TEST_F(DurableTest, AReusedIdBeginsInALaterEpoch) {
  auto client = client::Client::Connect(a().server().grpc_address());
  ASSERT_THAT(client, IsOk());
  ASSERT_TRUE(a().Open("s", v1::DURABILITY_SYNC).ok());
  ASSERT_THAT((*client)->EvictSession("s"), IsOk());

  client::SessionOptions options;
  options.session_id = "s";
  auto session = (*client)->OpenSession(kSunspots, options);

  ASSERT_THAT(session, IsOk());
  EXPECT_EQ(session->epoch(), 2u);
  v1::AttachSessionResponse attached;
  ASSERT_TRUE(b().Attach("s", &attached).ok());
  EXPECT_GT(attached.epoch(), 2u);
  session->Release();
}

TEST_F(DurableTest, BadBytesAreQuarantinedAndTheIdIsFree) {
  ASSERT_TRUE(a().Open("s", v1::DURABILITY_SYNC).ok());
  redis_->Command({"HSET", "rnnserve:s", "b", "bad bytes"});
  v1::AttachSessionResponse attached;

  EXPECT_THAT(b().Attach("s", &attached), FailsWith(grpc::StatusCode::DATA_LOSS, "SNAPSHOT_BAD"));

  EXPECT_EQ(redis_->Command({"KEYS", "*"}), "rnnserve:quarantine/s\n");
  EXPECT_EQ(redis_->Command({"HGET", "rnnserve:quarantine/s", "b"}), "bad bytes");
  EXPECT_THAT(b().server().Log(), HasSubstr("snapshot put aside"));
  EXPECT_THAT(b().Attach("s", &attached),
              FailsWith(grpc::StatusCode::NOT_FOUND, "SESSION_UNKNOWN"));
  EXPECT_TRUE(b().Open("s", v1::DURABILITY_SYNC).ok());
}

TEST_F(DurableTest, ASessionThatIsNotDurableContinuesAfterASigterm) {
  const std::vector<float> values = Series(6, 4);
  const auto expected = Undisturbed(values);
  ASSERT_TRUE(a().Open("s", v1::DURABILITY_NONE).ok());
  v1::StepResponse response;
  for (uint64_t index = 0; index < 3; ++index) {
    ASSERT_TRUE(a().Step("s", index, values[index], &response).ok());
  }
  ASSERT_EQ(redis_->Command({"DBSIZE"}), "0");

  EXPECT_EQ(a().server().Stop(), 0) << a().server().Log();

  v1::AttachSessionResponse attached;
  ASSERT_TRUE(b().Attach("s", &attached).ok());
  EXPECT_EQ(attached.version(), 3u);
  EXPECT_EQ(attached.durability(), v1::DURABILITY_NONE);
  // The session was moved, not copied.
  EXPECT_EQ(redis_->Command({"DBSIZE"}), "0");
  ASSERT_TRUE(b().Step("s", 3, values[3], &response).ok());
  EXPECT_EQ(Values(response.output()), expected[3]);
}

TEST_F(DurableTest, AStoreThatEvictsIsRefusedAtTheStart) {
  auto evicting = RedisProcess::Start({"--maxmemory-policy", "allkeys-lru"});
  ASSERT_THAT(evicting, IsOk());

  const auto server =
      ServerProcess::Start({"--store", (*evicting)->url(), "--snapshot-key-file", key_file()});

  EXPECT_THAT(server.status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("STORE_EVICTS")));
}

TEST_F(DurableTest, AStoreNeedsAKey) {
  EXPECT_THAT(ServerProcess::Start({"--store", redis_->url()}).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("--snapshot-key-file")));
  EXPECT_THAT(
      ServerProcess::Start({"--store", redis_->url(), "--snapshot-key-file", "/none"}).status(),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("cannot read /none")));
}

TEST_F(DurableTest, ASessionWithSeveralInputsAndOutputsSurvivesAKill) {
  const std::vector<std::string> model = {
      "--model", absl::StrCat(kDecoder, "=", RNNSERVE_SOURCE_DIR,
                              "/tests/golden/conformance/states_as_inputs_1/model.keras")};
  const auto a = StartReplica(model);
  const auto b = StartReplica(model);
  v1::OpenSessionRequest open;
  open.set_model(kDecoder);
  open.set_session_id("s");
  open.set_durability(v1::DURABILITY_SYNC);
  v1::OpenSessionResponse opened;
  grpc::ClientContext opening;
  ASSERT_TRUE(a->stub().OpenSession(&opening, open, &opened).ok());
  v1::StepRequest request;
  request.set_session_id("s");
  request.set_step_index(0);
  v1::NamedTensor& frames = *request.add_inputs();
  frames.set_name("frames");
  *frames.mutable_tensor() = Floats({3, 5}, Series(1, 15));
  v1::NamedTensor& state = *request.add_inputs();
  state.set_name("state_0");
  *state.mutable_tensor() = Floats({4}, Series(2, 4));
  v1::StepResponse first;
  grpc::ClientContext stepping;
  ASSERT_TRUE(a->stub().Step(&stepping, request, &first).ok());
  ASSERT_EQ(first.outputs_size(), 2);

  kill(a->server().pid(), SIGKILL);
  v1::StepResponse again;
  grpc::ClientContext repeating;
  const grpc::Status status = b->stub().Step(&repeating, request, &again);

  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(again.replayed());
  ASSERT_EQ(again.outputs_size(), 2);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(again.outputs(i).SerializeAsString(), first.outputs(i).SerializeAsString());
  }
}

}  // namespace
}  // namespace rnnserve::testing
