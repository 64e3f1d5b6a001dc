// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/model_service.h"

#include <string>
#include <utility>

#include "core/base/status_macros.h"
#include "rnnserve/v1/model.grpc.pb.h"
#include "server/unary_call.h"

namespace rnnserve::server {
namespace {

void SetShape(const Shape& shape, google::protobuf::RepeatedField<int64_t>& extents) {
  extents.Assign(shape.extents().begin(), shape.extents().end());
}

v1::WeightType WireWeightType(WeightType type) {
  switch (type) {
    case WeightType::kFloat32:
      return v1::WEIGHT_TYPE_FLOAT32;
    case WeightType::kBfloat16:
      return v1::WEIGHT_TYPE_BFLOAT16;
    case WeightType::kInt8:
      return v1::WEIGHT_TYPE_INT8;
  }
  return v1::WEIGHT_TYPE_UNSPECIFIED;
}

void Summarise(const Engine& engine, const std::string& name, const Model& model,
               v1::ModelSummary& summary) {
  summary.set_name(name);
  summary.set_digest(model.digest());
  summary.set_streamable(model.is_streamable());
  summary.set_num_parameters(model.num_parameters());
  summary.set_weight_type(WireWeightType(model.weight_type()));
  summary.set_parameter_bytes(model.parameter_bytes());
  summary.set_state_bytes(model.state_layout().bytes());
  for (const RetiringModel& retiring : engine.retiring_models(name)) {
    v1::RetiringModel& one = *summary.add_retiring();
    one.set_digest(retiring.digest);
    one.set_num_sessions(retiring.sessions);
    one.set_time_left_ms(absl::ToInt64Milliseconds(retiring.time_left));
  }
}

void DescribeTensor(const std::string& name, const ValueSpec& value, v1::DataType dtype,
                    v1::NamedTensorSpec& named) {
  named.set_name(name);
  named.mutable_spec()->set_dtype(dtype);
  SetShape(value.shape, *named.mutable_spec()->mutable_shape());
  named.set_has_time(value.has_time);
  if (value.has_time) named.set_time(value.time.value_or(0));
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
  for (size_t i = 0; i < model.layers().size(); ++i) {
    const auto& layer = model.layers()[i];
    v1::LayerSummary& summary = *response.add_layers();
    summary.set_name(model.plan().layer_names[i]);
    summary.set_class_name(layer->class_name());
    summary.set_num_parameters(layer->num_parameters());
    SetShape(layer->output_shape(), *summary.mutable_output_shape());
  }
}

absl::StatusOr<v1::DescribeModelResponse> Describe(const Engine& engine, const std::string& name) {
  RNNSERVE_ASSIGN_OR_RETURN(const std::shared_ptr<const Model> model, engine.FindModel(name));
  v1::DescribeModelResponse response;
  Summarise(engine, name, *model, *response.mutable_summary());
  for (const Model::Input& input : model->inputs()) {
    DescribeTensor(input.name, input.spec,
                   input.is_token_ids ? v1::DATA_TYPE_INT32 : v1::DATA_TYPE_FLOAT32,
                   *response.add_inputs());
  }
  for (const Model::Output& output : model->outputs()) {
    DescribeTensor(output.name, output.spec, v1::DATA_TYPE_FLOAT32, *response.add_outputs());
  }
  *response.mutable_input() = response.inputs(0).spec();
  *response.mutable_output() = response.outputs(0).spec();
  response.set_returns_sequences(response.outputs(0).has_time());
  DescribeStates(*model, response);
  DescribeLayers(*model, response);
  response.set_non_streamable_reason(model->non_streamable_reason());
  return response;
}

v1::ListModelsResponse List(const Engine& engine) {
  v1::ListModelsResponse response;
  for (const NamedModel& named : engine.models()) {
    Summarise(engine, named.name, *named.model, *response.add_models());
  }
  return response;
}

ModelReloads::Done MakeReloadCallback(Reply<v1::ReloadModelResponse> reply) {
  return [reply = std::move(reply)](absl::StatusOr<ReplacedModel> replaced) mutable {
    if (!replaced.ok()) return reply(replaced.status());
    v1::ReloadModelResponse response;
    response.set_previous_digest(replaced->previous_digest);
    response.set_digest(replaced->digest);
    response.set_changed(replaced->digest != replaced->previous_digest);
    response.set_num_retiring_sessions(replaced->retiring_sessions);
    reply(std::move(response));
  };
}

// The handlers of the service.
class ModelService final : public v1::ModelService::CallbackService {
 public:
  ModelService(const Clock& clock, const Engine& engine, ModelReloads& reloads, Metrics& metrics)
      : clock_(clock), engine_(engine), reloads_(reloads), metrics_(metrics) {}

  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext*, const v1::ListModelsRequest*,
                                       v1::ListModelsResponse* response) override {
    auto* call = new UnaryCall(clock_, metrics_.ForMethod(Method::kListModels), response);
    call->Complete(List(engine_));
    return call;
  }

  grpc::ServerUnaryReactor* DescribeModel(grpc::CallbackServerContext*,
                                          const v1::DescribeModelRequest* request,
                                          v1::DescribeModelResponse* response) override {
    auto* call = new UnaryCall(clock_, metrics_.ForMethod(Method::kDescribeModel), response);
    call->Complete(Describe(engine_, request->model()));
    return call;
  }

  grpc::ServerUnaryReactor* ReloadModel(grpc::CallbackServerContext*,
                                        const v1::ReloadModelRequest* request,
                                        v1::ReloadModelResponse* response) override {
    auto* call = new UnaryCall(clock_, metrics_.ForMethod(Method::kReloadModel), response);
    reloads_.Start(request->model(), MakeReloadCallback(call->MakeReply()));
    return call;
  }

 private:
  const Clock& clock_;
  const Engine& engine_;
  ModelReloads& reloads_;
  Metrics& metrics_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeModelService(const Clock& clock, const Engine& engine,
                                                ModelReloads& reloads, Metrics& metrics) {
  return std::make_unique<ModelService>(clock, engine, reloads, metrics);
}

}  // namespace rnnserve::server
