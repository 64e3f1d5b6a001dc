// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/echo/echo.h"

namespace rnnserve::testing {

void Echo::Answer(const v1::StreamRequest& request, v1::StreamResponse& response) const {
  response.Clear();
  for (const v1::StreamAction& action : request.actions()) {
    v1::StreamResult& result = *response.add_results();
    result.set_tag(action.tag());
    switch (action.kind_case()) {
      case v1::StreamAction::kOpen:
        result.mutable_open()->set_session_id(action.open().session_id());
        break;
      case v1::StreamAction::kStep:
        result.mutable_step()->set_session_id(action.step().session_id());
        result.mutable_step()->set_version(1);
        Zeros(1, *result.mutable_step()->mutable_output());
        break;
      case v1::StreamAction::kStepSessions: {
        const int rows = action.step_sessions().session_ids_size();
        Zeros(rows, *result.mutable_step_sessions()->mutable_output());
        result.mutable_step_sessions()->mutable_versions()->Resize(rows, 1);
        break;
      }
      case v1::StreamAction::kReset:
        result.mutable_reset()->set_num_sessions(1);
        break;
      default:
        result.mutable_close();
    }
  }
}

void Echo::Zeros(int64_t rows, v1::Tensor& output) const {
  output.set_dtype(v1::DATA_TYPE_FLOAT32);
  output.add_shape(rows);
  output.add_shape(units_);
  output.mutable_raw()->resize(static_cast<size_t>(rows * units_) * sizeof(float));
}

void Echo::Describe(v1::DescribeModelResponse& description) const {
  v1::ModelSummary& summary = *description.mutable_summary();
  summary.set_name("echo");
  summary.set_streamable(true);
  for (v1::TensorSpec* spec : {description.mutable_input(), description.mutable_output()}) {
    spec->set_dtype(v1::DATA_TYPE_FLOAT32);
    spec->add_shape(units_);
  }
  v1::NamedTensorSpec& input = *description.add_inputs();
  input.set_name("input");
  *input.mutable_spec() = description.input();
  input.set_has_time(true);
  v1::NamedTensorSpec& output = *description.add_outputs();
  output.set_name("output");
  *output.mutable_spec() = description.output();
}

grpc::ServerUnaryReactor* EchoModelService::ListModels(grpc::CallbackServerContext* context,
                                                       const v1::ListModelsRequest* /*request*/,
                                                       v1::ListModelsResponse* response) {
  v1::DescribeModelResponse description;
  echo_.Describe(description);
  *response->add_models() = description.summary();
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* EchoModelService::DescribeModel(
    grpc::CallbackServerContext* context, const v1::DescribeModelRequest* /*request*/,
    v1::DescribeModelResponse* response) {
  echo_.Describe(*response);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace rnnserve::testing
