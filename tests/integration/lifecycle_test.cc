// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests that a server process starts, refuses to start, reports its health and metrics, expires
// sessions and stops.

#include <grpcpp/grpcpp.h>
#include <httplib.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/served_models.h"
#include "tests/support/child_process.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string VowelsArgument() { return ModelArguments()[1]; }

class LifecycleTest : public ::testing::Test {
 protected:
  // Returns the log of a server that must not start.
  static std::string StartError(const std::vector<std::string>& arguments) {
    auto server = ServerProcess::Start(arguments);
    EXPECT_FALSE(server.ok());
    return server.ok() ? "" : std::string(server.status().message());
  }

  std::string WriteFile(const std::string& name, const std::string& bytes) {
    const std::string path = folder_.path() / name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  static std::string Metrics(const ServerProcess& server) {
    httplib::Client http("http://" + server.metrics_address());
    const auto result = http.Get("/metrics");
    EXPECT_TRUE(result) << httplib::to_string(result.error());
    return result ? result->body : "";
  }

  static std::unique_ptr<v1::InferenceService::Stub> Stub(const ServerProcess& server) {
    return v1::InferenceService::NewStub(
        grpc::CreateChannel(server.grpc_address(), grpc::InsecureChannelCredentials()));
  }

  const TemporaryFolder folder_;
};

TEST_F(LifecycleTest, AGarbageModelIsNamedAndTheServerDoesNotStart) {
  const std::string path = WriteFile("garbage.keras", "this is no model");

  EXPECT_THAT(StartError({"--model", "broken=" + path}),
              AllOf(HasSubstr("model 'broken'"), HasSubstr("MODEL_FORMAT")));
}

TEST_F(LifecycleTest, ATruncatedModelIsRefused) {
  const std::string whole = VowelsArgument().substr(VowelsArgument().find('=') + 1);
  std::ifstream file(whole, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  ASSERT_GT(bytes.size(), 1000u);
  const std::string path = WriteFile("truncated.keras", bytes.substr(0, bytes.size() / 2));

  EXPECT_THAT(StartError({"--model", "half=" + path}), HasSubstr("model 'half'"));
}

TEST_F(LifecycleTest, AnUnsupportedLayerIsNamed) {
  const std::string path = std::string(RNNSERVE_SOURCE_DIR) +
                           "/tests/golden/unsupported/functional_attention/model.keras";

  EXPECT_THAT(StartError({"--model", "conv=" + path}),
              AllOf(HasSubstr("LAYER_UNSUPPORTED"), HasSubstr("Attention")));
}

TEST_F(LifecycleTest, AMissingModelIsNamed) {
  EXPECT_THAT(StartError({"--model", "m=/nonexistent/m.keras"}),
              AllOf(HasSubstr("MODEL_PATH"), HasSubstr("/nonexistent/m.keras")));
}

TEST_F(LifecycleTest, AnOccupiedPortIsNamed) {
  auto first = ServerProcess::Start({});
  ASSERT_TRUE(first.ok()) << first.status();

  EXPECT_THAT(StartError({"--grpc-address", (*first)->grpc_address()}),
              AllOf(HasSubstr("LISTEN"), HasSubstr((*first)->grpc_address())));
  EXPECT_THAT(StartError({"--metrics-address", (*first)->metrics_address()}),
              AllOf(HasSubstr("LISTEN"), HasSubstr((*first)->metrics_address())));
  EXPECT_EQ((*first)->Stop(), 0);
}

TEST_F(LifecycleTest, AnUnreadableConfigurationIsNamed) {
  EXPECT_THAT(StartError({"--config", "/nonexistent/rnnserve.toml"}),
              HasSubstr("/nonexistent/rnnserve.toml"));
}

TEST_F(LifecycleTest, AnUnknownKeyInTheConfigurationIsNamed) {
  const std::string path = WriteFile("unknown.toml", "max-sesions = 3\n");

  EXPECT_THAT(StartError({"--config", path}), HasSubstr("max-sesions"));
}

TEST_F(LifecycleTest, EveryModelInTheModelFolderIsServed) {
  auto server = ServerProcess::Start(
      {"--model-dir", std::string(RNNSERVE_SOURCE_DIR) + "/client/demo/models"});
  ASSERT_TRUE(server.ok()) << server.status();
  auto stub = v1::ModelService::NewStub(
      grpc::CreateChannel((*server)->grpc_address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::ListModelsResponse response;

  ASSERT_TRUE(stub->ListModels(&context, {}, &response).ok());

  ASSERT_EQ(response.models_size(), 3);
  EXPECT_EQ(response.models(0).name(), "japanese_vowels");
  EXPECT_EQ(response.models(1).name(), "silero_vad");
  EXPECT_EQ(response.models(2).name(), "sunspots");
  EXPECT_EQ(response.models(0).digest().size(), 64u);
  EXPECT_EQ((*server)->Stop(), 0);
}

TEST_F(LifecycleTest, IdleSessionsExpireWithTheirReason) {
  auto server =
      ServerProcess::Start({"--model", VowelsArgument(), "--session-idle-timeout-ms", "1"});
  ASSERT_TRUE(server.ok()) << server.status();
  auto stub = Stub(**server);
  v1::OpenSessionRequest open;
  open.set_model(kVowels);
  open.set_session_id("idle");
  v1::OpenSessionResponse opened;
  grpc::ClientContext open_context;
  ASSERT_TRUE(stub->OpenSession(&open_context, open, &opened).ok());

  // The server expires idle sessions several times a second. Poll for at most 30 s, without
  // touching the session.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  v1::ListSessionsResponse sessions;
  do {
    grpc::ClientContext list_context;
    ASSERT_TRUE(stub->ListSessions(&list_context, {}, &sessions).ok());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  } while (sessions.sessions_size() > 0 && std::chrono::steady_clock::now() < deadline);

  v1::StepRequest step;
  step.set_session_id("idle");
  *step.mutable_input() = Floats({1, 12}, Series(1, 12));
  v1::StepResponse stepped;
  grpc::ClientContext step_context;
  EXPECT_THAT(stub->Step(&step_context, step, &stepped),
              FailsWith(grpc::StatusCode::NOT_FOUND, "SESSION_EXPIRED"));
  EXPECT_THAT(
      Metrics(**server),
      HasSubstr("rnnserve_sessions_ended_total{model=\"vowels\",reason=\"SESSION_EXPIRED\"} 1"));
  EXPECT_EQ((*server)->Stop(), 0);
}

TEST_F(LifecycleTest, SessionAndStateLimitsRefuseOneMore) {
  auto server = ServerProcess::Start({"--model", VowelsArgument(), "--max-sessions", "2"});
  ASSERT_TRUE(server.ok()) << server.status();
  auto stub = Stub(**server);
  v1::OpenSessionRequest open;
  open.set_model(kVowels);
  v1::OpenSessionResponse opened;
  for (int i = 0; i < 2; ++i) {
    grpc::ClientContext context;
    ASSERT_TRUE(stub->OpenSession(&context, open, &opened).ok());
  }

  grpc::ClientContext context;
  EXPECT_THAT(stub->OpenSession(&context, open, &opened),
              FailsWith(grpc::StatusCode::RESOURCE_EXHAUSTED, "SESSION_LIMIT", "2"));
  EXPECT_EQ((*server)->Stop(), 0);
}

TEST_F(LifecycleTest, StreamsBeyondTheLimitAreRefused) {
  auto server = ServerProcess::Start({"--model", VowelsArgument(), "--max-streams", "1"});
  ASSERT_TRUE(server.ok()) << server.status();
  // Each stream has its own connection, because the server limits the streams of one connection.
  auto first_stub = Stub(**server);
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  auto second_stub = v1::InferenceService::NewStub(grpc::CreateCustomChannel(
      (*server)->grpc_address(), grpc::InsecureChannelCredentials(), arguments));
  grpc::ClientContext first_context;
  auto first = first_stub->Stream(&first_context);
  v1::StreamRequest request;
  request.add_actions()->mutable_open()->set_model(kVowels);
  v1::StreamResponse response;
  ASSERT_TRUE(first->Write(request));
  ASSERT_TRUE(first->Read(&response));

  grpc::ClientContext second_context;
  auto second = second_stub->Stream(&second_context);

  EXPECT_FALSE(second->Read(&response));
  EXPECT_THAT(second->Finish(),
              FailsWith(grpc::StatusCode::RESOURCE_EXHAUSTED, "STREAM_LIMIT", "1"));
  first_context.TryCancel();
  EXPECT_EQ((*server)->Stop(), 0);
}

TEST_F(LifecycleTest, AStopFinishesRunningStepsAndTellsOpenStreams) {
  auto server = ServerProcess::Start({"--model", VowelsArgument()});
  ASSERT_TRUE(server.ok()) << server.status();
  auto stub = Stub(**server);
  grpc::ClientContext context;
  auto stream = stub->Stream(&context);
  v1::StreamRequest request;
  v1::OpenSessionRequest& open = *request.add_actions()->mutable_open();
  open.set_model(kVowels);
  open.set_session_id("running");
  for (uint64_t i = 1; i <= 200; ++i) {
    v1::StreamAction& action = *request.add_actions();
    action.set_tag(i);
    action.mutable_step()->set_session_id("running");
    *action.mutable_step()->mutable_input() = Floats({100, 12}, Series(1, 1200));
  }
  ASSERT_TRUE(stream->Write(request));
  v1::StreamResponse response;
  ASSERT_TRUE(stream->Read(&response));

  (*server)->Terminate();

  // Every accepted action has exactly one result: it was done, or refused because the server is
  // draining.
  int results = response.results_size();
  while (stream->Read(&response)) {
    for (const v1::StreamResult& result : response.results()) {
      ++results;
      EXPECT_TRUE(!result.has_error() || ReasonOf(result.error()) == "DRAINING");
    }
  }
  EXPECT_EQ(results, 201);
  EXPECT_THAT(stream->Finish(), FailsWith(grpc::StatusCode::UNAVAILABLE, "DRAINING"));
  EXPECT_EQ((*server)->Wait(absl::Seconds(30)), 0);
  EXPECT_THAT((*server)->Log(), HasSubstr("\"all_work_finished\":true"));
}

TEST_F(LifecycleTest, TheLogIsOneJsonObjectALine) {
  auto server = ServerProcess::Start({"--model", VowelsArgument()});
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ((*server)->Stop(), 0);

  std::istringstream log((*server)->Log());
  std::vector<std::string> events;
  for (std::string line; std::getline(log, line);) {
    const auto object = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    ASSERT_TRUE(object.is_object()) << line;
    EXPECT_TRUE(object.contains("time") && object.contains("level")) << line;
    events.push_back(object["event"]);
  }
  EXPECT_THAT(events, ::testing::ElementsAre("model loaded", "serving", "draining", "stopped"));
}

// A client process that steps the sessions of a stream for a minute, or until it is killed.
class StreamingClient {
 public:
  explicit StreamingClient(const std::string& address) {
    const fs::path rnnctl = fs::path(ServerProcess::DefaultProgram()).replace_filename("rnnctl");
    auto process = ChildProcess::Start(
        {rnnctl, "--server", address, "bench", "--model", kSunspots, "--sessions", "1", "--streams",
         "1", "--rate", "20", "--seconds", "60"},
        ChildProcess::Options());
    EXPECT_TRUE(process.ok()) << process.status();
    process_ = *std::move(process);
  }

  // Stops the client. It no longer answers anything, but its connections stay open, as after a
  // pulled cable.
  void Freeze() { process_->Pause(); }

 private:
  std::unique_ptr<ChildProcess> process_;
};

TEST_F(LifecycleTest, AClientThatVanishesSilentlyLosesItsStream) {
  const auto server = ServerProcess::Start(
      {"--model",
       absl::StrCat(kSunspots, "=", RNNSERVE_SOURCE_DIR, "/client/demo/models/sunspots.keras"),
       "--keepalive-interval-ms", "1000", "--keepalive-timeout-ms", "1000"});
  ASSERT_TRUE(server.ok()) << server.status();
  const auto has_metric = [&](const std::string& line) {
    for (int i = 0; i < 300 && !absl::StrContains(Metrics(**server), line); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return absl::StrContains(Metrics(**server), line);
  };
  StreamingClient client((*server)->grpc_address());
  ASSERT_TRUE(has_metric("rnnserve_open_streams 1"));
  ASSERT_TRUE(has_metric("rnnserve_sessions{model=\"sunspots\"} 1"));

  client.Freeze();

  EXPECT_TRUE(has_metric("rnnserve_open_streams 0"));
  EXPECT_TRUE(has_metric("rnnserve_sessions{model=\"sunspots\"} 0"));
}

TEST_F(LifecycleTest, MetricsShowTheServedCalls) {
  auto server = ServerProcess::Start({"--model", VowelsArgument()});
  ASSERT_TRUE(server.ok()) << server.status();
  auto stub = Stub(**server);
  v1::InferRequest infer;
  infer.set_model(kVowels);
  *infer.mutable_input() = Floats({2, 3, 12}, Series(1, 72));
  v1::InferResponse inferred;
  grpc::ClientContext context;
  ASSERT_TRUE(stub->Infer(&context, infer, &inferred).ok());
  infer.set_model("nothing");
  grpc::ClientContext bad_context;
  ASSERT_FALSE(stub->Infer(&bad_context, infer, &inferred).ok());

  const std::string text = Metrics(**server);

  EXPECT_THAT(text, HasSubstr("rnnserve_request_duration_seconds_count{code=\"OK\","
                              "method=\"Infer\"} 1"));
  EXPECT_THAT(text, HasSubstr("rnnserve_errors_total{code=\"NOT_FOUND\",method=\"Infer\","
                              "reason=\"MODEL_NOT_FOUND\"} 1"));
  EXPECT_THAT(text, HasSubstr("rnnserve_steps_total{model=\"vowels\"} 2"));
  EXPECT_THAT(text, HasSubstr("rnnserve_timesteps_total{model=\"vowels\"} 6"));
  EXPECT_THAT(text, HasSubstr("rnnserve_sessions{model=\"vowels\"} 0"));
  EXPECT_THAT(text, HasSubstr("rnnserve_queued_steps{model=\"vowels\"} 0"));
  EXPECT_THAT(text, HasSubstr("rnnserve_queue_duration_seconds_count{model=\"vowels\"} 2"));
  EXPECT_THAT(text, HasSubstr("rnnserve_compute_duration_seconds_count{model=\"vowels\"} 2"));
  EXPECT_THAT(text, HasSubstr("rnnserve_cell_step_duration_seconds_count{model=\"vowels\"}"));
  EXPECT_THAT(text, HasSubstr("rnnserve_open_streams 0"));
  EXPECT_THAT(text, Not(HasSubstr("nothing")));
  EXPECT_EQ((*server)->Stop(), 0);
}

}  // namespace
}  // namespace rnnserve::testing
