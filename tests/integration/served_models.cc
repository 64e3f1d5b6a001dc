// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/integration/served_models.h"

#include <chrono>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace rnnserve::testing {
namespace {

v1::Tensor RawTensor(v1::DataType dtype, const std::vector<int64_t>& shape, std::string bytes) {
  v1::Tensor tensor;
  tensor.set_dtype(dtype);
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
  tensor.set_raw(std::move(bytes));
  return tensor;
}

template <typename T>
std::string BytesOf(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

std::string SourcePath(const std::string& path) {
  return absl::StrCat(RNNSERVE_SOURCE_DIR, "/", path);
}

}  // namespace

std::unique_ptr<ServerProcess> ServedModelsTest::server_;
std::shared_ptr<grpc::Channel> ServedModelsTest::channel_;
std::unique_ptr<v1::InferenceService::Stub> ServedModelsTest::stub_;
std::unique_ptr<v1::ModelService::Stub> ServedModelsTest::model_stub_;

std::vector<std::string> ModelArguments() {
  const std::vector<std::pair<std::string, std::string>> models = {
      {kVowels, "client/demo/models/japanese_vowels.keras"},
      {kSunspots, "client/demo/models/sunspots.keras"},
      {kTokens, "tests/golden/cases/embedding_lstm_lstm/model.keras"},
      {kTwoWay, "tests/golden/cases/bidirectional_concat/model.keras"},
      {kTranslator, "tests/golden/conformance/encoder_decoder_0/model.keras"},
      {kManyOutputs, "tests/golden/conformance/multi_output_0/model.keras"},
      {kTwoInputs, "tests/golden/conformance/multi_input_1/model.keras"},
      {kDecoder, "tests/golden/conformance/states_as_inputs_1/model.keras"},
  };
  std::vector<std::string> arguments;
  for (const auto& [name, path] : models) {
    arguments.push_back("--model");
    arguments.push_back(absl::StrCat(name, "=", SourcePath(path)));
  }
  return arguments;
}

v1::Tensor Floats(std::vector<int64_t> shape, const std::vector<float>& values) {
  return RawTensor(v1::DATA_TYPE_FLOAT32, shape, BytesOf(values));
}

v1::Tensor Ints(std::vector<int64_t> shape, const std::vector<int32_t>& values) {
  return RawTensor(v1::DATA_TYPE_INT32, shape, BytesOf(values));
}

v1::Tensor Bools(std::vector<int64_t> shape, const std::vector<bool>& values) {
  return RawTensor(v1::DATA_TYPE_BOOL, shape, std::string(values.begin(), values.end()));
}

std::vector<float> Values(const v1::Tensor& tensor) {
  std::vector<float> values(tensor.raw().size() / sizeof(float));
  std::memcpy(values.data(), tensor.raw().data(), values.size() * sizeof(float));
  return values;
}

std::vector<float> Series(int seed, size_t count) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) {
    values[i] = static_cast<float>(std::sin(0.7 * static_cast<double>(i) + seed));
  }
  return values;
}

std::string ReasonOf(const google::rpc::Status& status) {
  google::rpc::ErrorInfo info;
  for (const auto& detail : status.details()) {
    if (detail.UnpackTo(&info)) return info.reason();
  }
  return "";
}

std::string ReasonOf(const grpc::Status& status) {
  google::rpc::Status details;
  details.ParseFromString(status.error_details());
  return ReasonOf(details);
}

MATCHER_P3(FailsWithMatcher, code, reason, text_part,
           absl::StrCat("code ", static_cast<int>(code), ", reason ", reason, ", text with '",
                        text_part, "'")) {
  *result_listener << "code " << static_cast<int>(arg.error_code()) << ", reason " << ReasonOf(arg)
                   << ", text '" << arg.error_message() << "'";
  return arg.error_code() == code && ReasonOf(arg) == reason &&
         arg.error_message().find(text_part) != std::string::npos;
}

::testing::Matcher<const grpc::Status&> FailsWith(grpc::StatusCode code, const std::string& reason,
                                                  const std::string& text_part) {
  return FailsWithMatcher(code, reason, text_part);
}

void ServedModelsTest::SetUpTestSuite() {
  std::vector<std::string> arguments = ModelArguments();
  // These limits are small enough for a test to reach.
  for (const char* argument :
       {"--max-timesteps", "64", "--max-infer-rows", "8", "--max-message-bytes", "65536",
        "--session-idle-timeout-ms", "60000"}) {
    arguments.push_back(argument);
  }
  auto server = ServerProcess::Start(arguments);
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  channel_ = grpc::CreateChannel(server_->grpc_address(), grpc::InsecureChannelCredentials());
  stub_ = v1::InferenceService::NewStub(channel_);
  model_stub_ = v1::ModelService::NewStub(channel_);
}

void ServedModelsTest::TearDownTestSuite() {
  stub_.reset();
  model_stub_.reset();
  channel_.reset();
  if (server_ != nullptr) {
    EXPECT_EQ(server_->Stop(), 0) << server_->Log();
  }
  server_.reset();
}

std::unique_ptr<grpc::ClientContext> ServedModelsTest::Context() {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  return context;
}

grpc::Status ServedModelsTest::Open(const std::string& model, const std::string& session_id) {
  v1::OpenSessionRequest request;
  request.set_model(model);
  request.set_session_id(session_id);
  v1::OpenSessionResponse response;
  return stub_->OpenSession(Context().get(), request, &response);
}

grpc::Status ServedModelsTest::Step(const v1::StepRequest& request, v1::StepResponse* response) {
  return stub_->Step(Context().get(), request, response);
}

grpc::Status ServedModelsTest::Infer(const v1::InferRequest& request, v1::InferResponse* response) {
  return stub_->Infer(Context().get(), request, response);
}

v1::StepRequest ServedModelsTest::StepOf(const std::string& session_id, v1::Tensor input) {
  v1::StepRequest request;
  request.set_session_id(session_id);
  *request.mutable_input() = std::move(input);
  return request;
}

v1::InferRequest ServedModelsTest::InferOf(const std::string& model, v1::Tensor input) {
  v1::InferRequest request;
  request.set_model(model);
  *request.mutable_input() = std::move(input);
  return request;
}

std::vector<float> ServedModelsTest::StepOutput(const std::string& session_id, v1::Tensor input) {
  v1::StepResponse response;
  const grpc::Status status = Step(StepOf(session_id, std::move(input)), &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return Values(response.output());
}

std::vector<float> ServedModelsTest::StateOf(const std::string& session_id) {
  v1::GetStateRequest request;
  request.set_session_id(session_id);
  v1::GetStateResponse response;
  const grpc::Status status = stub_->GetState(Context().get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  std::vector<float> values;
  for (const v1::StateTensor& state : response.state()) {
    const std::vector<float> more = Values(state.value());
    values.insert(values.end(), more.begin(), more.end());
  }
  return values;
}

}  // namespace rnnserve::testing
