// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_RNNCTL_INTERRUPT_H_
#define RNNSERVE_CLIENT_RNNCTL_INTERRUPT_H_

#include <signal.h>

namespace rnnserve::client {

// Catches the first Ctrl-C (SIGINT) during its lifetime, for a command that has results to report
// before it ends. The second one ends the program as usual.
//
// Owns the handling of the signal in the whole process, so only one may exist at a time. asked() is
// thread-safe.
class Interrupt {
 public:
  Interrupt();
  // Restores the previous handling.
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // Returns whether the signal has arrived since this object was made.
  static bool asked();

 private:
  struct sigaction previous_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_RNNCTL_INTERRUPT_H_
