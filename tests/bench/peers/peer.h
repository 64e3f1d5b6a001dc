// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_PEERS_PEER_H_
#define RNNSERVE_TESTS_BENCH_PEERS_PEER_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace rnnserve::testing {

enum class PeerCell {
  kLstm,            // gates i, f, c, o
  kGruResetAfter,   // gates z, r, h; Keras' default
  kGruResetBefore,  // the same, with `reset_after` false
};

// One recurrent layer in Keras' layout, and the inputs of one call. Borrows everything. G is the
// number of gates. All matrices are row-major.
struct PeerTask {
  PeerCell cell = PeerCell::kLstm;
  int64_t input_size = 0;
  int64_t units = 0;
  int64_t batch = 0;
  int64_t num_timesteps = 1;
  absl::Span<const float> kernel;            // [input_size, G * units]
  absl::Span<const float> recurrent_kernel;  // [units, G * units]
  absl::Span<const float> bias;              // [G * units]; [2, G * units] for kGruResetAfter
  absl::Span<const float> x;                 // [num_timesteps, batch, input_size]
  absl::Span<const float> h;                 // [batch, units]
  absl::Span<const float> c;                 // [batch, units]; only for kLstm

  int64_t num_gates() const { return cell == PeerCell::kLstm ? 4 : 3; }
};

// A layer in another library, ready to be timed: the weights are in the library's preferred layout,
// the buffers are bound, and a call copies nothing. Owns all it needs; the task may be destroyed.
// Used by one thread at a time: the one that created it, which is the only one that the library
// computes on.
class Peer {
 public:
  virtual ~Peer() = default;

  // Runs the task once. Every call starts from the same x, h and c, and writes the outputs and the
  // new states elsewhere. Aborts if the library fails.
  virtual void Step() = 0;

  // Returns the output of the last Step(), [num_timesteps, batch, units], widened to float.
  virtual std::vector<float> Output() const = 0;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_PEERS_PEER_H_
