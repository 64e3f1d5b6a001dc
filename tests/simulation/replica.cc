// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/replica.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/simulation/hash_model.h"
#include "tests/support/answer.h"
#include "tests/support/owned_tensor.h"

namespace rnnserve::testing {
namespace {

constexpr char kModel[] = "hash";

EngineOptions MakeEngineOptions(int64_t max_sessions) {
  EngineOptions options;
  options.workers = 1;
  options.batching.max_batch_rows = 8;
  options.sessions.max_sessions = max_sessions;
  options.sessions.max_tombstones = 64;
  return options;
}

// Returns the tensors of the inputs for one timestep of a batch of one or, without `has_batch`, of a
// step.
std::vector<OwnedTensor> TensorsOf(uint32_t input, bool is_by_name, bool has_batch) {
  const std::vector<int64_t> shape(has_batch ? 3 : 2, 1);
  const auto tensor = [&](uint32_t value) {
    return OwnedTensor::Floats(Shape(shape), {static_cast<float>(value)});
  };
  std::vector<OwnedTensor> tensors;
  if (!is_by_name) {
    tensors.push_back(tensor(input));
    return tensors;
  }
  // Any a and b with a + 2 b = input; they differ, so that exchanging them gives another state.
  const uint32_t b = input / 3;
  tensors.push_back(tensor(input - 2 * b));
  tensors.push_back(tensor(b));
  return tensors;
}

// Returns the output of a step. If there are two and the second is not twice the first, returns a
// number that no step has.
float OutputOf(const StepResult& result) {
  const float output = result.outputs[0].values.at(0);
  if (result.outputs.size() == 1) return output;
  return result.outputs[1].values.at(0) == 2 * output ? output : -1;
}

}  // namespace

std::string SessionName(int session) { return absl::StrCat("s", session); }

void WorkerWatch::OnCellStep(int64_t rows, absl::Duration /*duration*/) {
  absl::MutexLock lock(&mu_);
  num_rows_ += rows;
  if (!holds_) return;
  is_held_ = true;
  const auto is_released = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return !holds_; };
  mu_.Await(absl::Condition(&is_released));
  is_held_ = false;
}

void WorkerWatch::Hold() {
  absl::MutexLock lock(&mu_);
  holds_ = true;
}

void WorkerWatch::WaitUntilHeld() {
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(&is_held_));
}

void WorkerWatch::Release() {
  absl::MutexLock lock(&mu_);
  holds_ = false;
}

int64_t WorkerWatch::num_rows() const {
  absl::MutexLock lock(&mu_);
  return num_rows_;
}

Replica::Replica(const Clock& clock, uint64_t incarnation, const Options& options)
    : incarnation_(incarnation),
      is_by_name_(options.is_by_name),
      is_memory_short_(options.max_sessions < Options().max_sessions) {
  DurabilityConfig store{link_.MakeStore(), keys()};
  store.checkpoints.steps = options.checkpoint_steps;
  // Write as often as possible, to get as many orders of writes as possible.
  store.checkpoints.min_interval = absl::ZeroDuration();
  engine_ = std::make_unique<Engine>(clock, watch_, MakeEngineOptions(options.max_sessions),
                                     std::move(store));
  if (!engine_->AddModel(kModel, is_by_name_ ? HashPairModel() : HashModel()).ok()) std::abort();
}

Replica::~Replica() { engine_.reset(); }

const SnapshotKeys& Replica::keys() {
  static const SnapshotKeys keys(SnapshotKey(SnapshotKey::Secret{7}));
  return keys;
}

void Replica::Handle(const std::vector<Request>& requests,
                     const std::vector<Durability>& durability, const std::vector<int>& windows) {
  // Hold the worker, so that all steps are queued when it continues and make one batch.
  const bool is_batch = requests.size() > 1;
  Answer<InferResult> first;
  const std::vector<OwnedTensor> inputs = TensorsOf(0, is_by_name_, /*has_batch=*/true);
  if (is_batch) {
    watch_.Hold();
    InferCall call;
    call.model = kModel;
    call.inputs = InputsOf(inputs);
    engine_->Infer(std::move(call), first.callback());
    watch_.WaitUntilHeld();
  }
  may_wait_for_store_ = is_memory_short_ || is_batch || link_.size() > 0 || num_open_calls() > 0;
  for (const Request& request : requests) {
    const auto session = static_cast<size_t>(request.session);
    may_wait_for_store_ |=
        request.kind != Request::Kind::kStep || durability[session] == Durability::kSync;
    HandleOne(request, durability[session], windows[session]);
  }
  if (is_batch) {
    watch_.Release();
    first.Wait().IgnoreError();
  }
  Settle();
}

void Replica::HandleOne(const Request& request, Durability durability, int window) {
  {
    absl::MutexLock lock(&mu_);
    ++num_open_calls_;
  }
  const std::string id = SessionName(request.session);
  if (request.kind == Request::Kind::kStep) {
    const auto inputs = std::make_shared<std::vector<OwnedTensor>>(
        TensorsOf(request.input, is_by_name_, /*has_batch=*/false));
    StepCall call;
    call.session_id = id;
    call.inputs = InputsOf(*inputs);
    call.step_index = request.index;
    call.epoch = request.epoch;
    engine_->Step(std::move(call),
                  [this, request, inputs](const absl::StatusOr<StepResult>& result) {
                    Reply reply{request, result.status()};
                    if (result.ok()) {
                      reply.version = result->version;
                      reply.epoch = result->epoch;
                      reply.durable_version = result->durable_version;
                      reply.output = OutputOf(*result);
                    }
                    Keep(std::move(reply));
                  });
    return;
  }
  auto callback = [this, request](const absl::StatusOr<OpenedSession>& opened) {
    Reply reply{request, opened.status()};
    if (opened.ok()) {
      reply.version = opened->version;
      reply.epoch = opened->epoch;
      reply.durable_version = opened->durable_version;
    }
    Keep(std::move(reply));
  };
  if (request.kind == Request::Kind::kAttach) return engine_->AttachSession(id, callback);
  OpenSessionCall call;
  call.model = kModel;
  call.session_id = id;
  call.durability = durability;
  call.reply_window = window;
  engine_->OpenSession(call, callback);
}

NamedInputs Replica::InputsOf(const std::vector<OwnedTensor>& tensors) const {
  if (!is_by_name_) return {{"", tensors[0], std::nullopt}};
  return {{"a", tensors[0], std::nullopt}, {"b", tensors[1], std::nullopt}};
}

void Replica::Keep(Reply reply) {
  reply.incarnation = incarnation_;
  absl::MutexLock lock(&mu_);
  --num_open_calls_;
  replies_.push_back(std::move(reply));
}

int Replica::num_open_calls() const {
  absl::MutexLock lock(&mu_);
  return num_open_calls_;
}

void Replica::Settle() {
  // If no call may wait for the store, all calls come to an end.
  if (!may_wait_for_store_ || num_open_calls() == 0) {
    engine_->WaitUntilIdle(absl::InfiniteDuration());
  } else {
    // A row that was computed may have let the next call in line continue. So repeat until a round
    // in which the worker computed only the barrier's row.
    int64_t before = 0;
    do {
      before = watch_.num_rows();
      PassBarrier();
    } while (watch_.num_rows() > before + 1);
  }
  may_wait_for_store_ = true;
  link_.SortNew();
}

void Replica::PassBarrier() {
  const std::vector<OwnedTensor> inputs = TensorsOf(0, is_by_name_, /*has_batch=*/true);
  InferCall call;
  call.model = kModel;
  call.inputs = InputsOf(inputs);
  Answer<InferResult> answer;
  engine_->Infer(std::move(call), answer.callback());
  answer.Wait().IgnoreError();
}

std::vector<Reply> Replica::TakeReplies() {
  std::vector<Reply> replies;
  {
    absl::MutexLock lock(&mu_);
    replies = std::exchange(replies_, {});
  }
  std::sort(replies.begin(), replies.end(),
            [](const Reply& a, const Reply& b) { return a.request.arrival < b.request.arrival; });
  return replies;
}

}  // namespace rnnserve::testing
