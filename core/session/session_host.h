// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_SESSION_HOST_H_
#define RNNSERVE_CORE_SESSION_SESSION_HOST_H_

namespace rnnserve {

// Computes the steps of the sessions of one model. Sessions hold their host and never call it, so
// the interface is empty: the engine derives from it and gets its own type back from a lease.
// Shared by its sessions and never deleted through this type.
class SessionHost {
 public:
  SessionHost(const SessionHost&) = delete;
  SessionHost& operator=(const SessionHost&) = delete;

 protected:
  SessionHost() = default;
  virtual ~SessionHost() = default;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_SESSION_HOST_H_
