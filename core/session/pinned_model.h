// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_PINNED_MODEL_H_
#define RNNSERVE_CORE_SESSION_PINNED_MODEL_H_

#include <memory>

#include "core/model/model.h"

namespace rnnserve {

// The model that a session is opened with, and keeps until its end whatever its name means later. A
// value; shares the model and the host. Thread-compatible.
struct PinnedModel {
  std::shared_ptr<const Model> model;
  // What computes the sessions of the model. Only who opens them knows what it is: it is kept while
  // one of them is open, and who leases one finds it there without a search. One model has one
  // host.
  std::shared_ptr<void> host = nullptr;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_PINNED_MODEL_H_
