// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_INTEGRATION_SERVED_MODELS_H_
#define RNNSERVE_TESTS_INTEGRATION_SERVED_MODELS_H_

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "rnnserve/v1/inference.grpc.pb.h"
#include "rnnserve/v1/model.grpc.pb.h"
#include "tests/support/server_process.h"

namespace rnnserve::testing {

// The models that the integration tests serve, all saved by Keras.
constexpr char kVowels[] = "vowels";  // Masking -> LSTM -> Dense softmax; [12] -> [9], last only
constexpr char kSunspots[] = "sunspots";         // GRU -> GRU -> Dense; [1] -> [1], every timestep
constexpr char kTokens[] = "tokens";             // Embedding(mask_zero) -> LSTM -> LSTM; token ids
constexpr char kTwoWay[] = "two_way";            // a Bidirectional layer: cannot be streamed
constexpr char kTranslator[] = "translator";     // an encoder and a decoder: two inputs
constexpr char kManyOutputs[] = "many_outputs";  // one input, three outputs
constexpr char kTwoInputs[] = "two_inputs";      // features and token ids side by side, one output
constexpr char kDecoder[] = "decoder";           // a sequence and a state; a sequence and a state

// Returns the arguments that make the server load these models.
std::vector<std::string> ModelArguments();

// Returns a raw little-endian tensor.
v1::Tensor Floats(std::vector<int64_t> shape, const std::vector<float>& values);
v1::Tensor Ints(std::vector<int64_t> shape, const std::vector<int32_t>& values);
v1::Tensor Bools(std::vector<int64_t> shape, const std::vector<bool>& values);
std::vector<float> Values(const v1::Tensor& tensor);

// Returns `count` different finite values. The same seed gives the same values.
std::vector<float> Series(int seed, size_t count);

// Returns the google.rpc.ErrorInfo reason in the details of a status, or "" if there is none.
std::string ReasonOf(const google::rpc::Status& status);
std::string ReasonOf(const grpc::Status& status);

// Matches a failed call by its gRPC code, reason and a part of its text.
::testing::Matcher<const grpc::Status&> FailsWith(grpc::StatusCode code, const std::string& reason,
                                                  const std::string& text_part = "");

// One real server for all tests of a suite, with helpers that make calls and fail the test if a
// call fails.
//
// The tests share the session table of the server, so each uses its own session ids.
class ServedModelsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();

  static v1::InferenceService::Stub& stub() { return *stub_; }
  static v1::ModelService::Stub& model_stub() { return *model_stub_; }
  static ServerProcess& server() { return *server_; }
  static std::shared_ptr<grpc::Channel> channel() { return channel_; }

  // Returns the context of a call, with a deadline that only a broken server reaches.
  static std::unique_ptr<grpc::ClientContext> Context();

  static grpc::Status Open(const std::string& model, const std::string& session_id);
  static grpc::Status Step(const v1::StepRequest& request, v1::StepResponse* response);
  static grpc::Status Infer(const v1::InferRequest& request, v1::InferResponse* response);

  static v1::StepRequest StepOf(const std::string& session_id, v1::Tensor input);
  static v1::InferRequest InferOf(const std::string& model, v1::Tensor input);

  // Returns the output of one step, which must succeed.
  static std::vector<float> StepOutput(const std::string& session_id, v1::Tensor input);
  // Returns all state values of a session, one after another.
  static std::vector<float> StateOf(const std::string& session_id);

 private:
  static std::unique_ptr<ServerProcess> server_;
  static std::shared_ptr<grpc::Channel> channel_;
  static std::unique_ptr<v1::InferenceService::Stub> stub_;
  static std::unique_ptr<v1::ModelService::Stub> model_stub_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_INTEGRATION_SERVED_MODELS_H_
