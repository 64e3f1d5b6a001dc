// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SIMULATION_SIMULATION_H_
#define RNNSERVE_TESTS_SIMULATION_SIMULATION_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tests/simulation/dice.h"
#include "tests/simulation/message.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/replica.h"
#include "tests/simulation/store_link.h"
#include "tests/simulation/writer.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_snapshot_store.h"

namespace rnnserve::testing {

// The faults that a simulation may inject. A value type.
struct Faults {
  int drop_percent = 0;
  int duplicate_percent = 0;
  bool crashes = false;
  bool pauses = false;
  bool drains = false;
  bool store_fails = false;
  bool store_hangs = false;
  bool store_forgets = false;  // a failover that loses the last changes
  bool clock_jumps = false;
};

// A simulation of durable sessions: two or three replicas with real engines, one store that they
// share, a network and a store that lose, repeat, delay and reorder messages, and writers that
// behave as well-written clients do. At first there are faults; then all faults end, and every
// writer must finish.
//
// The same seed gives exactly the same events: one thing happens at a time, and the next one is
// chosen when no engine has anything left to do. Owns everything. Used by one thread at a time: the
// test's.
class Simulation {
 public:
  struct Result {
    std::string breach;  // the promise that was broken; empty: none
    std::string log;     // a line for each event, if a log was asked for
    int num_events = 0;
    int num_replies = 0;
  };

  static Result Run(uint64_t seed, bool with_log);

 private:
  struct Server {
    std::unique_ptr<Replica> replica;  // null while it is down
    bool is_paused = false;
    bool is_draining = false;
  };
  // A call to the store that was in flight when its replica crashed.
  struct LateCall {
    uint64_t incarnation = 0;
    StoreCall call;
  };
  using Message = std::variant<Request, Reply>;

  Simulation(uint64_t seed, bool with_log);

  void RunAll();
  void DoSomething();
  void DoFault();
  // Runs one round without faults, in which everything makes progress.
  void Heal();
  bool IsFinished() const;
  void ReviveStopped();

  void ActWriter(Writer& writer);
  void Send(Message message);
  void DeliverMessage(size_t i, bool may_batch);
  void DeliverRequest(Request request, bool may_batch);
  void DeliverReply(const Reply& reply);
  void Collect(Server& server);

  bool MoveStoreCall();
  void Carry(uint64_t incarnation, StoreCall& call, StoreFate fate);
  StoreFate ThrowFate();

  void Start(size_t i);
  void Crash(size_t i);
  void BeginDrain(size_t i);
  void EndDrain(size_t i);
  void Flush(Server& server);
  void CheckDrained(Server& server);
  void Tick(Server& server);
  bool MayBeGone(const Reply& reply) const;

  template <typename... Parts>
  void Log(const Parts&... parts);
  size_t Pick(size_t count) { return static_cast<size_t>(dice_.Below(count)); }

  Dice dice_;
  const bool with_log_;
  FakeClock clock_;
  MemorySnapshotStore store_{clock_};
  Faults faults_;
  Replica::Options replica_options_;
  std::vector<Durability> durability_;  // of each session
  std::vector<int> windows_;
  std::unique_ptr<Oracle> oracle_;
  std::vector<Server> servers_;
  std::vector<Writer> writers_;
  std::vector<Message> messages_;
  std::vector<LateCall> late_calls_;
  // When each session was last used, by incarnation of a replica and session.
  std::map<std::pair<uint64_t, int>, absl::Time> last_use_;
  // The incarnation of the replica at which each session without durability was last opened.
  std::map<int, uint64_t> opened_at_;
  uint64_t num_starts_ = 0;
  uint64_t num_arrivals_ = 0;
  bool is_store_down_ = false;
  bool is_store_hanging_ = false;
  bool is_healing_ = false;
  Result result_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SIMULATION_SIMULATION_H_
