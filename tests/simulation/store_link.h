// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SIMULATION_STORE_LINK_H_
#define RNNSERVE_TESTS_SIMULATION_STORE_LINK_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/snapshot/snapshot_store.h"
#include "tests/support/memory_snapshot_store.h"

namespace rnnserve::testing {

// One call of a replica to the store. First it takes effect, or fails; later the replica hears of
// it. Owns its arguments. Thread-compatible.
struct StoreCall {
  enum class Kind { kWrite, kClaim, kRead, kRemove, kQuarantine };

  Kind kind = Kind::kRead;
  std::string session_id;
  SnapshotFence fence;  // of a claim: the nonce alone
  std::string bytes;
  absl::Duration time_to_live;
  SnapshotStore::WriteCallback on_write;
  SnapshotStore::ReadCallback on_read;
  bool is_first = false;                                    // of a write
  std::optional<absl::StatusOr<StoredSnapshot>> outcome{};  // since it has taken effect
};

// What becomes of a call that takes effect now.
enum class StoreFate { kDone, kFailed, kAnswerLost };

// Lets a call take effect in the store that all share; REQUIRES: it has not yet. Returns the name
// of what came of it.
std::string TakeEffect(StoreCall& call, StoreFate fate, MemorySnapshotStore& store);

// The way from one replica to the store: its calls lie here until the simulation lets them go on.
// Owns them. Thread-safe; all but Add are the simulation's, while the engine is at rest.
class StoreLink {
 public:
  // Calls are carried out as they come, on the thread that makes them.
  using Carrier = std::function<void(StoreCall&)>;

  // What the engine is given. It must not outlive the link.
  std::unique_ptr<SnapshotStore> MakeStore();

  void Add(StoreCall call);
  // Brings the calls that came since the last time into an order that does not depend on threads.
  void SortNew();

  // How many calls lie here, and whether call i has taken effect.
  size_t size() const;
  StoreCall& at(size_t i);
  // Tells the engine what came of call i, which is gone then. REQUIRES: it has taken effect.
  void Answer(size_t i);

  // From now on every call is carried out at once; null: as before.
  void CarryAtOnce(Carrier carrier);
  // Answers every call with an error, and all that come from now on. Those that had not taken
  // effect are returned: they may still do.
  std::vector<StoreCall> Cut();

 private:
  static void Tell(StoreCall call);

  mutable absl::Mutex mu_;
  std::deque<StoreCall> calls_ ABSL_GUARDED_BY(mu_);
  size_t num_sorted_ ABSL_GUARDED_BY(mu_) = 0;
  bool is_cut_ ABSL_GUARDED_BY(mu_) = false;
  Carrier carrier_ ABSL_GUARDED_BY(mu_);
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SIMULATION_STORE_LINK_H_
