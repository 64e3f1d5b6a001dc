// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests that a model can be replaced while it has sessions. The server also has both models under
// names that are never reloaded. Sessions of those give the expected outputs, bit for bit.

#include <grpcpp/grpcpp.h>
#include <httplib.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/integration/served_models.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kName[] = "m";
constexpr int64_t kVowelFeatures = 12;
// A limit that only a broken server reaches.
constexpr int kTriesOf10Ms = 1000;

std::string PathOf(const std::string& model) {
  for (const std::string& argument : ModelArguments()) {
    if (argument.rfind(model + "=", 0) == 0) return argument.substr(model.size() + 1);
  }
  return "";
}

class ReloadTest : public ::testing::Test {
 protected:
  void Start(const std::vector<std::string>& more = {}) {
    Put(kSunspots);
    std::vector<std::string> arguments = {
        "--model", absl::StrCat(kName, "=", path_),
        "--model", absl::StrCat(kSunspots, "=", PathOf(kSunspots)),
        "--model", absl::StrCat(kVowels, "=", PathOf(kVowels))};
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto server = ServerProcess::Start(arguments);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    const auto channel =
        grpc::CreateChannel(server_->grpc_address(), grpc::InsecureChannelCredentials());
    stub_ = v1::InferenceService::NewStub(channel);
    model_stub_ = v1::ModelService::NewStub(channel);
  }

  // Replaces the file as an operator does: writes another file and renames it.
  void Put(const std::string& model) {
    fs::copy_file(PathOf(model), path_ + ".new", fs::copy_options::overwrite_existing);
    fs::rename(path_ + ".new", path_);
  }
  void PutGarbage() { std::ofstream(path_, std::ios::binary) << "this is no model"; }

  grpc::Status Reload(const std::string& name, v1::ReloadModelResponse* response) {
    grpc::ClientContext context;
    v1::ReloadModelRequest request;
    request.set_model(name);
    return model_stub_->ReloadModel(&context, request, response);
  }
  v1::ReloadModelResponse MustReload() {
    v1::ReloadModelResponse response;
    const grpc::Status status = Reload(kName, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  v1::ModelSummary Summary(const std::string& model) {
    grpc::ClientContext context;
    v1::DescribeModelRequest request;
    request.set_model(model);
    v1::DescribeModelResponse response;
    EXPECT_TRUE(model_stub_->DescribeModel(&context, request, &response).ok());
    return response.summary();
  }

  std::string Open(const std::string& model, const std::string& id) {
    grpc::ClientContext context;
    v1::OpenSessionRequest request;
    request.set_model(model);
    request.set_session_id(id);
    v1::OpenSessionResponse response;
    const grpc::Status status = stub_->OpenSession(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.model_digest();
  }
  static v1::StepRequest StepOf(const std::string& id, int seed, int64_t features) {
    v1::StepRequest request;
    request.set_session_id(id);
    *request.mutable_input() = Floats({1, features}, Series(seed, static_cast<size_t>(features)));
    return request;
  }
  grpc::Status Step(const std::string& id, int seed, int64_t features, v1::StepResponse* response) {
    grpc::ClientContext context;
    return stub_->Step(&context, StepOf(id, seed, features), response);
  }
  // Returns the bytes of the output of one timestep.
  std::string Output(const std::string& id, int seed, int64_t features = 1) {
    v1::StepResponse response;
    const grpc::Status status = Step(id, seed, features, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.output().raw();
  }
  std::string Metrics() const {
    httplib::Client http("http://" + server_->metrics_address());
    const auto result = http.Get("/metrics");
    return result ? result->body : "";
  }
  static bool Comes(const std::function<bool()>& is_true) {
    for (int i = 0; i < kTriesOf10Ms; ++i) {
      if (is_true()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  const TemporaryFolder folder_;
  const std::string path_ = folder_.path() / "m.keras";
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<v1::InferenceService::Stub> stub_;
  std::unique_ptr<v1::ModelService::Stub> model_stub_;
};

TEST_F(ReloadTest, DetachedSessionsStayAndNewOnesGetTheNewModel) {
  Start();
  const std::string old_digest = Open(kName, "old");
  Open(kSunspots, "old-undisturbed");
  EXPECT_EQ(Output("old", 1), Output("old-undisturbed", 1));

  Put(kVowels);
  const v1::ReloadModelResponse reloaded = MustReload();
  const std::string new_digest = Open(kName, "new");
  Open(kVowels, "new-undisturbed");

  EXPECT_TRUE(reloaded.changed());
  EXPECT_EQ(reloaded.previous_digest(), old_digest);
  EXPECT_EQ(reloaded.digest(), new_digest);
  EXPECT_EQ(reloaded.num_retiring_sessions(), 1);
  EXPECT_EQ(new_digest, Summary(kVowels).digest());
  for (int i = 2; i < 6; ++i) {
    EXPECT_EQ(Output("old", i), Output("old-undisturbed", i));
    EXPECT_EQ(Output("new", i, kVowelFeatures), Output("new-undisturbed", i, kVowelFeatures));
  }
  ASSERT_EQ(Summary(kName).retiring_size(), 1);
  EXPECT_EQ(Summary(kName).retiring(0).digest(), old_digest);
  EXPECT_EQ(Summary(kName).retiring(0).num_sessions(), 1);
  v1::ListSessionsRequest list;
  list.set_model(kName);
  v1::ListSessionsResponse listed;
  grpc::ClientContext context;
  ASSERT_TRUE(stub_->ListSessions(&context, list, &listed).ok());
  ASSERT_EQ(listed.sessions_size(), 2);
  EXPECT_EQ(listed.sessions(0).model_digest(), new_digest);
  EXPECT_EQ(listed.sessions(1).model_digest(), old_digest);
  EXPECT_THAT(Metrics(), HasSubstr("rnnserve_retiring_sessions{model=\"m\"} 1"));
  EXPECT_THAT(Metrics(), HasSubstr("rnnserve_model_reloads_total{model=\"m\",result=\"OK\"} 1"));
}

TEST_F(ReloadTest, SessionsOfStreamsStayUnderLoad) {
  Start();
  std::atomic<bool> is_over{false};
  std::atomic<int64_t> num_steps{0};
  std::atomic<int> num_wrong{0};
  // Each stream steps one session of the replaced model and one of the model that is never
  // reloaded, in turn.
  const auto run = [&](int thread) {
    grpc::ClientContext context;
    const auto stream = stub_->Stream(&context);
    const std::string ids[] = {absl::StrCat("t", thread), absl::StrCat("u", thread)};
    v1::StreamRequest open;
    for (uint64_t i = 0; i < 2; ++i) {
      v1::StreamAction& action = *open.add_actions();
      action.set_tag(i);
      action.mutable_open()->set_model(i == 0 ? kName : kSunspots);
      action.mutable_open()->set_session_id(ids[i]);
    }
    stream->Write(open);
    std::map<uint64_t, std::string> outputs;
    v1::StreamResponse response;
    size_t num_read = 0;
    while (num_read < 2 && stream->Read(&response)) {
      for (const auto& result : response.results()) num_wrong += !result.has_open();
      num_read += static_cast<size_t>(response.results_size());
    }
    for (int seed = 0; !is_over; ++seed) {
      v1::StreamRequest request;
      for (uint64_t i = 0; i < 2; ++i) {
        v1::StreamAction& action = *request.add_actions();
        action.set_tag(i);
        *action.mutable_step() = StepOf(ids[i], seed, 1);
      }
      stream->Write(request);
      outputs.clear();
      while (outputs.size() < 2 && stream->Read(&response)) {
        for (const auto& result : response.results()) {
          outputs[result.tag()] = result.step().output().raw();
        }
      }
      if (outputs.size() < 2 || outputs[0].empty() || outputs[0] != outputs[1]) ++num_wrong;
      ++num_steps;
    }
    stream->WritesDone();
    while (stream->Read(&response)) {
    }
    stream->Finish().ok();
  };
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) threads.emplace_back(run, thread);
  ASSERT_TRUE(Comes([&] { return num_steps > 20; }));

  for (int i = 0; i < 6; ++i) {
    Put(i % 2 == 0 ? kVowels : kSunspots);
    EXPECT_TRUE(MustReload().changed());
    const int64_t before = num_steps;
    EXPECT_TRUE(Comes([&] { return num_steps > before + 20; }));
  }
  is_over = true;
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(num_wrong, 0);
  // The sessions ended with their streams, so the replaced model is released.
  EXPECT_TRUE(Comes([&] { return Summary(kName).retiring_size() == 0; }));
}

TEST_F(ReloadTest, AFileThatIsNotAModelLeavesTheOldOneServing) {
  Start();
  const std::string digest = Open(kName, "s");
  PutGarbage();
  v1::ReloadModelResponse response;

  const grpc::Status status = Reload(kName, &response);

  EXPECT_THAT(status, FailsWith(grpc::StatusCode::FAILED_PRECONDITION, "MODEL_FORMAT"));
  EXPECT_THAT(status.error_message(), Not(HasSubstr(folder_.path().string())));
  EXPECT_EQ(Open(kName, "later"), digest);
  EXPECT_THAT(Metrics(), HasSubstr("result=\"MODEL_FORMAT\"} 1"));
  fs::remove(path_);
  EXPECT_THAT(Reload(kName, &response),
              FailsWith(grpc::StatusCode::FAILED_PRECONDITION, "MODEL_PATH"));
}

TEST_F(ReloadTest, ReloadingTheSameFileChangesNothing) {
  Start();

  const v1::ReloadModelResponse reloaded = MustReload();

  EXPECT_FALSE(reloaded.changed());
  EXPECT_EQ(reloaded.digest(), reloaded.previous_digest());
  EXPECT_THAT(Metrics(), HasSubstr("result=\"UNCHANGED\"} 1"));
}

TEST_F(ReloadTest, AModelThatWasNotGivenAtTheStartIsUnknown) {
  Start();
  v1::ReloadModelResponse response;

  EXPECT_THAT(Reload("../other", &response),
              FailsWith(grpc::StatusCode::NOT_FOUND, "MODEL_NOT_FOUND"));
}

TEST_F(ReloadTest, RemainingSessionsEndWithTheReason) {
  Start({"--retire-after-ms", "300"});
  Open(kName, "old");
  Put(kVowels);
  MustReload();

  v1::StepResponse response;
  ASSERT_TRUE(Comes([&] { return !Step("old", 1, 1, &response).ok(); }));

  EXPECT_THAT(Step("old", 1, 1, &response),
              FailsWith(grpc::StatusCode::NOT_FOUND, "SESSION_MODEL_RETIRED"));
  EXPECT_TRUE(Comes([&] { return Summary(kName).retiring_size() == 0; }));
  EXPECT_THAT(Metrics(), HasSubstr("rnnserve_sessions_ended_total{model=\"m\","
                                   "reason=\"SESSION_MODEL_RETIRED\"} 1"));
}

TEST_F(ReloadTest, SighupReloadsAll) {
  Start();
  Put(kVowels);

  ASSERT_EQ(kill(server_->pid(), SIGHUP), 0);

  EXPECT_TRUE(Comes([&] { return Summary(kName).digest() == Summary(kVowels).digest(); }));
  EXPECT_EQ(server_->Stop(), 0);
}

}  // namespace
}  // namespace rnnserve::testing
