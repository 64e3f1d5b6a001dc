// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SIMULATION_WRITER_H_
#define RNNSERVE_TESTS_SIMULATION_WRITER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/session/durability.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/message.h"
#include "tests/simulation/oracle.h"

namespace rnnserve::testing {

// A well-behaved client of one session. It opens the session or attaches to it, and sends its steps
// with index and epoch until each is answered. It has as many steps in flight as the session keeps
// replies. When its session is gone, it attaches again and sends the steps after the version in
// the reply. When another writer takes over, it stops and may come back later. Checks every reply
// with the oracle.
//
// Used by one thread at a time: the simulation's. Dice and oracle must outlive it.
class Writer {
 public:
  struct Options {
    int session = 0;
    int writer = 0;
    int num_replicas = 2;
    int replica = 0;  // the first one that it asks; without durability the only one
    int num_steps = 3;
    int window = 1;
    Durability durability = Durability::kNone;
    bool opens = true;  // false: it begins with an attach
  };

  Writer(const Options& options, Dice& dice, Oracle& oracle);

  // Returns whether its steps are done or it was told that its session is gone.
  bool is_finished() const { return phase_ == Phase::kDone || phase_ == Phase::kEnded; }
  bool is_stopped() const { return phase_ == Phase::kStopped; }
  int session() const { return options_.session; }
  int writer() const { return options_.writer; }
  // Returns the requests that it sends now; none while it waits.
  std::vector<Request> Act();
  // Attaches again if another writer has taken over.
  void TakeOver();
  void OnReply(const Reply& reply);

 private:
  enum class Phase {
    kOpening,
    kAttaching,
    kStepping,
    kStopped,  // another writer took over
    kDone,     // every step was answered
    kEnded,    // it was told that the session is gone
  };

  void Attach();
  void Begin(const Reply& reply);
  void OnError(const Reply& reply);
  void OnSessionGone(const Reply& reply);
  void OnOutput(const Reply& reply);
  Request StepAt(uint64_t index);
  Request Make(Request::Kind kind) const;
  void Report(const Reply& reply, const std::string& what);

  // Constant after construction.
  const Options options_;
  Dice& dice_;
  Oracle& oracle_;

  Phase phase_;
  int replica_;
  uint64_t attempt_ = 1;
  uint64_t incarnation_ = 0;  // the incarnation of the replica that gave it the epoch
  uint64_t epoch_ = 0;
  uint64_t goal_;
  uint64_t cursor_ = 0;  // the first step that is not answered
  // The places that its steps lead to, by version. Begins at version 0 or at the version at which
  // it last took over another writer's history.
  std::map<uint64_t, Place> places_;
  std::map<uint64_t, uint32_t> log_;  // its inputs, by index
  std::map<uint64_t, int> waits_;     // turns since a step was sent, by index
  std::map<uint64_t, bool> answered_;
  int num_unknown_ = 0;  // consecutive answers that there is no such session
  int silence_ = 0;      // turns without a reply
  uint32_t num_logged_ = 0;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SIMULATION_WRITER_H_
