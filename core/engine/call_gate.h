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

// Counts the running calls, so that the engine can drain. The gate can be closed to new sessions,
// then to all new work, and can wait until no call is running. Thread-safe.
class CallGate {
 public:
  // Stands for one running call, or for one part of it. Must not outlive the gate.
  // Thread-compatible.
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

  // Lets in a call that brings new work. UNAVAILABLE (DRAINING) once the gate is closed.
  absl::StatusOr<Pass> EnterWithWork();
  // Lets in a call that opens sessions. UNAVAILABLE (DRAINING) once the gate is closed, or closed
  // to sessions.
  absl::StatusOr<Pass> EnterWithSession();
  // Lets in a call that brings no new work, which always succeeds.
  Pass Enter();

  // Refuses new sessions from now on; other work still enters.
  void CloseToSessions();
  // Refuses new sessions and new work from now on.
  void Close();

  // Waits at most `timeout` until no pass is held. Returns whether none is.
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
