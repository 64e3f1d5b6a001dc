// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// 64 concurrent streams open, step, reset, read, cancel and close sessions or let them expire, at
// random, on a real server with few columns and short slices. The state of the model shows every
// step that was lost, doubled, reordered or done on another session:
//
//   h := 2 h + x,  y = h          exact in float32 as long as h < 2^24
//
// The expected value of each result follows only from the earlier results on the same session: a
// failed step has not happened.

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "tests/integration/served_models.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::testing {
namespace {

using grpc::StatusCode;
using ClientStream = grpc::ClientReaderWriter<v1::StreamRequest, v1::StreamResponse>;

constexpr int kStreams = 64;
constexpr int kSessionsPerStream = 4;
constexpr int kMessagesPerStream = 40;
constexpr size_t kMaxTimesteps = 15;  // before a reset; with three more, h stays below 2^23

// Writes the bundle of the model.
void WriteModel(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "model.json") << R"({
    "format_version": 1, "generator": "stress_test",
    "model": {"class_name": "Sequential", "config": {"name": "sum", "layers": [
      {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [null, null, 1]}},
      {"class_name": "SimpleRNN", "config": {"name": "sum", "units": 1, "activation": "linear",
                                             "use_bias": false, "return_sequences": true}}]}}})";
  const std::string header =
      R"({"sum/kernel":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},)"
      R"("sum/recurrent_kernel":{"dtype":"F32","shape":[1,1],"data_offsets":[4,8]}})";
  const uint64_t size = header.size();
  const float weights[2] = {1.0f, 2.0f};
  std::ofstream file(folder / "weights.safetensors", std::ios::binary);
  file.write(reinterpret_cast<const char*>(&size), sizeof(size));
  file << header;
  file.write(reinterpret_cast<const char*>(weights), sizeof(weights));
}

// The client of one stream: it knows the actions that it sent and the results that must come back.
class Actor {
 public:
  Actor(v1::InferenceService::Stub& stub, int number)
      : number_(number), random_(static_cast<unsigned>(number)), stream_(stub.Stream(&context_)) {
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(100));
  }

  void Run() {
    std::thread reader([this] { Read(); });
    for (int i = 0; i < kMessagesPerStream; ++i) Send();
    // Every fourth stream disconnects abruptly. The others end properly.
    is_leaving_ = number_ % 4 == 0;
    if (is_leaving_) {
      context_.TryCancel();
    } else {
      stream_->WritesDone();
    }
    reader.join();
    const grpc::Status status = stream_->Finish();
    if (is_leaving_) return;
    EXPECT_TRUE(status.ok()) << status.error_message();
    absl::MutexLock lock(&mu_);
    for (const Session& session : sessions_) EXPECT_TRUE(session.expected.empty());
  }

  int64_t num_steps() const { return num_steps_; }
  int64_t num_dropped() const { return num_dropped_; }

 private:
  struct Expected {
    enum Kind { kOpen, kStep, kReset, kRead, kClose } kind;
    uint64_t tag;
    std::vector<float> values;  // the input of a step
    bool may_be_dropped = false;
  };
  struct Session {
    std::string id;
    size_t num_timesteps = 0;  // sent since the last reset
    float state = 0.0f;        // according to the results so far
    uint64_t version = 0;
    std::deque<Expected> expected;  // in the order in which they were sent
  };

  void Send() {
    v1::StreamRequest request;
    {
      absl::MutexLock lock(&mu_);
      const unsigned num_actions = 1 + random_() % 6;
      for (unsigned i = 0; i < num_actions; ++i) AddAction(*request.add_actions());
    }
    stream_->Write(request);
  }

  void AddAction(v1::StreamAction& action) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    Session*& current = current_[random_() % kSessionsPerStream];
    const bool is_new = current == nullptr;
    // Results of an old session may still be in flight, so keep it.
    if (is_new) current = &sessions_.emplace_back();
    Session& session = *current;
    action.set_tag(next_tag_);
    tags_[next_tag_] = &session;
    const unsigned dice = random_() % 20;
    if (is_new) {
      session.id = absl::StrCat("stress-", number_, "-", next_tag_);
      action.mutable_open()->set_model("sum");
      action.mutable_open()->set_session_id(session.id);
      session.expected.push_back({Expected::kOpen, next_tag_, {}, false});
    } else if (session.num_timesteps >= kMaxTimesteps || dice == 0) {
      session.num_timesteps = 0;
      action.mutable_reset()->add_session_ids(session.id);
      session.expected.push_back({Expected::kReset, next_tag_, {}, false});
    } else if (dice == 1) {
      action.mutable_close()->set_session_id(session.id);
      current = nullptr;
      session.expected.push_back({Expected::kClose, next_tag_, {}, false});
    } else if (dice == 2) {
      action.mutable_get_state()->set_session_id(session.id);
      session.expected.push_back({Expected::kRead, next_tag_, {}, false});
    } else {
      AddStep(session, action, /*may_be_dropped=*/dice < 6);
    }
    ++next_tag_;
  }

  void AddStep(Session& session, v1::StreamAction& action, bool may_be_dropped)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    std::vector<float> values;
    for (unsigned t = 0; t < 1 + random_() % 3; ++t) {
      values.push_back(static_cast<float>(1 + random_() % 9));
    }
    v1::StepRequest& step = *action.mutable_step();
    step.set_session_id(session.id);
    *step.mutable_input() = Floats({static_cast<int64_t>(values.size()), 1}, values);
    step.set_priority(static_cast<v1::Priority>(random_() % 4));
    if (may_be_dropped) step.set_timeout_ms(1);
    session.expected.push_back({Expected::kStep, next_tag_, values, may_be_dropped});
    session.num_timesteps += values.size();
  }

  void Read() {
    v1::StreamResponse response;
    while (stream_->Read(&response)) {
      absl::MutexLock lock(&mu_);
      for (const v1::StreamResult& result : response.results()) Check(result);
    }
  }

  void Check(const v1::StreamResult& result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const auto found = tags_.find(result.tag());
    ASSERT_NE(found, tags_.end()) << "tag " << result.tag() << " was answered twice, or never sent";
    Session& session = *found->second;
    tags_.erase(found);
    ASSERT_FALSE(session.expected.empty());
    const Expected expected = std::move(session.expected.front());
    session.expected.pop_front();
    ASSERT_EQ(expected.tag, result.tag()) << "results of one session are out of order";
    switch (expected.kind) {
      case Expected::kOpen:
        EXPECT_TRUE(result.has_open()) << result.ShortDebugString();
        session.state = 0.0f;
        session.version = 0;
        break;
      case Expected::kStep:
        CheckStep(session, expected, result);
        break;
      case Expected::kReset:
        EXPECT_TRUE(result.has_reset()) << result.ShortDebugString();
        session.state = 0.0f;
        break;
      case Expected::kRead:
        ASSERT_TRUE(result.has_get_state()) << result.ShortDebugString();
        EXPECT_EQ(Values(result.get_state().state(0).value())[0], session.state);
        EXPECT_EQ(result.get_state().version(), session.version);
        break;
      case Expected::kClose:
        ASSERT_TRUE(result.has_close()) << result.ShortDebugString();
        EXPECT_EQ(result.close().version(), session.version);
        break;
    }
  }

  void CheckStep(Session& session, const Expected& expected, const v1::StreamResult& result)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (result.has_error()) {
      EXPECT_TRUE(expected.may_be_dropped) << result.ShortDebugString();
      const auto code = static_cast<StatusCode>(result.error().code());
      EXPECT_TRUE(code == StatusCode::DEADLINE_EXCEEDED || code == StatusCode::RESOURCE_EXHAUSTED)
          << result.ShortDebugString();
      ++num_dropped_;
      return;
    }
    std::vector<float> outputs;
    for (const float value : expected.values) {
      session.state = 2 * session.state + value;
      outputs.push_back(session.state);
    }
    EXPECT_EQ(Values(result.step().output()), outputs);
    EXPECT_EQ(result.step().version(), ++session.version);
    ++num_steps_;
  }

  const int number_;
  std::mt19937 random_;
  grpc::ClientContext context_;
  const std::unique_ptr<ClientStream> stream_;
  bool is_leaving_ = false;

  absl::Mutex mu_;
  std::deque<Session> sessions_ ABSL_GUARDED_BY(mu_);
  std::array<Session*, kSessionsPerStream> current_ ABSL_GUARDED_BY(mu_) = {};
  std::map<uint64_t, Session*> tags_ ABSL_GUARDED_BY(mu_);  // of unanswered actions
  uint64_t next_tag_ ABSL_GUARDED_BY(mu_) = 1;
  int64_t num_steps_ = 0;
  int64_t num_dropped_ = 0;
};

TEST(StressTest, NoStepIsLostDoubledReorderedOrCrossed) {
  const TemporaryFolder folder;
  WriteModel(folder.path() / "sum");
  auto server =
      ServerProcess::Start({"--model", absl::StrCat("sum=", (folder.path() / "sum").string()),
                            "--max-batch-rows", "8", "--slice-timesteps", "1"});
  ASSERT_TRUE(server.ok()) << server.status();
  const auto channel =
      grpc::CreateChannel((*server)->grpc_address(), grpc::InsecureChannelCredentials());
  const auto stub = v1::InferenceService::NewStub(channel);
  std::vector<std::unique_ptr<Actor>> actors;
  for (int i = 0; i < kStreams; ++i) actors.push_back(std::make_unique<Actor>(*stub, i));
  std::vector<std::thread> threads;
  for (const auto& actor : actors) threads.emplace_back([&actor] { actor->Run(); });
  // Detached sessions expire in the meantime.
  for (int i = 0; i < 100; ++i) {
    grpc::ClientContext context;
    v1::OpenSessionRequest request;
    request.set_model("sum");
    request.set_idle_timeout_ms(1);
    v1::OpenSessionResponse response;
    EXPECT_TRUE(stub->OpenSession(&context, request, &response).ok());
  }
  for (std::thread& thread : threads) thread.join();

  int64_t num_steps = 0;
  int64_t num_dropped = 0;
  for (const auto& actor : actors) {
    num_steps += actor->num_steps();
    num_dropped += actor->num_dropped();
  }
  RecordProperty("steps", std::to_string(num_steps));
  RecordProperty("dropped", std::to_string(num_dropped));
  EXPECT_GT(num_steps, kStreams * kMessagesPerStream);
  // No session is left: all were bound to their streams or have expired.
  v1::ListSessionsResponse sessions;
  for (int tries = 0; tries < 100'000; ++tries) {
    grpc::ClientContext context;
    ASSERT_TRUE(stub->ListSessions(&context, v1::ListSessionsRequest(), &sessions).ok());
    if (sessions.sessions().empty()) break;
    std::this_thread::yield();
  }
  EXPECT_EQ(sessions.sessions_size(), 0) << sessions.sessions(0).ShortDebugString();
  EXPECT_EQ((*server)->Stop(), 0) << (*server)->Log();
}

}  // namespace
}  // namespace rnnserve::testing
