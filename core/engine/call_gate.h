// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_CALL_GATE_H_
#define RNNSERVE_CORE_ENGINE_CALL_GATE_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace rnnserve {

// Counts the calls that run, refuses new sessions and then new work once it is closed to them, and
// tells when nothing runs. Thread-safe.
class CallGate {
 public:
  // One call, or one part of a call, that runs. Must not outlive the gate. Thread-compatible.
  class Pass {
   public:
    Pass(const Pass& other);
    Pass(Pass&& other) noexcept;
    Pass& operator=(const Pass&) = delete;
    Pass& operator=(Pass&&) = delete;
    ~Pass();

   private:
    friend class CallGate;
    explicit Pass(CallGate* gate) : gate_(gate) {}

    CallGate* gate_;  // null once moved from
  };

  CallGate() = default;
  CallGate(const CallGate&) = delete;
  CallGate& operator=(const CallGate&) = delete;

  // For calls that bring new work: UNAVAILABLE (DRAINING) once the gate is closed.
  absl::StatusOr<Pass> EnterWithWork();
  // For those that bring new sessions: UNAVAILABLE (DRAINING) already before.
  absl::StatusOr<Pass> EnterWithSession();
  // For calls that look after what is there.
  Pass Enter();

  // From now on no session enters; work does.
  void CloseToSessions();
  // From now on no work enters.
  void Close();

  // Whether no pass is out; waits for it at most `timeout`.
  bool WaitUntilIdle(absl::Duration timeout);

 private:
  void Leave();
  bool IsIdle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return num_passes_ == 0; }

  absl::Mutex mu_;
  int64_t num_passes_ ABSL_GUARDED_BY(mu_) = 0;
  bool is_closed_to_sessions_ ABSL_GUARDED_BY(mu_) = false;
  bool is_closed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_CALL_GATE_H_
