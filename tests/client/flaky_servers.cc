// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/client/flaky_servers.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/status_conversion.h"
#include "client/cpp/wire.h"
#include "google/rpc/error_details.pb.h"

namespace rnnserve::client {
namespace {

constexpr int64_t kOtherInput = -77;
constexpr size_t kOlderStoresMax = 8;
constexpr size_t kCallsMax = 100;

absl::Status Error(absl::StatusCode code, const std::string& reason, const std::string& text,
                   absl::Duration delay = absl::ZeroDuration()) {
  google::rpc::Status status;
  status.set_code(static_cast<int>(code));
  status.set_message(text);
  google::rpc::ErrorInfo info;
  info.set_domain("rnnserve");
  info.set_reason(reason);
  status.add_details()->PackFrom(info);
  if (delay > absl::ZeroDuration()) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(delay)));
    status.add_details()->PackFrom(retry);
  }
  return FromMessage(status);
}

absl::Status Unknown() {
  return Error(absl::StatusCode::kNotFound, "SESSION_UNKNOWN", "no such session");
}

// Returns the error that gRPC and proxies report for a broken connection.
absl::Status Broken(size_t num_calls) {
  switch (num_calls % 3) {
    case 0:
      return absl::UnavailableError("connection reset");
    case 1:
      return absl::CancelledError("RST_STREAM");
    default:
      return absl::InternalError("stream removed");
  }
}

uint64_t NumberOf(const v1::Tensor& tensor) {
  return static_cast<uint64_t>(FromMessage(tensor).value().int64s()[0]);
}

// Returns the input that the inputs of a step stand for.
int64_t InputOf(const v1::StepRequest& request) {
  if (request.inputs().empty()) return static_cast<int64_t>(NumberOf(request.input()));
  int64_t values[2] = {0, 0};
  for (const v1::NamedTensor& input : request.inputs()) {
    values[input.name() == "a" ? 0 : 1] = static_cast<int64_t>(NumberOf(input.tensor()));
  }
  return ToyPair(values[0], values[1]);
}

std::string ContentOf(const v1::StepRequest& request) {
  std::string content = request.input().SerializeAsString();
  for (const v1::NamedTensor& input : request.inputs()) content += input.SerializeAsString();
  for (const v1::StateTensor& state : request.initial_state()) {
    content += state.SerializeAsString();
  }
  return content;
}

}  // namespace

// The finalizer of SplitMix64.
uint64_t NextToyState(uint64_t state, int64_t input) {
  uint64_t z = state + 0x9e3779b97f4a7c15u * static_cast<uint64_t>(input + 1000);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

Tensor ToyTensor(uint64_t value) {
  return Tensor({1}, std::vector<int64_t>{static_cast<int64_t>(value)});
}

std::vector<NamedTensor> ToyInputs(int64_t a, int64_t b) {
  return {{"a", ToyTensor(static_cast<uint64_t>(a))}, {"b", ToyTensor(static_cast<uint64_t>(b))}};
}

int64_t ToyPair(int64_t a, int64_t b) { return 1000 * a + b; }

std::vector<NamedTensor> ToyOutputs(uint64_t state) {
  return {{"state", ToyTensor(state)}, {"twice", ToyTensor(2 * state)}};
}

Fault FlakyServers::BeginCall(const std::string& name) {
  world_->clock.Sleep(absl::Milliseconds(1));
  DoLateRequests();
  Fault fault = Fault::kNone;
  if (world_->script.empty()) {
    fault = world_->weather();
  } else {
    fault = world_->script.front();
    world_->script.pop_front();
  }
  if (world_->calls.size() >= kCallsMax) world_->calls.erase(world_->calls.begin());
  const std::string wrong =
      fault == Fault::kNone ? "" : absl::StrCat(" !", static_cast<int>(fault));
  world_->calls.push_back(absl::StrCat(name, wrong));
  return fault;
}

template <typename Response>
absl::StatusOr<Response> FlakyServers::Do(Fault fault, absl::Duration timeout,
                                          const std::function<absl::StatusOr<Response>()>& call) {
  switch (fault) {
    case Fault::kNone:
      return call();
    case Fault::kLateRequest:
    case Fault::kLostRequest:
      break;
    case Fault::kLostReply:
      (void)call();
      break;
    case Fault::kTwice:
      (void)call();
      return call();
    case Fault::kTimeout:
      (void)call();
      world_->clock.Sleep(timeout);
      return absl::DeadlineExceededError("Deadline Exceeded");
    case Fault::kRestart:
      LoseMemory(current_);
      break;
    case Fault::kRestartAfter:
      (void)call();
      LoseMemory(current_);
      break;
    case Fault::kDrain:
      for (auto& [id, copy] : world_->servers[current_]) Checkpoint(id, copy);
      LoseMemory(current_);
      return Error(absl::StatusCode::kUnavailable, "DRAINING", "the server is draining");
    case Fault::kBusy:
      return Error(absl::StatusCode::kResourceExhausted, "QUEUE_ROWS", "the queue is full",
                   absl::Milliseconds(50));
    case Fault::kStoreDown:
      return Error(absl::StatusCode::kUnavailable, "STORE_DOWN", "the store does not answer");
    case Fault::kOlderStore:
      LoseStore();
      break;
    case Fault::kTakeover:
    case Fault::kTakeoverAndStep:
      TakeOver(fault == Fault::kTakeoverAndStep);
      return call();
  }
  return Broken(world_->calls.size());
}

absl::StatusOr<v1::OpenSessionResponse> FlakyServers::Open(const v1::OpenSessionRequest& request,
                                                           absl::Duration timeout) {
  return Do<v1::OpenSessionResponse>(BeginCall("open"), timeout, [&] { return DoOpen(request); });
}

absl::StatusOr<v1::OpenSessionResponse> FlakyServers::DoOpen(
    const v1::OpenSessionRequest& request) {
  const std::string& id = request.session_id();
  Memory& memory = world_->servers[current_];
  if (memory.contains(id) || world_->store.contains(id)) {
    return Error(absl::StatusCode::kAlreadyExists, "SESSION_EXISTS", "the id is open");
  }
  Copy& copy = memory[id];
  if (id == world_->known_id) world_->taken_over_at.reset();
  if (!request.initial_state().empty()) copy.state = NumberOf(request.initial_state(0).value());
  Checkpoint(id, copy);
  v1::OpenSessionResponse response;
  response.set_session_id(id);
  response.set_epoch(copy.epoch);
  response.set_model_digest("toy");
  return response;
}

absl::StatusOr<v1::AttachSessionResponse> FlakyServers::Attach(
    const v1::AttachSessionRequest& request, absl::Duration timeout) {
  return Do<v1::AttachSessionResponse>(BeginCall("attach"), timeout,
                                       [&] { return DoAttach(request.session_id()); });
}

absl::StatusOr<v1::AttachSessionResponse> FlakyServers::DoAttach(const std::string& id) {
  Memory& memory = world_->servers[current_];
  const auto stored = world_->store.find(id);
  const bool is_stored = stored != world_->store.end();
  if (memory.contains(id) && is_stored && stored->second.epoch > memory[id].epoch) memory.erase(id);
  if (!memory.contains(id)) {
    if (!is_stored) return Unknown();
    memory[id] = stored->second;
    memory[id].durable_version = memory[id].version;
  }
  Copy& copy = memory[id];
  ++copy.epoch;
  if (is_stored) Checkpoint(id, copy);
  if (id == world_->known_id) {
    world_->taken_over_at = is_other_writer_ ? std::optional(current_) : std::nullopt;
  }
  v1::AttachSessionResponse response;
  response.set_session_id(id);
  response.set_version(copy.version);
  response.set_durable_version(copy.durable_version);
  response.set_epoch(copy.epoch);
  response.set_model_digest("toy");
  return response;
}

absl::StatusOr<v1::StepResponse> FlakyServers::Step(const v1::StepRequest& request,
                                                    absl::Duration timeout) {
  const Fault fault = BeginCall(absl::StrCat("step ", request.step_index()));
  if (fault == Fault::kLateRequest) {
    const int num_calls_late = 1 + static_cast<int>(request.step_index() % 4);
    late_requests_.push_back({num_calls_late, current_, request});
  }
  return Do<v1::StepResponse>(fault, timeout, [&] { return DoStep(current_, request); });
}

absl::StatusOr<v1::StepResponse> FlakyServers::DoStep(size_t server,
                                                      const v1::StepRequest& request) {
  const std::string& id = request.session_id();
  Memory& memory = world_->servers[server];
  if (!memory.contains(id)) return Unknown();
  Copy& copy = memory[id];
  const bool has_epoch = request.has_epoch();
  if (has_epoch && request.epoch() < copy.epoch) {
    return Error(absl::StatusCode::kAborted, "STEP_FENCED", "another writer attached");
  }
  if (has_epoch && request.epoch() > copy.epoch) {
    memory.erase(id);
    return Error(absl::StatusCode::kUnavailable, "STALE_OWNER", "the session is elsewhere");
  }
  if (world_->refused_input == InputOf(request)) {
    return Error(absl::StatusCode::kInvalidArgument, "INPUT_SHAPE", "the input is refused");
  }
  if (request.step_index() > copy.version) {
    return Error(absl::StatusCode::kAborted, "STEP_GAP", "a step is missing");
  }
  if (request.step_index() < copy.version) {
    if (!copy.kept.has_value() || copy.kept->index != request.step_index()) {
      return Error(absl::StatusCode::kOutOfRange, "STEP_TOO_OLD", "the reply is kept no more");
    }
    if (copy.kept->content != ContentOf(request)) {
      return Error(absl::StatusCode::kFailedPrecondition, "STEP_REUSED", "another content");
    }
    v1::StepResponse response = copy.kept->response;
    response.set_replayed(true);
    return response;
  }
  Commit(request, copy);
  if (id == world_->known_id && world_->taken_over_at == server && !is_other_writer_) {
    ++world_->num_steps_of_fenced_writer;
  }
  const uint64_t every = world_->checkpoint_steps;
  if (every > 0 && copy.version % every == 0 && !Checkpoint(id, copy)) {
    memory.erase(id);  // Another server has it, so this result is void.
    return Error(absl::StatusCode::kUnavailable, "STALE_OWNER", "the session is elsewhere");
  }
  v1::StepResponse response = copy.kept->response;
  response.set_durable_version(copy.durable_version);
  return response;
}

void FlakyServers::Commit(const v1::StepRequest& request, Copy& copy) {
  if (!request.initial_state().empty()) copy.state = NumberOf(request.initial_state(0).value());
  copy.state = NextToyState(copy.state, InputOf(request));
  ++copy.version;
  copy.kept = Kept{request.step_index(), ContentOf(request), {}};
  v1::StepResponse& response = copy.kept->response;
  response.set_session_id(request.session_id());
  if (request.inputs().empty()) {
    ToMessage(ToyTensor(copy.state + world_->output_error), response.mutable_output());
  } else {
    std::vector<NamedTensor> outputs = ToyOutputs(copy.state);
    outputs[1].value = ToyTensor(2 * copy.state + world_->output_error);
    ToMessage(outputs, response.mutable_outputs());
  }
  response.set_version(copy.version);
  response.set_epoch(copy.epoch);
}

// Compares and sets as the real store does: returns false if a newer owner has written.
bool FlakyServers::Checkpoint(const std::string& id, Copy& copy) {
  if (world_->checkpoint_steps == 0) return true;
  const auto stored = world_->store.find(id);
  if (stored != world_->store.end() && stored->second.epoch > copy.epoch) return false;
  world_->older_stores.push_back(world_->store);
  if (world_->older_stores.size() > kOlderStoresMax) world_->older_stores.pop_front();
  copy.durable_version = copy.version;
  world_->store[id] = copy;
  return true;
}

absl::StatusOr<v1::GetStateResponse> FlakyServers::GetState(const v1::GetStateRequest& request,
                                                            absl::Duration timeout) {
  return Do<v1::GetStateResponse>(
      BeginCall("get_state"), timeout, [&]() -> absl::StatusOr<v1::GetStateResponse> {
        Memory& memory = world_->servers[current_];
        if (!memory.contains(request.session_id())) return Unknown();
        v1::GetStateResponse response;
        ToMessage({StateTensor{"toy", "s", ToyTensor(memory[request.session_id()].state)}},
                  response.mutable_state());
        return response;
      });
}

absl::StatusOr<v1::CloseSessionResponse> FlakyServers::Close(const v1::CloseSessionRequest& request,
                                                             absl::Duration timeout) {
  return Do<v1::CloseSessionResponse>(
      BeginCall("close"), timeout, [&]() -> absl::StatusOr<v1::CloseSessionResponse> {
        if (world_->servers[current_].erase(request.session_id()) == 0) return Unknown();
        world_->store.erase(request.session_id());
        return v1::CloseSessionResponse();
      });
}

void FlakyServers::MoveOn() {
  ++world_->num_moves;
  current_ = (current_ + 1) % world_->servers.size();
}

void FlakyServers::DoLateRequests() {
  std::vector<LateRequest> due;
  std::vector<LateRequest> others;
  for (LateRequest& late : late_requests_) {
    (--late.num_calls_left < 0 ? due : others).push_back(std::move(late));
  }
  late_requests_ = std::move(others);
  for (const LateRequest& late : due) (void)DoStep(late.server, late.request);
}

void FlakyServers::LoseMemory(size_t server) { world_->servers[server].clear(); }

void FlakyServers::LoseStore() {
  for (Memory& memory : world_->servers) memory.clear();
  for (uint64_t i = 0; i < world_->num_checkpoints_lost && !world_->older_stores.empty(); ++i) {
    world_->store = world_->older_stores.back();
    world_->older_stores.pop_back();
  }
}

void FlakyServers::TakeOver(bool is_stepping) {
  const std::string& id = world_->known_id;
  is_other_writer_ = true;
  const auto attached = DoAttach(id);
  if (attached.ok() && is_stepping) {
    v1::StepRequest step;
    step.set_session_id(id);
    ToMessage(ToyTensor(static_cast<uint64_t>(kOtherInput)), step.mutable_input());
    step.set_step_index(attached->version());
    step.set_epoch(attached->epoch());
    (void)DoStep(current_, step);
  }
  is_other_writer_ = false;
}

}  // namespace rnnserve::client
