// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BASE_TEAM_H_
#define RNNSERVE_CORE_BASE_TEAM_H_

#include <cstdint>

#include "absl/functional/function_ref.h"

namespace rnnserve {

// Several who compute one thing together. What is computed knows this and no threads; ThreadTeam
// has them. Used by one thread at a time, which is one of them.
class Team {
 public:
  virtual ~Team() = default;

  // Calls piece(i) once for each i in [0, num_pieces), on any member, and returns when all have
  // returned. What they wrote is visible to the caller then. A member has the same pieces in every
  // call of that size, if it comes in time. Allocates nothing. REQUIRES: num_pieces is in [0,
  // 2^31), and `piece` does not call Run.
  virtual void Run(int64_t num_pieces, absl::FunctionRef<void(int64_t)> piece) = 0;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BASE_TEAM_H_
