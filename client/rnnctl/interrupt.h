// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_RNNCTL_INTERRUPT_H_
#define RNNSERVE_CLIENT_RNNCTL_INTERRUPT_H_

#include <signal.h>

namespace rnnserve::client {

// Catches Ctrl-C (SIGINT) once while it lives, for a command that has something to tell before it
// ends. The second one ends the program as ever.
//
// Owns the handling of the signal in the whole process, so only one lives at a time. asked() is
// thread-safe.
class Interrupt {
 public:
  Interrupt();
  // Restores what was before.
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // Whether the signal came since this one was made.
  static bool asked();

 private:
  struct sigaction previous_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_RNNCTL_INTERRUPT_H_
