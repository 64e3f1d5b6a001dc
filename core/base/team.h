// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BASE_TEAM_H_
#define RNNSERVE_CORE_BASE_TEAM_H_

#include <cstdint>

#include "absl/functional/function_ref.h"

namespace rnnserve {

// A group of threads that computes one thing together. Kernels depend on this interface only;
// ThreadTeam implements it with threads. Used by one thread at a time: the caller of Run, which is
// itself a member of the team.
class Team {
 public:
  virtual ~Team() = default;

  // Calls piece(i) once for each i in [0, num_pieces), on any member, and returns when all calls
  // have returned. Everything they wrote is then visible to the caller. A member gets the same
  // pieces in every call with the same num_pieces, unless it starts late and others have taken
  // them. Allocates nothing. REQUIRES: num_pieces is in [0, 2^31), and `piece` does not call Run.
  virtual void Run(int64_t num_pieces, absl::FunctionRef<void(int64_t)> piece) = 0;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BASE_TEAM_H_
