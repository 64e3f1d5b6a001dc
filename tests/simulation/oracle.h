// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SIMULATION_ORACLE_H_
#define RNNSERVE_TESTS_SIMULATION_ORACLE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "core/session/durability.h"
#include "core/snapshot/snapshot_store.h"
#include "tests/simulation/message.h"
#include "tests/simulation/store_link.h"

namespace rnnserve::testing {

// A place in the history of a session: how many steps, what state they made, and a fingerprint of
// all their inputs, which tells histories apart whose states are equal by chance. A value.
struct Place {
  uint64_t version = 0;
  uint32_t state = 0;
  uint64_t trace = 0;

  Place After(uint32_t input) const;
  bool operator==(const Place&) const = default;
};

// Knows what every session must be by the steps that were delivered, and compares it with what the
// replicas answer and what the store holds. It looks at the outside alone: requests, replies, and
// the bytes in the store. Keeps the first breach. Used by one thread at a time: the simulation's.
class Oracle {
 public:
  explicit Oracle(std::vector<Durability> durability);

  // Empty while all is well.
  const std::string& breach() const { return breach_; }
  void Report(const std::string& breach);

  // The replica gets a step; what it does with it is not known yet.
  void OnStepDelivered(uint64_t incarnation, const Request& request);
  // A call has taken effect on what was `before` in the store.
  void OnStored(uint64_t incarnation, const StoreCall& call,
                const std::optional<StoredSnapshot>& before,
                const std::optional<StoredSnapshot>& after, absl::Time now);
  // The store has lost changes: of which session is not said, so that no promise is left.
  void OnStoreLost();
  // A replica has answered; the writer may never hear of it.
  void OnReply(const Reply& reply);
  // A replica that drained said that the store has everything: it had this session so far.
  void OnDrained(int session, uint64_t epoch, uint64_t version,
                 const std::optional<StoredSnapshot>& stored);

  // Where the writer of that epoch at that replica begins; nothing after a breach.
  std::optional<Place> StartOf(uint64_t incarnation, int session, uint64_t epoch) const;
  // Whether the store may have forgotten the session without breaking a promise.
  bool MayBeForgotten(int session, absl::Time now) const;
  bool was_created(int session) const { return at(session).was_created; }

 private:
  // Steps by the writer of one epoch at one replica.
  struct Tenure {
    uint64_t nonce = 0;  // of the copy of the session; 0 without durability
    Place start;
  };
  using Writer = std::pair<uint64_t, uint64_t>;  // incarnation and epoch
  using FenceKey = std::tuple<uint64_t, uint64_t, uint64_t>;

  struct Session {
    Durability durability = Durability::kNone;
    std::map<Writer, Tenure> tenures;
    // What was delivered, by index: perhaps before the tenure begins, of a writer who knows the
    // epoch from a session that the replica before this one had, while a late copy of its request
    // opens it here once more.
    std::map<Writer, std::map<uint64_t, uint32_t>> inputs;
    std::map<FenceKey, Place> snapshots;  // all that were ever stored
    std::map<uint64_t, Place> durable;    // by version
    std::set<uint64_t> told_epochs;
    uint64_t durable_version = 0;  // the highest that was ever stored
    absl::Time last_change = absl::InfinitePast();
    bool was_created = false;
    bool may_have_lost = false;  // the store has failed over, or forgot it
  };

  const Session& at(int session) const { return sessions_[static_cast<size_t>(session)]; }
  // Where the copy stands at `version` when its epoch is `epoch`.
  std::optional<Place> PlaceAt(const Session& session, uint64_t incarnation, uint64_t nonce,
                               uint64_t epoch, uint64_t version) const;
  void CheckStored(Session& session, uint64_t incarnation, const StoreCall& call,
                   const std::optional<StoredSnapshot>& before);

  std::vector<Session> sessions_;
  std::string breach_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SIMULATION_ORACLE_H_
