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

// What goes wrong with one call.
enum class Fault {
  kNone,
  kLostRequest,      // the server never sees it
  kLateRequest,      // a step is done behind later calls; another call is lost
  kLostReply,        // it is done, and no answer comes
  kTwice,            // it is done twice, and the second answer comes
  kTimeout,          // it is done, and the answer takes too long
  kRestart,          // its server loses its memory before
  kRestartAfter,     // it is done, no answer comes, and its server loses its memory
  kDrain,            // its server stores what it has, refuses, and is gone
  kBusy,             // RESOURCE_EXHAUSTED, to be tried again in 50 ms
  kStoreDown,        // UNAVAILABLE, said by the server itself
  kOlderStore,       // every memory is lost, and the store is what it was some checkpoints ago
  kTakeover,         // another writer attaches before
  kTakeoverAndStep,  // ... and makes a step of its own
};

// A clock that moves by itself when somebody sleeps. Thread-compatible.
class SelfMovingClock final : public RetryClock {
 public:
  absl::Duration Now() const override { return now_; }
  void Sleep(absl::Duration duration) override { now_ += duration; }

 private:
  absl::Duration now_ = absl::Seconds(1000);
};

// The numbers that the toy model computes: every lost, repeated or crossed step shows in all
// outputs after it.
inline constexpr uint64_t kToyBeginning = 42;
uint64_t NextToyState(uint64_t state, int64_t input);
Tensor ToyTensor(uint64_t value);

// Servers of this process with sessions of a toy model, whose state is one number and whose output
// is that state, with a store that they share, and with faults where the test wants them.
//
// Sessions, their steps and attaching behave as proto/rnnserve/v1 says, with a reply window of 1.
// What it leaves out: threads, time (no session expires), batches, the limits of a server.
// Used by one thread at a time: the test's. It belongs to the session under test, which calls it;
// `World` is what the test holds.
class FlakyServers final : public SessionServers {
 public:
  struct Kept {
    uint64_t index = 0;
    std::string content;
    v1::StepResponse response;
  };
  // A session, in the memory of a server or in the store.
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
    // Checkpoints are made every so many steps; 0: there is no store.
    uint64_t checkpoint_steps = 0;
    Memory store;
    // What the store held before, for kOlderStore.
    std::deque<Memory> older_stores;
    uint64_t num_checkpoints_lost = 2;
    // The session that another writer knows, and takes over.
    std::string known_id = "known";
    // The faults of the next calls; when there are none left, of `weather`.
    std::deque<Fault> script;
    std::function<Fault()> weather = [] { return Fault::kNone; };
    // Added to each output: bits that differ from server to server.
    uint64_t output_error = 0;
    // A step with this input is refused: INVALID_ARGUMENT.
    std::optional<int64_t> refused_input;
    // What was seen.
    std::vector<std::string> calls;  // "step 3", "attach !7" (with that fault), ...; the last 100
    std::optional<size_t> taken_over_at;  // the server where another writer has attached
    int num_steps_of_fenced_writer = 0;   // there
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
  // A step on its way.
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
  bool is_other_writer_ = false;  // who calls just now
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_TESTS_CLIENT_FLAKY_SERVERS_H_
