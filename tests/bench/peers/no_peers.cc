// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/peers/peers.h"

namespace rnnserve::testing {

std::vector<PeerKind> InstalledPeers() { return {}; }

}  // namespace rnnserve::testing
