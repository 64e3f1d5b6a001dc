// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/rnnctl/interrupt.h"

#include <atomic>

namespace rnnserve::client {
namespace {

std::atomic<bool> is_asked = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler must not block");

}  // namespace

Interrupt::Interrupt() {
  is_asked = false;
  struct sigaction action {};
  action.sa_handler = [](int /*signal*/) { is_asked = true; };
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, &previous_);
}

Interrupt::~Interrupt() { sigaction(SIGINT, &previous_, nullptr); }

bool Interrupt::asked() { return is_asked; }

}  // namespace rnnserve::client
