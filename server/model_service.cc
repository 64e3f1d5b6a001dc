// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/model_service.h"

#include <string>

#include "core/base/status_macros.h"
#include "server/unary_call.h"

namespace rnnserve::server {
namespace {

void SetShape(const Shape& shape, google::protobuf::RepeatedField<int64_t>& extents) {
  extents.Assign(shape.extents().begin(), shape.extents().end());
}

void Summarise(const std::string& name, const Model& model, v1::ModelSummary& summary) {
  summary.set_name(name);
  summary.set_digest(model.digest());
  summary.set_streamable(model.non_streamable_layer() == nullptr);
  summary.set_num_parameters(model.num_parameters());
  summary.set_state_bytes(model.state_layout().bytes());
}

void DescribeStates(const Model& model, v1::DescribeModelResponse& response) {
  for (const StateLayout::Tensor& tensor : model.state_layout().tensors) {
    v1::StateSpec& state = *response.add_states();
    state.set_layer(tensor.layer);
    state.set_name(tensor.name);
    state.mutable_spec()->set_dtype(v1::DATA_TYPE_FLOAT32);
    SetShape(tensor.shape, *state.mutable_spec()->mutable_shape());
  }
}

void DescribeLayers(const Model& model, v1::DescribeModelResponse& response) {
  for (const auto& layer : model.layers()) {
    v1::LayerSummary& summary = *response.add_layers();
    summary.set_name(layer->name());
    summary.set_class_name(layer->class_name());
    summary.set_num_parameters(layer->num_parameters());
    SetShape(layer->output_shape(), *summary.mutable_output_shape());
  }
}

absl::StatusOr<v1::DescribeModelResponse> Describe(const Engine& engine, const std::string& name) {
  RNNSERVE_ASSIGN_OR_RETURN(const std::shared_ptr<const Model> model, engine.FindModel(name));
  v1::DescribeModelResponse response;
  Summarise(name, *model, *response.mutable_summary());
  response.mutable_input()->set_dtype(model->reads_token_ids() ? v1::DATA_TYPE_INT32
                                                               : v1::DATA_TYPE_FLOAT32);
  SetShape(model->input_shape(), *response.mutable_input()->mutable_shape());
  response.mutable_output()->set_dtype(v1::DATA_TYPE_FLOAT32);
  SetShape(model->output_shape(), *response.mutable_output()->mutable_shape());
  response.set_returns_sequences(model->returns_sequences());
  DescribeStates(*model, response);
  DescribeLayers(*model, response);
  if (const Layer* layer = model->non_streamable_layer(); layer != nullptr) {
    response.set_non_streamable_layer(layer->name());
  }
  return response;
}

}  // namespace

grpc::ServerUnaryReactor* ModelService::ListModels(grpc::CallbackServerContext*,
                                                   const v1::ListModelsRequest*,
                                                   v1::ListModelsResponse* response) {
  auto* call = new UnaryCall(clock_, metrics_.ForMethod(Method::kListModels), response);
  v1::ListModelsResponse models;
  for (const NamedModel& named : engine_.models()) {
    Summarise(named.name, *named.model, *models.add_models());
  }
  call->Complete(std::move(models));
  return call;
}

grpc::ServerUnaryReactor* ModelService::DescribeModel(grpc::CallbackServerContext*,
                                                      const v1::DescribeModelRequest* request,
                                                      v1::DescribeModelResponse* response) {
  auto* call = new UnaryCall(clock_, metrics_.ForMethod(Method::kDescribeModel), response);
  call->Complete(Describe(engine_, request->model()));
  return call;
}

}  // namespace rnnserve::server
