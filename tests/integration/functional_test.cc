// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests models with several inputs or outputs on a real server: the results equal Keras', and calls
// that do not fit the model are refused.

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "tests/integration/served_models.h"

namespace rnnserve::testing {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;

std::vector<int64_t> ShapeOf(const v1::Tensor& tensor) {
  return {tensor.shape().begin(), tensor.shape().end()};
}

// A recorded call of the model of a golden file, with Keras' results.
struct Recorded {
  explicit Recorded(const std::string& model, const std::string& golden) {
    std::ifstream file(absl::StrCat(RNNSERVE_SOURCE_DIR, "/tests/golden/conformance/", golden));
    answer = Json::parse(file);
    request.set_model(model);
    for (const Json& input : answer["inputs"]) {
      v1::NamedTensor& named = *request.add_inputs();
      named.set_name(input["name"]);
      *named.mutable_tensor() = Floats(input["shape"], input["data"]);
      if (!input.contains("mask")) continue;
      std::vector<bool> bits;
      for (const int bit : input["mask"]["data"]) bits.push_back(bit != 0);
      *named.mutable_mask() = Bools(input["mask"]["shape"], bits);
    }
    for (const Json& state : answer.value("initial_state", Json::array())) {
      v1::StateTensor& named = *request.add_initial_state();
      named.set_layer(state["layer"]);
      named.set_name(state["name"]);
      *named.mutable_value() = Floats(state["shape"], state["data"]);
    }
  }

  v1::InferRequest request;
  Json answer;
};

void ExpectNear(const v1::Tensor& tensor, const Json& expected) {
  EXPECT_EQ(ShapeOf(tensor), expected["shape"].get<std::vector<int64_t>>());
  const std::vector<float> values = Values(tensor);
  const std::vector<float> wanted = expected["data"];
  ASSERT_EQ(values.size(), wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_NEAR(values[i], wanted[i], 2e-6 + 1e-5 * std::abs(wanted[i])) << i;
  }
}

class FunctionalModelTest : public ServedModelsTest {
 protected:
  // Returns a call of the model with two inputs, without masks.
  static Recorded Translation() { return Recorded(kTranslator, "encoder_decoder_0/case-0.json"); }
};

TEST_F(FunctionalModelTest, TwoInputsWithMasksGiveKerasResults) {
  const Recorded recorded(kTranslator, "encoder_decoder_0/case-1.json");
  ASSERT_EQ(recorded.request.inputs_size(), 2);
  ASSERT_TRUE(recorded.request.inputs(0).has_mask());
  v1::InferResponse response;

  ASSERT_TRUE(Infer(recorded.request, &response).ok());

  ExpectNear(response.output(), recorded.answer["outputs"][0]);
  EXPECT_EQ(response.outputs_size(), 0);
}

TEST_F(FunctionalModelTest, ThreeOutputsGiveKerasResults) {
  const Recorded recorded(kManyOutputs, "multi_output_0/case-1.json");
  v1::InferResponse response;

  ASSERT_TRUE(Infer(recorded.request, &response).ok());

  EXPECT_FALSE(response.has_output());
  ASSERT_EQ(response.outputs_size(), 3);
  for (int i = 0; i < 3; ++i) {
    ExpectNear(response.outputs(i).tensor(), recorded.answer["outputs"][i]);
  }
}

TEST_F(FunctionalModelTest, TheOrderOfTheInputsDoesNotMatter) {
  Recorded recorded = Translation();
  v1::InferResponse expected;
  v1::InferResponse response;
  ASSERT_TRUE(Infer(recorded.request, &expected).ok());

  recorded.request.mutable_inputs()->SwapElements(0, 1);
  ASSERT_TRUE(Infer(recorded.request, &response).ok());

  EXPECT_EQ(response.output().raw(), expected.output().raw());
}

TEST_F(FunctionalModelTest, IsDescribedInputByInputAndOutputByOutput) {
  v1::DescribeModelRequest request;
  request.set_model(kTranslator);
  v1::DescribeModelResponse model;
  ASSERT_TRUE(model_stub().DescribeModel(Context().get(), request, &model).ok());

  ASSERT_EQ(model.inputs_size(), 2);
  EXPECT_EQ(model.inputs(0).name(), Translation().request.inputs(0).name());
  EXPECT_TRUE(model.inputs(0).has_time());
  EXPECT_EQ(model.outputs_size(), 1);
  EXPECT_FALSE(model.summary().streamable());
  EXPECT_THAT(model.non_streamable_reason(), HasSubstr("begins at a state of the model's own"));
}

TEST_F(FunctionalModelTest, AMissingInputIsNamed) {
  Recorded recorded = Translation();
  const std::string name = recorded.request.inputs(1).name();
  recorded.request.mutable_inputs()->RemoveLast();
  v1::InferResponse response;

  EXPECT_THAT(Infer(recorded.request, &response),
              FailsWith(grpc::StatusCode::INVALID_ARGUMENT, "INPUT_MISSING",
                        absl::StrCat("'", name, "' is missing; 1 of 2")));
}

TEST_F(FunctionalModelTest, AnInputOfAnotherNameIsRefused) {
  Recorded recorded = Translation();
  recorded.request.mutable_inputs(0)->set_name("else");
  v1::InferResponse response;

  EXPECT_THAT(Infer(recorded.request, &response),
              FailsWith(grpc::StatusCode::INVALID_ARGUMENT, "INPUT_UNKNOWN", "inputs[0]"));
}

TEST_F(FunctionalModelTest, ADuplicateInputIsRefused) {
  Recorded recorded = Translation();
  *recorded.request.add_inputs() = recorded.request.inputs(0);
  v1::InferResponse response;

  EXPECT_THAT(Infer(recorded.request, &response),
              FailsWith(grpc::StatusCode::INVALID_ARGUMENT, "INPUT_TWICE", "inputs[2]"));
}

TEST_F(FunctionalModelTest, OneInputForAModelWithTwoIsRefused) {
  const Recorded recorded = Translation();
  v1::InferResponse response;

  EXPECT_THAT(Infer(InferOf(kTranslator, recorded.request.inputs(0).tensor()), &response),
              FailsWith(grpc::StatusCode::INVALID_ARGUMENT, "INPUT_UNKNOWN"));
}

TEST_F(FunctionalModelTest, InputAndInputsTogetherAreRefused) {
  Recorded recorded = Translation();
  *recorded.request.mutable_input() = recorded.request.inputs(0).tensor();
  v1::InferResponse response;

  EXPECT_THAT(Infer(recorded.request, &response),
              FailsWith(grpc::StatusCode::INVALID_ARGUMENT, "FIELD_CONFLICT", "2 inputs"));
}

TEST_F(FunctionalModelTest, InputsOfDifferentBatchesAreRefused) {
  Recorded recorded = Translation();
  v1::Tensor& tensor = *recorded.request.mutable_inputs(1)->mutable_tensor();
  std::vector<int64_t> shape = ShapeOf(tensor);
  shape[0] = 1;
  tensor = Floats(shape, std::vector<float>(static_cast<size_t>(shape[1] * shape[2])));
  v1::InferResponse response;

  EXPECT_THAT(Infer(recorded.request, &response),
              FailsWith(grpc::StatusCode::INVALID_ARGUMENT, "BATCH_ROWS", "has 1 rows"));
}

TEST_F(FunctionalModelTest, ADecoderThatBeginsAtItsEncodersEndHasNoSessions) {
  EXPECT_THAT(Open(kTranslator, "functional"),
              FailsWith(grpc::StatusCode::FAILED_PRECONDITION, "NOT_STREAMABLE", "begins at"));
}

}  // namespace
}  // namespace rnnserve::testing
