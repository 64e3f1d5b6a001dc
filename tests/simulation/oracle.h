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

// A place in the history of a session: the number of steps, the state after them, and a fingerprint
// of all their inputs, which tells apart histories whose states are equal by chance. A value.
struct Place {
  uint64_t version = 0;
  uint32_t state = 0;
  uint64_t trace = 0;

  // Returns the place after one more step with this input.
  Place After(uint32_t input) const;
  bool operator==(const Place&) const = default;
};

// Works out from the delivered steps what the state of every session must be, and compares that
// with the answers of the replicas and the content of the store. It sees only what is visible from
// outside: requests, replies, and the bytes in the store. Keeps the first breach, which is a
// promise that was broken. Used by one thread at a time: the simulation's.
class Oracle {
 public:
  explicit Oracle(std::vector<Durability> durability);

  // Returns the first breach, or an empty string if there is none.
  const std::string& breach() const { return breach_; }
  void Report(const std::string& breach);

  // Records a step that has reached a replica. What the replica does with it is not known yet.
  void OnStepDelivered(uint64_t incarnation, const Request& request);
  // Checks a call that has taken effect and changed the stored snapshot from `before` to `after`.
  void OnStored(uint64_t incarnation, const StoreCall& call,
                const std::optional<StoredSnapshot>& before,
                const std::optional<StoredSnapshot>& after, absl::Time now);
  // Records that the store has lost changes. Which sessions they belong to is not known, so any
  // session may have lost steps.
  void OnStoreLost();
  // Checks the answer of a replica, which the writer may never get.
  void OnReply(const Reply& reply);
  // Checks the claim of a draining replica that the store has everything. The replica had this
  // session at this version.
  void OnDrained(int session, uint64_t epoch, uint64_t version,
                 const std::optional<StoredSnapshot>& stored);

  // Returns the place at which the writer with this epoch at this replica begins, or nullopt if
  // there is no such writer.
  std::optional<Place> StartOf(uint64_t incarnation, int session, uint64_t epoch) const;
  // Returns whether the store may have forgotten the session without breaking a promise.
  bool MayBeForgotten(int session, absl::Time now) const;
  bool was_created(int session) const { return at(session).was_created; }

 private:
  // The steps of the writer of one epoch at one replica.
  struct Tenure {
    uint64_t nonce = 0;  // of this copy of the session; 0 without durability
    Place start;
  };
  using Writer = std::pair<uint64_t, uint64_t>;  // incarnation and epoch
  using FenceKey = std::tuple<uint64_t, uint64_t, uint64_t>;

  struct Session {
    Durability durability = Durability::kNone;
    std::map<Writer, Tenure> tenures;
    // The delivered inputs, by index. They may be delivered before the tenure begins: the writer
    // may know the epoch from an earlier incarnation of the replica, while a late copy of its
    // request opens the session here once more.
    std::map<Writer, std::map<uint64_t, uint32_t>> inputs;
    std::map<FenceKey, Place> snapshots;  // all snapshots that have ever been stored
    std::map<uint64_t, Place> durable;    // the places that were stored, by version
    std::set<uint64_t> told_epochs;       // epochs that writers have been given
    uint64_t durable_version = 0;         // the highest version that was ever stored
    absl::Time last_change = absl::InfinitePast();
    bool was_created = false;
    bool may_have_lost = false;  // whether the store has failed over or has forgotten the session
  };

  const Session& at(int session) const { return sessions_[static_cast<size_t>(session)]; }
  // Returns the place that the copy with this nonce has at `version` under `epoch`, or nullopt if
  // the oracle knows no such copy or not all of its steps.
  std::optional<Place> PlaceAt(const Session& session, uint64_t incarnation, uint64_t nonce,
                               uint64_t epoch, uint64_t version) const;
  void CheckStored(Session& session, uint64_t incarnation, const StoreCall& call,
                   const std::optional<StoredSnapshot>& before);

  std::vector<Session> sessions_;
  std::string breach_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SIMULATION_ORACLE_H_
