// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests ONNX models on a real server. They are served as a file and as a bundle, with a file of
// facts next to them, and reloaded when they change. A file that cannot be served leaves the old
// one serving.

#include <grpcpp/grpcpp.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/core/import/onnx/onnx_file.h"
#include "tests/integration/served_models.h"
#include "tests/support/child_process.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::testing {
namespace {

namespace fs = std::filesystem;
using grpc::StatusCode;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// A limit that only a broken server reaches.
constexpr int kTriesOf10Ms = 1000;

// Returns the model y = s' = factor s + x of two numbers. The name of the state's next value is
// `next`; only "sn" pairs with it.
onnx::ModelProto Decaying(float factor, const std::string& next = "sn") {
  onnx::ModelProto model = EmptyOnnx();
  onnx::GraphProto& graph = *model.mutable_graph();
  AddInput(graph, "x", {"batch", "2"});
  AddInput(graph, "s", {"batch", "2"});
  AddOutput(graph, "y", {"batch", "2"});
  AddOutput(graph, next, {"batch", "2"});
  AddFloats(graph, "factor", {1}, {factor});
  AddNode(graph, "Mul", {"s", "factor"}, {"kept"});
  AddNode(graph, "Add", {"kept", "x"}, {next});
  AddNode(graph, "Identity", {next}, {"y"});
  return model;
}

class OnnxServerTest : public ::testing::Test {
 protected:
  OnnxServerTest() { Save(Decaying(2)); }

  // Replaces a file as an operator does: writes another file and renames it.
  void Write(const std::string& file, const std::string& content) const {
    std::ofstream(PathOf(file + ".new"), std::ios::binary) << content;
    fs::rename(PathOf(file + ".new"), PathOf(file));
  }
  void Save(const onnx::ModelProto& proto) const { Write("m.onnx", proto.SerializeAsString()); }
  std::string PathOf(const std::string& file) const { return folder_.path() / file; }

  static absl::StatusOr<std::unique_ptr<ServerProcess>> StartWith(
      const std::vector<std::string>& models) {
    std::vector<std::string> arguments;
    for (const std::string& model : models) {
      arguments.push_back("--model");
      arguments.push_back(model);
    }
    return ServerProcess::Start(arguments);
  }
  void Start(const std::vector<std::string>& models) { Serve(StartWith(models)); }
  void Start() { Start({"m=" + PathOf("m.onnx")}); }
  void Serve(absl::StatusOr<std::unique_ptr<ServerProcess>> server) {
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    const auto channel =
        grpc::CreateChannel(server_->grpc_address(), grpc::InsecureChannelCredentials());
    stub_ = v1::InferenceService::NewStub(channel);
    model_stub_ = v1::ModelService::NewStub(channel);
  }

  v1::DescribeModelResponse Describe(const std::string& model) const {
    grpc::ClientContext context;
    v1::DescribeModelRequest request;
    request.set_model(model);
    v1::DescribeModelResponse response;
    const grpc::Status status = model_stub_->DescribeModel(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  std::string Digest(const std::string& model = "m") const {
    return Describe(model).summary().digest();
  }
  grpc::Status Reload(v1::ReloadModelResponse* response) const {
    grpc::ClientContext context;
    v1::ReloadModelRequest request;
    request.set_model("m");
    return model_stub_->ReloadModel(&context, request, response);
  }
  // Expects a reload to fail with this reason, and what was served to be served on.
  void ExpectReloadRefused(const std::string& reason, const std::string& text_part = "") {
    const std::string digest = Digest();
    v1::ReloadModelResponse response;

    const grpc::Status status = Reload(&response);

    EXPECT_THAT(status, FailsWith(StatusCode::FAILED_PRECONDITION, reason, text_part));
    EXPECT_THAT(status.error_message(), Not(HasSubstr(folder_.path().string())));
    EXPECT_EQ(Digest(), digest);
    const std::string id = absl::StrCat("session_", ++num_sessions_);
    Open("m", id);
    EXPECT_EQ(Step(id, {1, 2}), (std::vector<float>{1, 2}));
  }
  void ExpectReloaded() const {
    v1::ReloadModelResponse response;
    const grpc::Status status = Reload(&response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_TRUE(response.changed());
    EXPECT_EQ(response.digest(), Digest());
  }

  void Open(const std::string& model, const std::string& id) const {
    grpc::ClientContext context;
    v1::OpenSessionRequest request;
    request.set_model(model);
    request.set_session_id(id);
    v1::OpenSessionResponse response;
    const grpc::Status status = stub_->OpenSession(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
  }
  // Returns the output of a step of one timestep.
  std::vector<float> Step(const std::string& id, const std::vector<float>& x) const {
    grpc::ClientContext context;
    v1::StepRequest request;
    request.set_session_id(id);
    *request.mutable_input() = Floats({1, static_cast<int64_t>(x.size())}, x);
    v1::StepResponse response;
    const grpc::Status status = stub_->Step(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return Values(response.output());
  }

  const TemporaryFolder folder_;
  int num_sessions_ = 0;
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<v1::InferenceService::Stub> stub_;
  std::unique_ptr<v1::ModelService::Stub> model_stub_;
};

TEST_F(OnnxServerTest, ServesAFileWithTheStatesOfItsGraph) {
  Start();

  const v1::DescribeModelResponse model = Describe("m");
  Open("m", "s");

  ASSERT_EQ(model.inputs_size(), 1);
  EXPECT_EQ(model.inputs(0).name(), "x");
  ASSERT_EQ(model.outputs_size(), 1);
  EXPECT_EQ(model.outputs(0).name(), "y");
  ASSERT_EQ(model.states_size(), 1);
  EXPECT_EQ(model.states(0).name(), "s");
  EXPECT_EQ(Step("s", {1, 2}), (std::vector<float>{1, 2}));
  EXPECT_EQ(Step("s", {10, 20}), (std::vector<float>{12, 24}));
  EXPECT_EQ(server_->Stop(), 0);
}

TEST_F(OnnxServerTest, ServesTheBundleThatTheImporterWrites) {
  const ProcessOutcome imported = RunShell(
      absl::StrCat(RNNSERVE_BIN_DIR, "/rnnserve-import ", PathOf("m.onnx"), " ", PathOf("bundle")));
  ASSERT_EQ(imported.exit_code, 0) << imported.err;

  Start({"file=" + PathOf("m.onnx"), "bundle=" + PathOf("bundle")});
  Open("file", "of_file");
  Open("bundle", "of_bundle");

  EXPECT_EQ(Digest("file"), Digest("bundle"));
  EXPECT_THAT(imported.out, HasSubstr(Digest("bundle")));
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Step("of_file", Series(i, 2)), Step("of_bundle", Series(i, 2)));
  }
}

TEST_F(OnnxServerTest, ServesTheFilesOfAFolder) {
  Write("other.onnx", Decaying(3).SerializeAsString());
  Serve(ServerProcess::Start({"--model-dir", folder_.path().string()}));

  Open("m", "m");
  Open("other", "other");

  EXPECT_EQ(Step("m", {1, 2}), Step("other", {1, 2}));
  EXPECT_EQ(Step("m", {0, 0}), (std::vector<float>{2, 4}));
  EXPECT_EQ(Step("other", {0, 0}), (std::vector<float>{3, 6}));
}

TEST_F(OnnxServerTest, ReadsTheFileOfFactsNextToTheModel) {
  Save(Decaying(2, "unpaired"));
  Write("m.onnx.json", R"({"state": {"s": "unpaired"}})");

  Start();
  Open("m", "s");

  EXPECT_EQ(Step("s", {1, 2}), (std::vector<float>{1, 2}));
  EXPECT_EQ(Step("s", {10, 20}), (std::vector<float>{12, 24}));
}

TEST_F(OnnxServerTest, DoesNotStartWithAFileThatItCannotServe) {
  Save(Decaying(2, "unpaired"));
  EXPECT_THAT(StartWith({"m=" + PathOf("m.onnx")}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("ONNX_STATES"), HasSubstr("--state INPUT=OUTPUT"))));

  Write("m.onnx.json", R"({"state": {"s": "unheard"}})");
  EXPECT_THAT(StartWith({"m=" + PathOf("m.onnx")}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("MODEL_CONFIG"), HasSubstr("'unheard'"))));
}

TEST_F(OnnxServerTest, AReloadServesTheChangedFileToNewSessions) {
  Start();
  Open("m", "old");
  Step("old", {1, 2});

  Save(Decaying(3));
  ExpectReloaded();
  Open("m", "new");

  EXPECT_EQ(Step("new", {1, 2}), (std::vector<float>{1, 2}));
  EXPECT_EQ(Step("new", {0, 0}), (std::vector<float>{3, 6}));
  EXPECT_EQ(Step("old", {0, 0}), (std::vector<float>{2, 4}));
}

TEST_F(OnnxServerTest, AReloadReadsTheFileOfFactsAgain) {
  onnx::ModelProto two_states = Decaying(2);
  AddInput(*two_states.mutable_graph(), "h", {"batch", "2"});
  AddOutput(*two_states.mutable_graph(), "hn", {"batch", "2"});
  AddNode(*two_states.mutable_graph(), "Add", {"h", "x"}, {"hn"});
  Save(two_states);
  Start();
  ASSERT_EQ(Describe("m").states_size(), 2);

  // This names the axis that is taken for the batch anyway.
  Write("m.onnx.json", R"({"batch_axis": {"x": 0}})");
  v1::ReloadModelResponse response;
  ASSERT_TRUE(Reload(&response).ok());
  EXPECT_FALSE(response.changed());
  Write("m.onnx.json", R"({"set": {"s": [0.5, 0.25]}})");
  ExpectReloaded();

  ASSERT_EQ(Describe("m").states_size(), 1);
  EXPECT_EQ(Describe("m").states(0).name(), "h");
}

TEST_F(OnnxServerTest, AFileThatCannotBeServedLeavesTheOldOneServing) {
  Start();
  Open("m", "before");
  Step("before", {1, 2});

  const std::string whole = Decaying(2).SerializeAsString();
  Write("m.onnx", whole.substr(0, whole.size() / 2));
  ExpectReloadRefused("MODEL_FORMAT");
  Write("m.onnx", "this is no model");
  ExpectReloadRefused("MODEL_FORMAT", "text file");
  Save(Decaying(2, "unpaired"));
  ExpectReloadRefused("ONNX_STATES", "--state INPUT=OUTPUT");
  onnx::ModelProto unsupported = Decaying(2);
  AddNode(*unsupported.mutable_graph(), "Unheard", {"x"}, {"u"});
  AddOutput(*unsupported.mutable_graph(), "u", {"batch", "2"});
  Save(unsupported);
  ExpectReloadRefused("OPERATOR_UNSUPPORTED", "Unheard");
  fs::remove(PathOf("m.onnx"));
  ExpectReloadRefused("MODEL_PATH");

  EXPECT_EQ(Step("before", {0, 0}), (std::vector<float>{2, 4}));
  Save(Decaying(3));
  ExpectReloaded();
}

TEST_F(OnnxServerTest, AFileOfFactsThatDoesNotFitLeavesTheOldOneServing) {
  Start();

  Write("m.onnx.json", "{");
  ExpectReloadRefused("MODEL_FORMAT");
  Write("m.onnx.json", R"({"states": {}})");
  ExpectReloadRefused("MODEL_CONFIG", "'states'");
  Write("m.onnx.json", R"({"overlap": {"z": 1}})");
  ExpectReloadRefused("MODEL_CONFIG", "'overlap' names 'z'");
  Write("m.onnx.json", R"({"initial_state": {"s": "/etc/hostname"}})");
  ExpectReloadRefused("MODEL_CONFIG", "not a path below the folder");
}

TEST_F(OnnxServerTest, SighupReloadsAFile) {
  Start();
  const std::string digest = Digest();
  Save(Decaying(3));

  ASSERT_EQ(kill(server_->pid(), SIGHUP), 0);

  bool has_changed = false;
  for (int i = 0; i < kTriesOf10Ms && !has_changed; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    has_changed = Digest() != digest;
  }
  EXPECT_TRUE(has_changed);
  EXPECT_EQ(server_->Stop(), 0);
}

}  // namespace
}  // namespace rnnserve::testing
