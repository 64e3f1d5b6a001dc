// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SUPPORT_SHARED_SNAPSHOT_STORE_H_
#define RNNSERVE_TESTS_SUPPORT_SHARED_SNAPSHOT_STORE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/snapshot/snapshot_store.h"

namespace rnnserve::testing {

// Lets several engines, each of which owns its store, share one. As in any store, the destructor
// waits until all callbacks have run, so the test must complete the calls. Thread-safe. The shared
// store must outlive it.
class SharedSnapshotStore final : public SnapshotStore {
 public:
  explicit SharedSnapshotStore(SnapshotStore& store) : store_(store) {}
  ~SharedSnapshotStore() override {
    absl::MutexLock lock(&mu_);
    const auto is_idle = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return num_calls_ == 0; };
    mu_.Await(absl::Condition(&is_idle));
  }

  void Write(SnapshotWrite write, WriteCallback callback) override {
    store_.Write(std::move(write), Count<absl::Status>(std::move(callback)));
  }
  void Claim(std::string session_id, uint64_t nonce, absl::Duration time_to_live,
             ReadCallback callback) override {
    store_.Claim(std::move(session_id), nonce, time_to_live,
                 Count<absl::StatusOr<StoredSnapshot>>(std::move(callback)));
  }
  void Read(std::string session_id, ReadCallback callback) override {
    store_.Read(std::move(session_id), Count<absl::StatusOr<StoredSnapshot>>(std::move(callback)));
  }
  void Remove(std::string session_id, SnapshotFence fence, WriteCallback callback) override {
    store_.Remove(std::move(session_id), fence, Count<absl::Status>(std::move(callback)));
  }
  void Quarantine(std::string session_id, std::string bytes, absl::Duration time_to_live,
                  WriteCallback callback) override {
    store_.Quarantine(std::move(session_id), std::move(bytes), time_to_live,
                      Count<absl::Status>(std::move(callback)));
  }

 private:
  template <typename Result>
  absl::AnyInvocable<void(Result)> Count(absl::AnyInvocable<void(Result)> callback) {
    {
      absl::MutexLock lock(&mu_);
      ++num_calls_;
    }
    return [this, callback = std::move(callback)](Result result) mutable {
      std::exchange(callback, nullptr)(std::move(result));
      absl::MutexLock lock(&mu_);
      --num_calls_;
    };
  }

  SnapshotStore& store_;
  absl::Mutex mu_;
  int num_calls_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SUPPORT_SHARED_SNAPSHOT_STORE_H_
