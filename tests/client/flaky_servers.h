// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_CLIENT_FLAKY_SERVERS_H_
#define RNNSERVE_TESTS_CLIENT_FLAKY_SERVERS_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/cpp/retry_clock.h"
#include "client/cpp/session_servers.h"
#include "client/cpp/tensor.h"

namespace rnnserve::client {

// A fault that affects one call.
enum class Fault {
  kNone,
  kLostRequest,      // the server never sees the call
  kLateRequest,      // a step is performed after later calls; a call of another kind is lost
  kLostReply,        // the call is performed, and no answer comes
  kTwice,            // the call is performed twice, and the second answer comes
  kTimeout,          // the call is performed, and the answer takes too long
  kRestart,          // the server loses its memory before the call
  kRestartAfter,     // the call is performed, no answer comes, the server loses its memory
  kDrain,            // the server stores its sessions, refuses the call, and is gone
  kBusy,             // RESOURCE_EXHAUSTED with a retry delay of 50 ms
  kStoreDown,        // UNAVAILABLE from the server itself
  kOlderStore,       // all memory is lost, and the store falls back by some checkpoints
  kTakeover,         // another writer attaches before the call
  kTakeoverAndStep,  // another writer attaches and makes a step before the call
};

// A clock that advances when somebody sleeps. Thread-compatible.
class SelfMovingClock final : public RetryClock {
 public:
  absl::Duration Now() const override { return now_; }
  void Sleep(absl::Duration duration) override { now_ += duration; }

 private:
  absl::Duration now_ = absl::Seconds(1000);
};

// The arithmetic of the toy model. A step that is lost, repeated or swapped with another changes
// all later outputs.
inline constexpr uint64_t kToyBeginning = 42;
uint64_t NextToyState(uint64_t state, int64_t input);
Tensor ToyTensor(uint64_t value);

// The same step with two inputs by name. It is that of the input ToyPair(a, b), and has the outputs
// of ToyOutputs, "state" and "twice", in place of the state alone.
std::vector<NamedTensor> ToyInputs(int64_t a, int64_t b);
int64_t ToyPair(int64_t a, int64_t b);
std::vector<NamedTensor> ToyOutputs(uint64_t state);

// Servers in this process with sessions of a toy model, whose state is one number and whose output
// is that state. They share a store, and fail where the test wants them to.
//
// Sessions, their steps and attaching behave as proto/rnnserve/v1 requires, with a reply window of
// 1. Threads, time (no session expires), batches and the limits of a server are not modelled. Used
// by one thread at a time: the test's. The session under test owns the object and calls it; the
// test keeps `World`.
class FlakyServers final : public SessionServers {
 public:
  struct Kept {
    uint64_t index = 0;
    std::string content;
    v1::StepResponse response;
  };
  // A session in the memory of a server or in the store.
  struct Copy {
    uint64_t version = 0;
    uint64_t durable_version = 0;
    uint64_t epoch = 1;
    uint64_t state = kToyBeginning;
    std::optional<Kept> kept;
  };
  using Memory = std::map<std::string, Copy>;

  struct World {
    SelfMovingClock clock;
    std::vector<Memory> servers = std::vector<Memory>(2);
    // The number of steps from one checkpoint to the next; 0: there is no store.
    uint64_t checkpoint_steps = 0;
    Memory store;
    // Earlier contents of the store, for kOlderStore.
    std::deque<Memory> older_stores;
    uint64_t num_checkpoints_lost = 2;
    // The id of the session that another writer knows about and takes over.
    std::string known_id = "known";
    // The faults of the next calls. When there are none left, `weather` decides.
    std::deque<Fault> script;
    std::function<Fault()> weather = [] { return Fault::kNone; };
    // Added to each output, so that its bits differ from server to server; if there are two, only
    // to "twice".
    uint64_t output_error = 0;
    // A step with this input is refused with INVALID_ARGUMENT.
    std::optional<int64_t> refused_input;
    // The test reads the values below.
    std::vector<std::string> calls;  // the last 100: "step 3", "attach !7" (with that fault), ...
    std::optional<size_t> taken_over_at;  // the server where another writer has attached
    int num_steps_of_fenced_writer = 0;   // on that server
    int num_moves = 0;
  };

  // `world` must outlive this.
  explicit FlakyServers(World* world) : world_(world) {}

  absl::StatusOr<v1::OpenSessionResponse> Open(const v1::OpenSessionRequest& request,
                                               absl::Duration timeout) override;
  absl::StatusOr<v1::AttachSessionResponse> Attach(const v1::AttachSessionRequest& request,
                                                   absl::Duration timeout) override;
  absl::StatusOr<v1::StepResponse> Step(const v1::StepRequest& request,
                                        absl::Duration timeout) override;
  absl::StatusOr<v1::GetStateResponse> GetState(const v1::GetStateRequest& request,
                                                absl::Duration timeout) override;
  absl::StatusOr<v1::CloseSessionResponse> Close(const v1::CloseSessionRequest& request,
                                                 absl::Duration timeout) override;
  int size() const override { return static_cast<int>(world_->servers.size()); }
  void MoveOn() override;

 private:
  // A step that is still in flight.
  struct LateRequest {
    int num_calls_left = 0;
    size_t server = 0;
    v1::StepRequest request;
  };

  Fault BeginCall(const std::string& name);
  template <typename Response>
  absl::StatusOr<Response> Do(Fault fault, absl::Duration timeout,
                              const std::function<absl::StatusOr<Response>()>& call);

  absl::StatusOr<v1::OpenSessionResponse> DoOpen(const v1::OpenSessionRequest& request);
  absl::StatusOr<v1::AttachSessionResponse> DoAttach(const std::string& id);
  absl::StatusOr<v1::StepResponse> DoStep(size_t server, const v1::StepRequest& request);
  void Commit(const v1::StepRequest& request, Copy& copy);
  bool Checkpoint(const std::string& id, Copy& copy);
  void DoLateRequests();
  void LoseMemory(size_t server);
  void LoseStore();
  void TakeOver(bool is_stepping);

  World* const world_;
  size_t current_ = 0;
  std::vector<LateRequest> late_requests_;
  bool is_other_writer_ = false;  // the current caller
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_TESTS_CLIENT_FLAKY_SERVERS_H_
