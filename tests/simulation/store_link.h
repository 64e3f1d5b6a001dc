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

// One call of a replica to the store. First it takes effect or fails; later the replica gets the
// answer. Owns its arguments. Thread-compatible.
struct StoreCall {
  enum class Kind { kWrite, kClaim, kRead, kRemove, kQuarantine };

  Kind kind = Kind::kRead;
  std::string session_id;
  SnapshotFence fence;  // a claim uses only its nonce
  std::string bytes;
  absl::Duration time_to_live;
  SnapshotStore::WriteCallback on_write;
  SnapshotStore::ReadCallback on_read;
  bool is_first = false;                                    // see SnapshotWrite
  std::optional<absl::StatusOr<StoredSnapshot>> outcome{};  // set once the call has taken effect
};

// How a call ends.
enum class StoreFate { kDone, kFailed, kAnswerLost };

// Makes a call take effect in the shared store. Returns "ok" or the reason of its error. REQUIRES:
// it has not taken effect yet.
std::string TakeEffect(StoreCall& call, StoreFate fate, MemorySnapshotStore& store);

// The link from one replica to the store. Calls wait here until the simulation moves them on. Owns
// the calls. Thread-safe; every method except Add is called only by the simulation, while the
// engine has nothing to do.
class StoreLink {
 public:
  // Carries out a call on the thread that makes it.
  using Carrier = std::function<void(StoreCall&)>;

  // Makes the store for the engine. It must not outlive the link.
  std::unique_ptr<SnapshotStore> MakeStore();

  void Add(StoreCall call);
  // Sorts the calls that came since this function was last called, so that their order does not
  // depend on threads.
  void SortNew();

  // Returns the number of calls that are waiting here.
  size_t size() const;
  StoreCall& at(size_t i);
  // Removes call i and passes its outcome to the engine. REQUIRES: it has taken effect.
  void Answer(size_t i);

  // Makes `carrier` carry out every further call at once. With null, calls wait here again.
  void CarryAtOnce(Carrier carrier);
  // Answers every waiting and every further call with an error. Returns the calls that have not
  // taken effect, because they still may.
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
