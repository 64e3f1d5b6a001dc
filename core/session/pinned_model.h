// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_PINNED_MODEL_H_
#define RNNSERVE_CORE_SESSION_PINNED_MODEL_H_

#include <memory>

#include "core/model/model.h"
#include "core/session/session_host.h"

namespace rnnserve {

// The model that a session is opened with and keeps until it ends, even if the model's name is
// given to another model meanwhile. A value that shares the model and the host. Thread-compatible.
struct PinnedModel {
  std::shared_ptr<const Model> model;
  // Computes the model's sessions; null if the caller of SessionTable needs none. It stays while a
  // session of the model is open, and a lease gives it without a search. One model has one host.
  std::shared_ptr<SessionHost> host = nullptr;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_PINNED_MODEL_H_
