// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SUPPORT_MEMORY_SNAPSHOT_STORE_H_
#define RNNSERVE_TESTS_SUPPORT_MEMORY_SNAPSHOT_STORE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/snapshot/snapshot_store.h"

namespace rnnserve::testing {

// A SnapshotStore in memory that fails, hangs and forgets when the test says so. The contract test
// of snapshot stores covers both this store and the real one.
//
// By itself it does nothing: calls wait until the test completes them, on the test's thread and in
// the order of arrival. With Pace::kAtOnce a thread of its own completes them as they arrive.
//
//   MemorySnapshotStore store(clock);
//   store.FailNext(1, StoreDownError());
//   store.Write(...);
//   EXPECT_EQ(store.CompleteAll(), 1);  // the callback has run
//
// Owns what is stored. Thread-safe. The clock must outlive it. Unlike the real store it has no
// limits and no circuit breaker.
class MemorySnapshotStore final : public SnapshotStore {
 public:
  enum class Pace { kByHand, kAtOnce };

  explicit MemorySnapshotStore(const Clock& clock, Pace pace = Pace::kByHand);
  ~MemorySnapshotStore() override;

  void Write(SnapshotWrite write, WriteCallback callback) override;
  void Claim(std::string session_id, uint64_t nonce, absl::Duration time_to_live,
             ReadCallback callback) override;
  void Read(std::string session_id, ReadCallback callback) override;
  void Remove(std::string session_id, SnapshotFence fence, WriteCallback callback) override;
  void Quarantine(std::string session_id, std::string bytes, absl::Duration time_to_live,
                  WriteCallback callback) override;

  // Lets the oldest waiting call take effect and runs its callback. Returns false if no call waits
  // or the store hangs. Use it only with Pace::kByHand.
  bool CompleteNext();
  // Completes calls until none are waiting, including those that callbacks make. Returns the number
  // of completed calls.
  int CompleteAll();

  // Makes the next `num_calls` calls that complete fail with this error and change nothing.
  void FailNext(int num_calls, const absl::Status& error);
  // Like FailNext, but the calls take effect: only their answers are lost.
  void LoseAnswers(int num_calls, const absl::Status& error);
  // Sets whether the store hangs. While it hangs, no call completes.
  void Hang(bool hangs);
  // Undoes the last `num_changes` changes (writes, claims, removals), as a failover does. It can
  // undo at most 1000.
  void LoseLastChanges(int num_changes);

  int num_waiting() const;
  // Returns what is stored now, without a call.
  std::optional<StoredSnapshot> Peek(const std::string& session_id) const;
  // Returns what was put in quarantine.
  std::optional<StoredSnapshot> PeekQuarantined(const std::string& session_id) const;

 private:
  struct Kept {
    StoredSnapshot snapshot;
    absl::Time expiry;
  };
  using Outcome = absl::AnyInvocable<void()>;
  // Makes the change if called with OK, and returns a function that runs the callback.
  using Call = absl::AnyInvocable<Outcome(const absl::Status& error, bool is_answer_lost)>;

  void Enqueue(Call call);
  void Run();
  bool CanComplete() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Outcome TakeEffectLocked(Call call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  template <typename Result, typename Effect, typename Callback>
  Call MakeCall(Effect effect, Callback callback);

  absl::Status WriteLocked(SnapshotWrite write) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<StoredSnapshot> ClaimLocked(const std::string& session_id, uint64_t nonce,
                                             absl::Duration time_to_live)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<StoredSnapshot> ReadLocked(const std::string& session_id) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status RemoveLocked(const std::string& session_id, const SnapshotFence& fence)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status QuarantineLocked(const std::string& session_id, const std::string& bytes,
                                absl::Duration time_to_live) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Returns what is stored and has not expired, or null.
  const Kept* FindLocked(const std::string& session_id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Makes a change and records it, so that LoseLastChanges can undo it.
  void ChangeLocked(const std::string& session_id, std::optional<Kept> kept)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Constant after construction.
  const Clock& clock_;

  // Guarded by mu_.
  mutable absl::Mutex mu_;
  std::deque<Call> calls_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, Kept> kept_ ABSL_GUARDED_BY(mu_);
  // The data that each change replaced, with the latest change at the end.
  std::deque<std::pair<std::string, std::optional<Kept>>> replaced_ ABSL_GUARDED_BY(mu_);
  int num_failures_ ABSL_GUARDED_BY(mu_) = 0;
  bool are_answers_lost_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status error_ ABSL_GUARDED_BY(mu_);
  bool hangs_ ABSL_GUARDED_BY(mu_) = false;
  bool is_closing_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;  // with kAtOnce
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SUPPORT_MEMORY_SNAPSHOT_STORE_H_
