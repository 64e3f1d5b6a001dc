// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests sessions of models with several inputs and outputs on a real server: the outputs are those
// of Keras, whichever call they come by, and calls that do not fit the model change nothing.

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "client/cpp/client.h"
#include "tests/integration/served_models.h"
#include "tests/support/child_process.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::testing {
namespace {

using Json = nlohmann::json;
using grpc::StatusCode;

// The inputs of a call and what Keras computed for it.
class Recorded {
 public:
  explicit Recorded(const std::string& golden) {
    std::ifstream file(absl::StrCat(RNNSERVE_SOURCE_DIR, "/tests/golden/conformance/", golden));
    answer_ = Json::parse(file);
  }

  // Returns the timesteps [begin, end) of row `row` of every input; a vector is taken as a whole.
  std::vector<v1::NamedTensor> Inputs(int64_t row, int64_t begin, int64_t end) const {
    std::vector<v1::NamedTensor> inputs;
    for (const Json& input : answer_["inputs"]) {
      v1::NamedTensor& named = inputs.emplace_back();
      named.set_name(input["name"]);
      *named.mutable_tensor() = Part(input, row, begin, end);
    }
    return inputs;
  }
  // The same for several rows, [begin, end) of them.
  std::vector<v1::NamedTensor> Rows(int64_t num_rows, int64_t begin, int64_t end) const {
    std::vector<v1::NamedTensor> inputs = Inputs(0, begin, end);
    for (size_t i = 0; i < inputs.size(); ++i) {
      v1::Tensor& tensor = *inputs[i].mutable_tensor();
      std::string bytes = tensor.raw();
      for (int64_t row = 1; row < num_rows; ++row)
        bytes += Inputs(row, begin, end)[i].tensor().raw();
      tensor.set_raw(bytes);
      std::vector<int64_t> shape(tensor.shape().begin(), tensor.shape().end());
      shape.insert(shape.begin(), num_rows);
      tensor.mutable_shape()->Assign(shape.begin(), shape.end());
    }
    return inputs;
  }
  // Expects output `i` of a row to be that of Keras. With a time axis: from timestep `begin` on.
  void ExpectOutput(size_t i, int64_t row, int64_t begin, const std::vector<float>& values) const {
    const Json& expected = answer_["outputs"][i];
    const std::vector<float> all = expected["data"];
    const std::vector<int64_t> shape = expected["shape"];
    const auto row_size = static_cast<int64_t>(all.size()) / shape[0];
    const int64_t first = row * row_size + (shape.size() > 2 ? begin * shape.back() : 0);
    ASSERT_LE(first + static_cast<int64_t>(values.size()), static_cast<int64_t>(all.size()));
    for (size_t k = 0; k < values.size(); ++k) {
      const float wanted = all[static_cast<size_t>(first) + k];
      EXPECT_NEAR(values[k], wanted, 2e-6 + 1e-5 * std::abs(wanted)) << "output " << i << ", " << k;
    }
  }

 private:
  // Returns timesteps of a row, [time, ...], or the whole row of a vector.
  static v1::Tensor Part(const Json& input, int64_t row, int64_t begin, int64_t end) {
    const std::vector<double> all = input["data"];
    std::vector<int64_t> shape = input["shape"];
    const bool is_ids = input["dtype"] == "int32";
    const bool has_time = shape.size() > 2 || is_ids;
    int64_t size = static_cast<int64_t>(all.size()) / shape[0];  // of the row, then of a timestep
    auto first = all.begin() + row * size;
    shape.erase(shape.begin());
    if (has_time) {
      size /= shape[0];
      first += begin * size;
      shape[0] = end - begin;
      size *= end - begin;
    }
    if (is_ids) return Ints(shape, std::vector<int32_t>(first, first + size));
    return Floats(shape, std::vector<float>(first, first + size));
  }

  Json answer_;
};

class NamedTensorsTest : public ServedModelsTest {
 protected:
  static v1::StepRequest StepOf(const std::string& id, const std::vector<v1::NamedTensor>& inputs) {
    v1::StepRequest request;
    request.set_session_id(id);
    request.mutable_inputs()->Add(inputs.begin(), inputs.end());
    return request;
  }
  static client::Tensor ToClient(const v1::Tensor& tensor) {
    std::vector<int64_t> shape(tensor.shape().begin(), tensor.shape().end());
    if (tensor.dtype() == v1::DATA_TYPE_FLOAT32) return {std::move(shape), Values(tensor)};
    std::vector<int32_t> ids(tensor.raw().size() / sizeof(int32_t));
    std::memcpy(ids.data(), tensor.raw().data(), tensor.raw().size());
    return {std::move(shape), std::move(ids)};
  }
  static ProcessOutcome Rnnctl(const std::string& arguments) {
    return RunShell(absl::StrCat(RNNSERVE_BIN_DIR, "/rnnctl --server ", server().grpc_address(),
                                 " ", arguments));
  }
  static std::string VersionAndState(const std::string& id) {
    v1::GetStateRequest request;
    request.set_session_id(id);
    v1::GetStateResponse response;
    EXPECT_TRUE(stub().GetState(Context().get(), request, &response).ok());
    return response.SerializeAsString();
  }
};

TEST_F(NamedTensorsTest, StepsGiveTheBitsOfInferInEveryOutput) {
  const Recorded recorded("multi_output_0/case-0.json");
  ASSERT_TRUE(Open(kManyOutputs, "heads").ok());
  v1::InferRequest infer;
  infer.set_model(kManyOutputs);
  infer.mutable_inputs()->Add()->CopyFrom(recorded.Rows(1, 0, 2)[0]);
  v1::InferResponse whole;
  ASSERT_TRUE(Infer(infer, &whole).ok());
  std::vector<std::string> parts(3);

  for (int64_t t = 0; t < 2; ++t) {
    v1::StepResponse response;
    ASSERT_TRUE(Step(StepOf("heads", recorded.Inputs(0, t, t + 1)), &response).ok());
    EXPECT_FALSE(response.has_output());
    ASSERT_EQ(response.outputs_size(), 3);
    for (int i = 0; i < 3; ++i) {
      const bool has_time = response.outputs(i).tensor().shape_size() == 2;
      EXPECT_EQ(has_time, i != 1);
      EXPECT_EQ(response.outputs(i).name(), whole.outputs(i).name());
      std::string& part = parts[static_cast<size_t>(i)];
      if (!has_time) part.clear();
      part += response.outputs(i).tensor().raw();
    }
  }

  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(parts[static_cast<size_t>(i)], whole.outputs(i).tensor().raw()) << "output " << i;
  }
}

TEST_F(NamedTensorsTest, StepSessionsReadsFeaturesAndTokenIdsSideBySide) {
  const Recorded recorded("multi_input_1/case-0.json");
  v1::StepSessionsRequest request;
  request.set_model(kTwoInputs);
  for (const char* id : {"row0", "row1"}) {
    ASSERT_TRUE(Open(kTwoInputs, id).ok());
    request.add_session_ids(id);
  }
  v1::StepSessionsResponse response;

  for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, 1}, {1, 4}}) {
    request.clear_inputs();
    const auto inputs = recorded.Rows(2, begin, end);
    request.mutable_inputs()->Add(inputs.begin(), inputs.end());
    const grpc::Status status = stub().StepSessions(Context().get(), request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    ASSERT_EQ(response.errors_size(), 0);
  }

  EXPECT_EQ(response.outputs_size(), 0);
  const std::vector<float> values = Values(response.output());
  ASSERT_EQ(values.size(), 10u);
  recorded.ExpectOutput(0, 0, 0, values);
}

TEST_F(NamedTensorsTest, AStreamStepsADecoderWhoseStateIsAnInput) {
  const Recorded recorded("states_as_inputs_1/case-0.json");
  const auto context = Context();
  const auto stream = stub().Stream(context.get());
  v1::StreamRequest opens;
  opens.add_actions()->mutable_open()->set_model(kDecoder);
  opens.mutable_actions(0)->mutable_open()->set_session_id("decoder");
  ASSERT_TRUE(stream->Write(opens));
  v1::StreamResponse response;
  ASSERT_TRUE(stream->Read(&response));
  v1::Tensor state = recorded.Inputs(0, 0, 1)[1].tensor();

  for (int64_t t = 0; t < 4; ++t) {
    std::vector<v1::NamedTensor> inputs = recorded.Inputs(0, t, t + 1);
    *inputs[1].mutable_tensor() = state;
    v1::StreamRequest steps;
    *steps.add_actions()->mutable_step() = StepOf("decoder", inputs);
    ASSERT_TRUE(stream->Write(steps));
    ASSERT_TRUE(stream->Read(&response));
    ASSERT_EQ(response.results_size(), 1);
    const v1::StepResponse& step = response.results(0).step();
    ASSERT_EQ(step.outputs_size(), 2) << response.DebugString();
    recorded.ExpectOutput(0, 0, t, Values(step.outputs(0).tensor()));
    state = step.outputs(1).tensor();
  }

  recorded.ExpectOutput(1, 0, 0, Values(state));
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(NamedTensorsTest, ARepeatedStepGetsEveryOutputOnce) {
  const Recorded recorded("states_as_inputs_1/case-0.json");
  ASSERT_TRUE(Open(kDecoder, "again").ok());
  v1::StepRequest request = StepOf("again", recorded.Inputs(0, 0, 4));
  request.set_step_index(0);
  v1::StepResponse first;
  v1::StepResponse again;

  ASSERT_TRUE(Step(request, &first).ok());
  request.mutable_inputs()->SwapElements(0, 1);
  ASSERT_TRUE(Step(request, &again).ok());

  EXPECT_TRUE(again.replayed());
  ASSERT_EQ(again.outputs_size(), 2);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(again.outputs(i).SerializeAsString(), first.outputs(i).SerializeAsString());
  }
}

TEST_F(NamedTensorsTest, AModelWithOneInputTakesItByName) {
  ASSERT_TRUE(Open(kSunspots, "by_name").ok());
  ASSERT_TRUE(Open(kSunspots, "by_input").ok());
  v1::DescribeModelRequest describe;
  describe.set_model(kSunspots);
  v1::DescribeModelResponse model;
  ASSERT_TRUE(model_stub().DescribeModel(Context().get(), describe, &model).ok());
  v1::StepRequest request;
  request.set_session_id("by_name");
  v1::NamedTensor& named = *request.add_inputs();
  named.set_name(model.inputs(0).name());
  *named.mutable_tensor() = Floats({1, 1}, {0.5f});
  v1::StepResponse response;

  ASSERT_TRUE(Step(request, &response).ok());

  EXPECT_EQ(Values(response.output()), StepOutput("by_input", Floats({1, 1}, {0.5f})));
  EXPECT_EQ(response.outputs_size(), 0);
}

TEST_F(NamedTensorsTest, CallsThatDoNotFitTheModelChangeNothing) {
  const Recorded recorded("states_as_inputs_1/case-0.json");
  ASSERT_TRUE(Open(kDecoder, "bad").ok());
  v1::StepResponse response;
  const v1::StepRequest good = StepOf("bad", recorded.Inputs(0, 0, 2));
  ASSERT_TRUE(Step(good, &response).ok());
  const std::string before = VersionAndState("bad");

  v1::StepRequest both = good;
  *both.mutable_input() = good.inputs(0).tensor();
  EXPECT_THAT(Step(both, &response), FailsWith(StatusCode::INVALID_ARGUMENT, "FIELD_CONFLICT"));
  v1::StepRequest neither = good;
  neither.clear_inputs();
  EXPECT_THAT(Step(neither, &response), FailsWith(StatusCode::INVALID_ARGUMENT, "FIELD_MISSING"));
  v1::StepRequest missing = good;
  missing.mutable_inputs()->RemoveLast();
  EXPECT_THAT(Step(missing, &response),
              FailsWith(StatusCode::INVALID_ARGUMENT, "INPUT_MISSING", "'state_0' is missing"));
  v1::StepRequest unknown = good;
  unknown.mutable_inputs(0)->set_name("else");
  EXPECT_THAT(Step(unknown, &response), FailsWith(StatusCode::INVALID_ARGUMENT, "INPUT_UNKNOWN"));
  v1::StepRequest twice = good;
  *twice.add_inputs() = good.inputs(0);
  EXPECT_THAT(Step(twice, &response), FailsWith(StatusCode::INVALID_ARGUMENT, "INPUT_TWICE"));
  v1::StepRequest unnamed = good;
  unnamed.mutable_inputs(1)->clear_name();
  EXPECT_THAT(Step(unnamed, &response),
              FailsWith(StatusCode::INVALID_ARGUMENT, "FIELD_MISSING", "inputs[1].name"));

  EXPECT_EQ(VersionAndState("bad"), before);
}

TEST_F(NamedTensorsTest, DifferentTimestepsAreRefused) {
  const Recorded recorded("multi_input_1/case-0.json");
  ASSERT_TRUE(Open(kTwoInputs, "uneven").ok());
  std::vector<v1::NamedTensor> inputs = recorded.Inputs(0, 0, 2);
  inputs[1] = recorded.Inputs(0, 0, 3)[1];
  v1::StepResponse response;

  EXPECT_THAT(Step(StepOf("uneven", inputs), &response),
              FailsWith(StatusCode::INVALID_ARGUMENT, "TIMESTEPS", "3 timesteps"));
}

TEST_F(NamedTensorsTest, TheClientLibraryStepsByName) {
  const Recorded recorded("states_as_inputs_1/case-0.json");
  auto client = client::Client::Connect(server().grpc_address());
  ASSERT_TRUE(client.ok()) << client.status();
  auto session = (*client)->OpenSession(kDecoder);
  ASSERT_TRUE(session.ok()) << session.status();
  std::vector<client::NamedTensor> inputs;
  for (const v1::NamedTensor& input : recorded.Inputs(0, 0, 4)) {
    inputs.push_back({input.name(), ToClient(input.tensor())});
  }

  const auto result = session->Step(inputs);

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output.num_elements(), 0u);
  ASSERT_EQ(result->outputs.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    const auto values = result->outputs[i].value.floats();
    recorded.ExpectOutput(i, 0, 0, {values.begin(), values.end()});
  }
}

TEST_F(NamedTensorsTest, TheClientLibraryInfersByName) {
  const Recorded recorded("states_as_inputs_1/case-0.json");
  auto client = client::Client::Connect(server().grpc_address());
  ASSERT_TRUE(client.ok()) << client.status();
  client::InferRequest request;
  request.model = kDecoder;
  for (const v1::NamedTensor& input : recorded.Rows(1, 0, 4)) {
    request.inputs.push_back({input.name(), ToClient(input.tensor())});
  }

  const auto result = (*client)->Infer(request);

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output.num_elements(), 0u);
  ASSERT_EQ(result->outputs.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    const client::Tensor& output = result->outputs[i].value;
    EXPECT_EQ(output.shape()[0], 1);
    recorded.ExpectOutput(i, 0, 0, {output.floats().begin(), output.floats().end()});
  }
}

TEST_F(NamedTensorsTest, TheClientLibrarySendsTheMaskOfAnInput) {
  const Recorded recorded("multi_input_1/case-0.json");
  auto client = client::Client::Connect(server().grpc_address());
  ASSERT_TRUE(client.ok()) << client.status();
  client::InferRequest whole;
  client::InferRequest shorter;
  whole.model = shorter.model = kTwoInputs;
  const auto frames = recorded.Rows(1, 0, 4)[0];
  const auto words = recorded.Rows(1, 0, 4)[1];
  whole.inputs = {{words.name(), ToClient(words.tensor())},
                  {frames.name(), ToClient(frames.tensor()),
                   client::Tensor({1, 4}, std::vector<bool>{true, true, true, false})}};
  shorter.inputs = {whole.inputs[0], {frames.name(), ToClient(recorded.Rows(1, 0, 3)[0].tensor())}};

  const auto masked = (*client)->Infer(whole);
  const auto expected = (*client)->Infer(shorter);

  ASSERT_TRUE(masked.ok()) << masked.status();
  ASSERT_TRUE(expected.ok()) << expected.status();
  EXPECT_EQ(masked->output, expected->output);
}

// Writes the inputs of the decoder to files and returns the arguments that name them.
std::string WriteInputs(const Recorded& recorded, const std::filesystem::path& folder) {
  std::string arguments;
  for (const v1::NamedTensor& input : recorded.Inputs(0, 0, 4)) {
    const std::string path = folder / absl::StrCat(input.name(), ".jsonl");
    Json rows = Json::array();
    const std::vector<float> values = Values(input.tensor());
    const auto width = static_cast<size_t>(*input.tensor().shape().rbegin());
    for (size_t begin = 0; begin < values.size(); begin += width) {
      rows.push_back(std::vector<float>(values.begin() + static_cast<ptrdiff_t>(begin),
                                        values.begin() + static_cast<ptrdiff_t>(begin + width)));
    }
    std::ofstream(path) << rows.dump() << "\n";
    absl::StrAppend(&arguments, " --input ", input.name(), "=", path);
  }
  return arguments;
}

TEST_F(NamedTensorsTest, RnnctlTakesEveryInputAndPrintsEveryOutput) {
  const Recorded recorded("states_as_inputs_1/case-0.json");
  const TemporaryFolder folder;
  const std::string inputs = WriteInputs(recorded, folder.path());
  v1::DescribeModelRequest describe;
  describe.set_model(kDecoder);
  v1::DescribeModelResponse model;
  ASSERT_TRUE(model_stub().DescribeModel(Context().get(), describe, &model).ok());

  for (const std::string command : {"stream --chunk 4 ", "infer "}) {
    const ProcessOutcome outcome = Rnnctl(absl::StrCat("--json ", command, kDecoder, inputs));

    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const Json line = Json::parse(outcome.out);
    EXPECT_EQ(line["sequence"], 0);
    ASSERT_EQ(line["outputs"].size(), 2u);
    for (int i = 0; i < 2; ++i) {
      std::vector<float> values;
      const Json output = line["outputs"][model.outputs(i).name()].flatten();
      for (const auto& [key, value] : output.items()) values.push_back(value);
      recorded.ExpectOutput(static_cast<size_t>(i), 0, 0, values);
    }
  }
}

TEST_F(NamedTensorsTest, RnnctlDescribesEveryInputAndOutput) {
  const ProcessOutcome outcome = Rnnctl(absl::StrCat("describe ", kDecoder));

  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("frames: float32 [time, 5]\n"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("state_0: float32 [4] for all timesteps\n"), std::string::npos);
  EXPECT_NE(outcome.out.find(" for every timestep\n"), std::string::npos);
  EXPECT_NE(outcome.out.find(" after the last timestep\n"), std::string::npos);
}

TEST_F(NamedTensorsTest, RnnctlNamesTheInputThatIsMissing) {
  const ProcessOutcome outcome =
      Rnnctl(absl::StrCat("stream ", kDecoder, " --input state_0=nothing.npy"));

  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_NE(outcome.err.find("input 'frames'"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace rnnserve::testing
