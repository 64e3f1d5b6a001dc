// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Sends every kind of bad input to a real server. Checks the code, the reason and the numbers in
// the text, and that the state stays the same.

#include <cmath>
#include <functional>

#include "tests/integration/served_models.h"

namespace rnnserve::testing {
namespace {

using grpc::StatusCode;

struct BadStep {
  std::string name;
  const char* model;
  std::function<void(v1::StepRequest&)> spoil;
  StatusCode code;
  std::string reason;
  std::string text;
};

class BadStepTest : public ServedModelsTest, public ::testing::WithParamInterface<BadStep> {};

TEST_P(BadStepTest, IsRefusedAndLeavesTheState) {
  const std::string id = "bad-step-" + GetParam().name;
  const bool is_tokens = std::string(GetParam().model) == kTokens;
  const v1::Tensor good = is_tokens ? Ints({1}, {1}) : Floats({1, 12}, Series(1, 12));
  ASSERT_TRUE(Open(GetParam().model, id).ok());
  StepOutput(id, good);
  const std::vector<float> before = StateOf(id);
  v1::StepRequest request = StepOf(id, good);
  GetParam().spoil(request);
  v1::StepResponse response;

  const grpc::Status status = Step(request, &response);

  EXPECT_THAT(status, FailsWith(GetParam().code, GetParam().reason, GetParam().text));
  EXPECT_EQ(StateOf(id), before);
}

BadStep WrongInput(std::string name, v1::Tensor input, std::string reason, std::string text) {
  return {std::move(name),
          kVowels,
          [input](v1::StepRequest& request) { *request.mutable_input() = input; },
          StatusCode::INVALID_ARGUMENT,
          std::move(reason),
          std::move(text)};
}

BadStep WrongTokens(std::string name, v1::Tensor input, std::string reason, std::string text) {
  BadStep bad = WrongInput(std::move(name), std::move(input), std::move(reason), std::move(text));
  bad.model = kTokens;
  return bad;
}

BadStep WrongMask(std::string name, v1::Tensor mask, std::string reason, std::string text) {
  return {std::move(name),
          kVowels,
          [mask](v1::StepRequest& request) { *request.mutable_mask() = mask; },
          StatusCode::INVALID_ARGUMENT,
          std::move(reason),
          std::move(text)};
}

BadStep WrongState(std::string name, std::vector<std::pair<std::string, v1::Tensor>> states,
                   std::string reason, std::string text) {
  return {std::move(name),
          kVowels,
          [states](v1::StepRequest& request) {
            for (const auto& [state_name, value] : states) {
              v1::StateTensor& state = *request.add_initial_state();
              state.set_layer("lstm");
              state.set_name(state_name);
              *state.mutable_value() = value;
            }
          },
          StatusCode::INVALID_ARGUMENT,
          std::move(reason),
          std::move(text)};
}

BadStep Unsupported(std::string name, std::function<void(v1::StepRequest&)> spoil) {
  BadStep bad{name, kVowels, std::move(spoil), StatusCode::UNIMPLEMENTED, "FIELD_UNSUPPORTED", ""};
  return bad;
}

std::vector<BadStep> BadSteps() {
  std::vector<float> with_nan = Series(1, 24);
  with_nan[17] = std::nanf("");
  std::vector<float> with_infinity = Series(1, 12);
  with_infinity[0] = INFINITY;
  v1::Tensor short_bytes = Floats({1, 12}, Series(1, 11));
  return {
      WrongInput("Rank", Floats({12}, Series(1, 12)), "INPUT_RANK", "1"),
      WrongInput("FeatureSize", Floats({1, 13}, Series(1, 13)), "INPUT_SHAPE", "13"),
      WrongInput("Dtype", Ints({1, 12}, std::vector<int32_t>(12, 1)), "INPUT_DTYPE", "INT32"),
      WrongInput("Bytes", short_bytes, "TENSOR_LENGTH", "44"),
      WrongInput("NoTimesteps", Floats({0, 12}, {}), "TIMESTEPS", "0"),
      WrongInput("TooManyTimesteps", Floats({65, 12}, Series(1, 65 * 12)), "TIMESTEPS", "65"),
      WrongInput("Nan", Floats({2, 12}, with_nan), "NOT_FINITE", "17"),
      WrongInput("Infinity", Floats({1, 12}, with_infinity), "NOT_FINITE", "0"),
      WrongTokens("TokenTooLarge", Ints({2}, {1, 1'000'000}), "TOKEN_RANGE", "1000000"),
      WrongTokens("TokenNegative", Ints({1}, {-1}), "TOKEN_RANGE", "-1"),
      WrongTokens("TokensAsFloats", Floats({1}, {1.0f}), "INPUT_DTYPE", "FLOAT32"),
      WrongMask("MaskLength", Bools({2}, {true, true}), "MASK_SHAPE", "[2]"),
      WrongMask("MaskDtype", Floats({1}, {1.0f}), "MASK_DTYPE", "FLOAT32"),
      WrongState("StateMissing", {{"h", Floats({96}, Series(1, 96))}}, "STATE_MISSING", "c"),
      WrongState("StateUnknown", {{"q", Floats({96}, Series(1, 96))}}, "STATE_UNKNOWN", "q"),
      WrongState("StateShape", {{"h", Floats({3}, Series(1, 3))}, {"c", Floats({3}, Series(1, 3))}},
                 "STATE_SHAPE", "[3]"),
      {"StepIndex", kVowels, [](v1::StepRequest& request) { request.set_step_index(2); },
       StatusCode::ABORTED, "STEP_GAP", "1 is the next"},
      {"Epoch", kVowels, [](v1::StepRequest& request) { request.set_epoch(7); },
       StatusCode::UNAVAILABLE, "STALE_OWNER", "epoch 7"},
      Unsupported("Training", [](v1::StepRequest& request) { request.set_training(true); }),
      {"NoInput", kVowels, [](v1::StepRequest& request) { request.clear_input(); },
       StatusCode::INVALID_ARGUMENT, "FIELD_MISSING", "input"},
      {"Timeout", kVowels, [](v1::StepRequest& request) { request.set_timeout_ms(-1); },
       StatusCode::INVALID_ARGUMENT, "TIMEOUT", "-1"},
      {"Priority", kVowels,
       [](v1::StepRequest& request) { request.set_priority(static_cast<v1::Priority>(9)); },
       StatusCode::INVALID_ARGUMENT, "PRIORITY", "9"},
      {"UnknownSession", kVowels,
       [](v1::StepRequest& request) { request.set_session_id("nobody"); }, StatusCode::NOT_FOUND,
       "SESSION_UNKNOWN", ""},
  };
}

INSTANTIATE_TEST_SUITE_P(All, BadStepTest, ::testing::ValuesIn(BadSteps()),
                         [](const auto& test) { return test.param.name; });

class BadCallTest : public ServedModelsTest {};

TEST_F(BadCallTest, AnUnknownModelIsNotFound) {
  v1::InferResponse response;
  v1::DescribeModelRequest describe;
  describe.set_model("nothing");
  v1::DescribeModelResponse description;

  EXPECT_THAT(Infer(InferOf("nothing", Floats({1, 1, 12}, Series(1, 12))), &response),
              FailsWith(StatusCode::NOT_FOUND, "MODEL_NOT_FOUND"));
  EXPECT_THAT(Open("nothing", "bad-model"), FailsWith(StatusCode::NOT_FOUND, "MODEL_NOT_FOUND"));
  EXPECT_THAT(model_stub().DescribeModel(Context().get(), describe, &description),
              FailsWith(StatusCode::NOT_FOUND, "MODEL_NOT_FOUND"));
}

TEST_F(BadCallTest, AnOpenIdIsRefused) {
  ASSERT_TRUE(Open(kVowels, "twice").ok());

  EXPECT_THAT(Open(kVowels, "twice"), FailsWith(StatusCode::ALREADY_EXISTS, "SESSION_EXISTS"));
}

TEST_F(BadCallTest, AnIdWithOtherCharactersIsRefused) {
  EXPECT_THAT(Open(kVowels, "a b"), FailsWith(StatusCode::INVALID_ARGUMENT, "SESSION_ID"));
  EXPECT_THAT(Open(kVowels, std::string(129, 'a')),
              FailsWith(StatusCode::INVALID_ARGUMENT, "SESSION_ID", "129"));
}

TEST_F(BadCallTest, AnIdleTimeoutBeyondTheServersIsRefused) {
  v1::OpenSessionRequest request;
  request.set_model(kVowels);
  request.set_idle_timeout_ms(60'001);
  v1::OpenSessionResponse response;

  EXPECT_THAT(stub().OpenSession(Context().get(), request, &response),
              FailsWith(StatusCode::INVALID_ARGUMENT, "IDLE_TIMEOUT", "1m0.001s"));
}

TEST_F(BadCallTest, AnOversizedMessageIsRefused) {
  v1::InferResponse response;

  const grpc::Status status =
      Infer(InferOf(kVowels, Floats({8, 200, 12}, std::vector<float>(8 * 200 * 12))), &response);

  EXPECT_EQ(status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), ::testing::HasSubstr("65536"));
}

TEST_F(BadCallTest, InferChecksBatchTimeAndFeatures) {
  v1::InferResponse response;

  EXPECT_THAT(Infer(InferOf(kVowels, Floats({9, 1, 12}, Series(1, 9 * 12))), &response),
              FailsWith(StatusCode::INVALID_ARGUMENT, "BATCH_ROWS", "9"));
  EXPECT_THAT(Infer(InferOf(kVowels, Floats({0, 1, 12}, {})), &response),
              FailsWith(StatusCode::INVALID_ARGUMENT, "BATCH_ROWS", "0"));
  EXPECT_THAT(Infer(InferOf(kVowels, Floats({1, 0, 12}, {})), &response),
              FailsWith(StatusCode::INVALID_ARGUMENT, "TIMESTEPS", "0"));
  EXPECT_THAT(Infer(InferOf(kVowels, Floats({1, 1, 11}, Series(1, 11))), &response),
              FailsWith(StatusCode::INVALID_ARGUMENT, "INPUT_SHAPE", "11"));
}

TEST_F(BadCallTest, InferRefusesASeedWithoutTraining) {
  v1::InferRequest request = InferOf(kVowels, Floats({1, 1, 12}, Series(1, 12)));
  request.set_seed(7);
  v1::InferResponse response;

  EXPECT_THAT(Infer(request, &response),
              FailsWith(StatusCode::INVALID_ARGUMENT, "FIELD_CONFLICT", "seed is 7"));
}

TEST_F(BadCallTest, InferRefusesUnsupportedFields) {
  v1::InferRequest bound = InferOf(kVowels, Floats({1, 1, 12}, Series(1, 12)));
  bound.add_session_ids("a");
  v1::InferResponse response;

  EXPECT_THAT(Infer(bound, &response),
              FailsWith(StatusCode::UNIMPLEMENTED, "FIELD_UNSUPPORTED", "session_ids"));
}

TEST_F(BadCallTest, AResetNeedsExactlyOneTarget) {
  v1::ResetStateRequest neither;
  v1::ResetStateRequest both;
  both.set_model(kVowels);
  both.add_session_ids("a");
  v1::ResetStateResponse response;

  EXPECT_THAT(stub().ResetState(Context().get(), neither, &response),
              FailsWith(StatusCode::INVALID_ARGUMENT, "RESET_TARGET", "0 ids and no model"));
  EXPECT_THAT(stub().ResetState(Context().get(), both, &response),
              FailsWith(StatusCode::INVALID_ARGUMENT, "RESET_TARGET", "1 ids and one model"));
}

TEST_F(BadCallTest, ASetStateOfTheWrongShapeLeavesTheState) {
  ASSERT_TRUE(Open(kSunspots, "bad-set").ok());
  StepOutput("bad-set", Floats({1, 1}, {0.5f}));
  const std::vector<float> before = StateOf("bad-set");
  v1::SetStateRequest request;
  request.set_session_id("bad-set");
  v1::StateTensor& state = *request.add_state();
  state.set_layer("nowhere");
  state.set_name("h");
  *state.mutable_value() = Floats({1}, {1.0f});
  v1::SetStateResponse response;

  EXPECT_THAT(stub().SetState(Context().get(), request, &response),
              FailsWith(StatusCode::INVALID_ARGUMENT, "STATE_UNKNOWN", "nowhere"));
  EXPECT_EQ(StateOf("bad-set"), before);
}

TEST_F(BadCallTest, APageSizeOutOfRangeIsRefused) {
  v1::ListSessionsRequest request;
  request.set_page_size(1001);
  v1::ListSessionsResponse response;

  EXPECT_THAT(stub().ListSessions(Context().get(), request, &response),
              FailsWith(StatusCode::INVALID_ARGUMENT, "PAGE_SIZE", "1001"));
}

}  // namespace
}  // namespace rnnserve::testing
