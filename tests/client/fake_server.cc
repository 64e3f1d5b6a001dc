// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/client/fake_server.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/cpp/wire.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "rnnserve/v1/inference.grpc.pb.h"
#include "rnnserve/v1/model.grpc.pb.h"

namespace rnnserve::client {
namespace {

constexpr int kPageSize = 2;
constexpr char kDigest[] = "0123456789abcdef0123";
constexpr size_t kFeatures = 2;

using Sum = std::vector<float>;

google::rpc::Status Error(grpc::StatusCode code, const std::string& reason,
                          const std::string& text) {
  google::rpc::ErrorInfo info;
  info.set_domain("rnnserve");
  info.set_reason(reason);
  google::rpc::Status status;
  status.set_code(code);
  status.set_message(text);
  status.add_details()->PackFrom(info);
  return status;
}

grpc::Status ToGrpc(const google::rpc::Status& status) {
  if (status.code() == 0) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), status.message(),
                      status.SerializeAsString());
}

void WriteState(const Sum& sum, google::protobuf::RepeatedPtrField<v1::StateTensor>* state) {
  ToMessage({StateTensor{"adder", "sum", Tensor({2}, sum)}}, state);
}

Sum ReadState(const google::protobuf::RepeatedPtrField<v1::StateTensor>& state) {
  if (state.empty()) return Sum(kFeatures);
  const auto values = FromMessages(state).value()[0].value;
  return Sum(values.floats().begin(), values.floats().end());
}

// Adds the timesteps of `input` to `sum` and returns the sum after each of them.
std::vector<float> Advance(absl::Span<const float> input, Sum* sum) {
  std::vector<float> output;
  for (size_t i = 0; i < input.size(); ++i) {
    float& element = (*sum)[i % kFeatures];
    element += input[i];
    output.push_back(element);
  }
  return output;
}

}  // namespace

// The sessions, and the effect of actions on them.
class FakeServer::Sessions {
 public:
  // Performs `action`; `stream_id` is 0 for a unary call. Returns whether the action must be
  // answered.
  bool Apply(const v1::StreamAction& action, uint64_t stream_id, v1::StreamResult* result) {
    absl::MutexLock lock(&mu_);
    result->set_tag(action.tag());
    google::rpc::Status status;
    bool is_answered = true;
    switch (action.kind_case()) {
      case v1::StreamAction::kOpen:
        status = Open(action.open(), stream_id, result->mutable_open());
        break;
      case v1::StreamAction::kStep:
        status = Step(action.step(), result->mutable_step(), &is_answered);
        break;
      case v1::StreamAction::kReset:
        status = Reset(action.reset(), result->mutable_reset());
        break;
      case v1::StreamAction::kGetState:
        status = Find(action.get_state().session_id());
        if (status.code() == 0) {
          WriteState(sessions_.at(action.get_state().session_id()).sum,
                     result->mutable_get_state()->mutable_state());
        }
        break;
      case v1::StreamAction::kSetState:
        status = Find(action.set_state().session_id());
        if (status.code() == 0) {
          sessions_.at(action.set_state().session_id()).sum = ReadState(action.set_state().state());
          result->mutable_set_state();
        }
        break;
      default:
        status = Find(action.close().session_id());
        sessions_.erase(action.close().session_id());
        result->mutable_close();
    }
    if (status.code() != 0) *result->mutable_error() = status;
    return is_answered;
  }

  void EndStream(uint64_t stream_id) {
    absl::MutexLock lock(&mu_);
    std::erase_if(sessions_, [&](const auto& s) { return s.second.stream_id == stream_id; });
  }

  void List(const v1::ListSessionsRequest& request, v1::ListSessionsResponse* response) {
    absl::MutexLock lock(&mu_);
    for (auto it = sessions_.upper_bound(request.page_token()); it != sessions_.end(); ++it) {
      if (!request.model().empty() && it->second.model != request.model()) continue;
      if (response->sessions_size() == kPageSize) {
        response->set_next_page_token(response->sessions(kPageSize - 1).session_id());
        return;
      }
      v1::SessionSummary* summary = response->add_sessions();
      summary->set_session_id(it->first);
      summary->set_model(it->second.model);
      summary->set_version(it->second.version);
      summary->set_detached(it->second.stream_id == 0);
      summary->set_idle_ms(1500);
      summary->set_state_bytes(8);
      summary->set_model_digest(kDigest);
      summary->set_spilled(it->first == kSpilledId);
    }
  }

  std::vector<std::string> Ids() {
    absl::MutexLock lock(&mu_);
    std::vector<std::string> ids;
    for (const auto& [id, session] : sessions_) ids.push_back(id);
    return ids;
  }

  bool AwaitCount(size_t count) {
    absl::MutexLock lock(&mu_);
    const auto is_reached = [this, count] { return sessions_.size() == count; };
    return mu_.AwaitWithTimeout(absl::Condition(&is_reached), absl::Seconds(10));
  }

 private:
  struct Session {
    std::string model;
    uint64_t stream_id = 0;
    uint64_t version = 0;
    Sum sum;
  };

  google::rpc::Status Find(const std::string& id) {
    if (sessions_.contains(id)) return {};
    return Error(grpc::StatusCode::NOT_FOUND, "SESSION_NOT_FOUND",
                 absl::StrCat("no session '", id, "'"));
  }

  google::rpc::Status Open(const v1::OpenSessionRequest& request, uint64_t stream_id,
                           v1::OpenSessionResponse* response) {
    if (request.model() != "sums" && request.model() != "total" && request.model() != "silent") {
      return Error(grpc::StatusCode::NOT_FOUND, "MODEL_NOT_FOUND",
                   absl::StrCat("no model '", request.model(), "'"));
    }
    const std::string id =
        request.session_id().empty() ? absl::StrCat("s", ++num_opened_) : request.session_id();
    if (sessions_.contains(id)) {
      return Error(grpc::StatusCode::ALREADY_EXISTS, "SESSION_EXISTS",
                   absl::StrCat("session '", id, "' is open"));
    }
    sessions_[id] = Session{request.model(), request.detached() ? 0 : stream_id, 0,
                            ReadState(request.initial_state())};
    response->set_session_id(id);
    return {};
  }

  google::rpc::Status Step(const v1::StepRequest& request, v1::StepResponse* response,
                           bool* is_answered) {
    if (google::rpc::Status status = Find(request.session_id()); status.code() != 0) return status;
    Session& session = sessions_.at(request.session_id());
    const Tensor input = FromMessage(request.input()).value();
    for (float feature : input.floats()) {
      if (feature == kBadFeature) {
        return Error(grpc::StatusCode::FAILED_PRECONDITION, "STATE_NONFINITE", "13 is bad");
      }
    }
    *is_answered = session.model != "silent";
    if (!request.initial_state().empty()) session.sum = ReadState(request.initial_state());
    const std::vector<float> sums = Advance(input.floats(), &session.sum);
    if (session.model == "sums") {
      ToMessage(Tensor(input.shape(), sums), response->mutable_output());
    } else {
      ToMessage(Tensor({2}, session.sum), response->mutable_output());
    }
    response->set_version(++session.version);
    if (request.return_state()) WriteState(session.sum, response->mutable_state());
    return {};
  }

  google::rpc::Status Reset(const v1::ResetStateRequest& request,
                            v1::ResetStateResponse* response) {
    for (const std::string& id : request.session_ids()) {
      if (google::rpc::Status status = Find(id); status.code() != 0) return status;
    }
    for (auto& [id, session] : sessions_) {
      const auto& ids = request.session_ids();
      const bool is_meant = std::find(ids.begin(), ids.end(), id) != ids.end() ||
                            (ids.empty() && session.model == request.model());
      if (!is_meant) continue;
      session.sum = ReadState(request.state());
      response->set_num_sessions(response->num_sessions() + 1);
    }
    return {};
  }

  absl::Mutex mu_;
  std::map<std::string, Session> sessions_ ABSL_GUARDED_BY(mu_);
  int num_opened_ ABSL_GUARDED_BY(mu_) = 0;
};

class FakeServer::Inference final : public v1::InferenceService::Service {
 public:
  explicit Inference(Sessions* sessions) : sessions_(sessions) {}

  void EndStreamsAtNextMessage() { is_ending_streams_ = true; }

  void SendNoticesAtNextMessage(std::vector<v1::StreamNotice> notices) {
    absl::MutexLock lock(&mu_);
    notices_ = std::move(notices);
  }

  std::vector<std::string> SessionIdKeys() {
    absl::MutexLock lock(&mu_);
    return keys_;
  }

  grpc::Status Infer(grpc::ServerContext* /*context*/, const v1::InferRequest* request,
                     v1::InferResponse* response) override {
    const Tensor input = FromMessage(request->input()).value();
    const auto rows = static_cast<size_t>(input.shape()[0]);
    const size_t row_size = input.num_elements() / rows;
    std::vector<float> output;
    for (size_t row = 0; row < rows; ++row) {
      Sum sum(kFeatures);
      const auto sums = Advance(input.floats().subspan(row * row_size, row_size), &sum);
      const auto& wanted = request->model() == "sums" ? sums : sum;
      output.insert(output.end(), wanted.begin(), wanted.end());
    }
    if (request->training()) {
      response->set_seed(request->has_seed() ? request->seed() : 1000);
      for (float& value : output) value += static_cast<float>(response->seed());
    }
    std::vector<int64_t> shape = input.shape();
    if (request->model() != "sums") shape.erase(shape.begin() + 1);
    ToMessage(Tensor(shape, output), response->mutable_output());
    if (request->return_state()) WriteState({7, 8}, response->mutable_state());
    return grpc::Status::OK;
  }

  grpc::Status Stream(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::StreamResponse, v1::StreamRequest>* stream) override {
    const uint64_t stream_id = ++num_streams_;
    bool is_all_answered = true;
    v1::StreamRequest request;
    grpc::Status status;
    while (status.ok() && stream->Read(&request)) {
      if (is_ending_streams_) {
        status = ToGrpc(Error(grpc::StatusCode::UNAVAILABLE, "DRAINING", "the server drains"));
        break;
      }
      if (const auto notices = TakeNotices(); notices.notices_size() > 0) stream->Write(notices);
      v1::StreamResponse response;
      for (const v1::StreamAction& action : request.actions()) {
        v1::StreamResult result;
        const bool is_answered = sessions_->Apply(action, stream_id, &result);
        if (is_answered) *response.add_results() = result;
        is_all_answered = is_all_answered && is_answered;
      }
      if (response.results_size() > 0) stream->Write(response);
    }
    if (!is_all_answered && status.ok()) AwaitCancellation(context);
    sessions_->EndStream(stream_id);
    return status;
  }

  grpc::Status OpenSession(grpc::ServerContext* context, const v1::OpenSessionRequest* request,
                           v1::OpenSessionResponse* response) override {
    return Unary(context, *request, &v1::StreamAction::mutable_open, &v1::StreamResult::open,
                 response);
  }
  grpc::Status Step(grpc::ServerContext* context, const v1::StepRequest* request,
                    v1::StepResponse* response) override {
    return Unary(context, *request, &v1::StreamAction::mutable_step, &v1::StreamResult::step,
                 response);
  }
  grpc::Status CloseSession(grpc::ServerContext* context, const v1::CloseSessionRequest* request,
                            v1::CloseSessionResponse* response) override {
    return Unary(context, *request, &v1::StreamAction::mutable_close, &v1::StreamResult::close,
                 response);
  }
  grpc::Status ResetState(grpc::ServerContext* context, const v1::ResetStateRequest* request,
                          v1::ResetStateResponse* response) override {
    return Unary(context, *request, &v1::StreamAction::mutable_reset, &v1::StreamResult::reset,
                 response);
  }
  grpc::Status GetState(grpc::ServerContext* context, const v1::GetStateRequest* request,
                        v1::GetStateResponse* response) override {
    return Unary(context, *request, &v1::StreamAction::mutable_get_state,
                 &v1::StreamResult::get_state, response);
  }
  grpc::Status SetState(grpc::ServerContext* context, const v1::SetStateRequest* request,
                        v1::SetStateResponse* response) override {
    return Unary(context, *request, &v1::StreamAction::mutable_set_state,
                 &v1::StreamResult::set_state, response);
  }
  grpc::Status ListSessions(grpc::ServerContext* /*context*/,
                            const v1::ListSessionsRequest* request,
                            v1::ListSessionsResponse* response) override {
    sessions_->List(*request, response);
    return grpc::Status::OK;
  }

 private:
  v1::StreamResponse TakeNotices() {
    v1::StreamResponse message;
    absl::MutexLock lock(&mu_);
    message.mutable_notices()->Add(notices_.begin(), notices_.end());
    notices_.clear();
    return message;
  }

  static void AwaitCancellation(grpc::ServerContext* context) {
    while (!context->IsCancelled()) absl::SleepFor(absl::Milliseconds(1));
  }

  template <typename Request, typename Response>
  grpc::Status Unary(grpc::ServerContext* context, const Request& request,
                     Request* (v1::StreamAction::*field)(),
                     const Response& (v1::StreamResult::*answer)() const, Response* response) {
    NoteKeyOf(*context);
    v1::StreamAction action;
    *(action.*field)() = request;
    v1::StreamResult result;
    if (!sessions_->Apply(action, 0, &result)) AwaitCancellation(context);
    if (result.has_error()) return ToGrpc(result.error());
    *response = (result.*answer)();
    return grpc::Status::OK;
  }

  void NoteKeyOf(const grpc::ServerContext& context) {
    const auto& metadata = context.client_metadata();
    const auto key = metadata.find("x-session-id");
    absl::MutexLock lock(&mu_);
    keys_.push_back(key == metadata.end() ? ""
                                          : std::string(key->second.data(), key->second.size()));
  }

  Sessions* const sessions_;
  absl::Mutex mu_;
  std::vector<v1::StreamNotice> notices_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> keys_ ABSL_GUARDED_BY(mu_);
  std::atomic<uint64_t> num_streams_ = 0;
  std::atomic<bool> is_ending_streams_ = false;
};

class FakeServer::Models final : public v1::ModelService::Service {
 public:
  grpc::Status ListModels(grpc::ServerContext* /*context*/,
                          const v1::ListModelsRequest* /*request*/,
                          v1::ListModelsResponse* response) override {
    for (const char* name : {"silent", "sums", "total"}) *response->add_models() = Summary(name);
    return grpc::Status::OK;
  }

  // Reports that "sums" has changed and no other model has.
  grpc::Status ReloadModel(grpc::ServerContext* /*context*/, const v1::ReloadModelRequest* request,
                           v1::ReloadModelResponse* response) override {
    const std::string digest = Summary(request->model()).digest();
    const bool has_changed = request->model() == "sums";
    response->set_previous_digest(digest);
    response->set_digest(has_changed ? "fedcba9876543210fedc" : digest);
    response->set_changed(has_changed);
    response->set_num_retiring_sessions(has_changed ? 1200 : 0);
    return grpc::Status::OK;
  }

  grpc::Status DescribeModel(grpc::ServerContext* /*context*/,
                             const v1::DescribeModelRequest* request,
                             v1::DescribeModelResponse* response) override {
    if (request->model() != "sums" && request->model() != "total" && request->model() != "silent") {
      return ToGrpc(Error(grpc::StatusCode::NOT_FOUND, "MODEL_NOT_FOUND",
                          absl::StrCat("no model '", request->model(), "'")));
    }
    *response->mutable_summary() = Summary(request->model());
    response->set_returns_sequences(request->model() == "sums");
    response->mutable_input()->set_dtype(v1::DATA_TYPE_FLOAT32);
    response->mutable_input()->add_shape(2);
    response->mutable_output()->set_dtype(v1::DATA_TYPE_FLOAT32);
    response->mutable_output()->add_shape(2);
    v1::StateSpec* state = response->add_states();
    state->set_layer("adder");
    state->set_name("sum");
    state->mutable_spec()->add_shape(2);
    v1::LayerSummary* layer = response->add_layers();
    layer->set_name("adder");
    layer->set_class_name("RNN");
    layer->add_output_shape(2);
    layer->set_num_parameters(1234);
    return grpc::Status::OK;
  }

 private:
  static v1::ModelSummary Summary(const std::string& name) {
    v1::ModelSummary summary;
    summary.set_name(name);
    summary.set_digest(kDigest);
    summary.set_streamable(true);
    summary.set_num_parameters(1234);
    summary.set_weight_type(v1::WEIGHT_TYPE_INT8);
    summary.set_parameter_bytes(5678);
    summary.set_state_bytes(8);
    return summary;
  }
};

struct FakeServer::Running {
  std::unique_ptr<grpc::Server> server;
};

FakeServer::FakeServer()
    : sessions_(std::make_unique<Sessions>()),
      inference_(std::make_unique<Inference>(sessions_.get())),
      models_(std::make_unique<Models>()),
      running_(std::make_unique<Running>()) {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(inference_.get());
  builder.RegisterService(models_.get());
  running_->server = builder.BuildAndStart();
  address_ = absl::StrCat("127.0.0.1:", port);
}

FakeServer::~FakeServer() {
  // The deadline is in the past, so everything that is still running is cancelled at once.
  running_->server->Shutdown(gpr_time_0(GPR_CLOCK_MONOTONIC));
}

std::unique_ptr<Client> FakeServer::Connect() const { return Client::Connect(address_).value(); }

std::vector<std::string> FakeServer::OpenSessions() const { return sessions_->Ids(); }

bool FakeServer::AwaitOpenSessions(size_t count) const { return sessions_->AwaitCount(count); }

std::vector<std::string> FakeServer::SessionIdKeys() const { return inference_->SessionIdKeys(); }

void FakeServer::SendNoticesAtNextMessage(std::vector<v1::StreamNotice> notices) {
  inference_->SendNoticesAtNextMessage(std::move(notices));
}

void FakeServer::EndStreamsAtNextMessage() { inference_->EndStreamsAtNextMessage(); }

}  // namespace rnnserve::client
