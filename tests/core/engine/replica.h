// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_CORE_ENGINE_REPLICA_H_
#define RNNSERVE_TESTS_CORE_ENGINE_REPLICA_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/engine/engine.h"
#include "tests/support/answer.h"
#include "tests/support/owned_tensor.h"
#include "tests/support/recording_observer.h"
#include "tests/support/shared_snapshot_store.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {

// Plays one of several servers that share a snapshot store. It is an engine with a model named
// "doubling", by default h' = 2 h + x. Each call waits for its answer. The clock and the store must
// outlive it.
class Replica {
 public:
  explicit Replica(const Clock& clock, SnapshotStore& store, EngineOptions options = {},
                   ModelPtr model = DoublingModel()) {
    options.workers = 1;
    DurabilityConfig engine_store{std::make_unique<SharedSnapshotStore>(store),
                                  SnapshotKeys(SnapshotKey(SnapshotKey::Secret{7})),
                                  {}};
    engine_ = std::make_unique<Engine>(clock, observer_, options, std::move(engine_store));
    engine_->AddModel("doubling", std::move(model)).IgnoreError();
  }

  absl::StatusOr<OpenedSession> Open(const std::string& id,
                                     std::optional<Durability> durability = std::nullopt) {
    OpenSessionCall call;
    call.model = "doubling";
    call.session_id = id;
    call.durability = durability;
    Answer<OpenedSession> answer;
    engine_->OpenSession(call, answer.callback());
    return answer.Wait();
  }
  absl::StatusOr<OpenedSession> Attach(const std::string& id) {
    Answer<OpenedSession> answer;
    engine_->AttachSession(id, answer.callback());
    return answer.Wait();
  }
  absl::StatusOr<StepResult> Step(const std::string& id, float value,
                                  std::optional<uint64_t> index = std::nullopt,
                                  std::optional<uint64_t> epoch = std::nullopt) {
    const OwnedTensor input = OwnedTensor::Floats({1, 1}, {value});
    StepCall call;
    call.session_id = id;
    call.inputs = {{"", input, std::nullopt}};
    call.step_index = index;
    call.epoch = epoch;
    Answer<StepResult> answer;
    engine_->Step(std::move(call), answer.callback());
    return answer.Wait();
  }
  absl::StatusOr<StepSessionsResult> StepSessions(const std::vector<std::string>& ids) {
    const auto num_sessions = static_cast<int64_t>(ids.size());
    const OwnedTensor input =
        OwnedTensor::Floats({num_sessions, 1, 1}, std::vector<float>(ids.size(), 1));
    StepSessionsCall call;
    call.model = "doubling";
    call.session_ids = ids;
    call.inputs = {{"", input, std::nullopt}};
    Answer<StepSessionsResult> answer;
    engine_->StepSessions(std::move(call), answer.callback());
    return answer.Wait();
  }
  absl::StatusOr<uint64_t> SetState(const std::string& id, float value) {
    const OwnedTensor state = OwnedTensor::Floats({1}, {value});
    Answer<uint64_t> answer;
    engine_->SetState({id, {{"sum", "h", state}}, std::nullopt}, answer.callback());
    return answer.Wait();
  }
  absl::StatusOr<int64_t> Reset(ResetStateCall call) {
    Answer<int64_t> answer;
    engine_->ResetState(std::move(call), answer.callback());
    return answer.Wait();
  }
  absl::StatusOr<uint64_t> Close(const std::string& id) {
    Answer<uint64_t> answer;
    engine_->CloseSession({id, EndReason::kClosed, std::nullopt}, answer.callback());
    return answer.Wait();
  }
  absl::StatusOr<float> Sum(const std::string& id) {
    Answer<SessionStateResult> answer;
    engine_->GetState(id, answer.callback());
    const auto result = answer.Wait();
    if (!result.ok()) return result.status();
    return result->state.at(0).values.at(0);
  }
  bool IsInMemory(const std::string& id) {
    const auto listed = engine_->ListSessions({}, "", 100);
    return std::any_of(listed->begin(), listed->end(), [&id](const auto& session) {
      return session.id == id && !session.is_spilled;
    });
  }

  Engine& engine() { return *engine_; }
  RecordingEngineObserver& observer() { return observer_; }

 private:
  RecordingEngineObserver observer_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_CORE_ENGINE_REPLICA_H_
