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
  kGruResetAfter,   // gates z, r, h; Keras's default
  kGruResetBefore,  // the same, with `reset_after` false
};

// One recurrent layer in Keras's layout, and what one call of it reads. Borrows everything; G is
// the number of gates. All matrices are row-major.
struct PeerTask {
  PeerCell cell = PeerCell::kLstm;
  int64_t input_size = 0;
  int64_t units = 0;
  int64_t batch = 0;
  int64_t num_timesteps = 1;
  absl::Span<const float> kernel;            // [input_size, G * units]
  absl::Span<const float> recurrent_kernel;  // [units, G * units]
  absl::Span<const float> bias;              // [G * units]; of kGruResetAfter [2, G * units]
  absl::Span<const float> x;                 // [num_timesteps, batch, input_size]
  absl::Span<const float> h;                 // [batch, units]
  absl::Span<const float> c;                 // [batch, units]; of kLstm alone

  int64_t num_gates() const { return cell == PeerCell::kLstm ? 4 : 3; }
};

// One layer as another library runs it, ready to be timed: the weights are laid out as the library
// likes them best, the buffers are bound, and a call copies nothing. Owns all it needs; the task
// may die. Used by one thread at a time: the one that made it, on which alone the library computes.
class Peer {
 public:
  virtual ~Peer() = default;

  // Runs the task once. Every call starts from the same x, h and c, and writes the outputs and the
  // new states elsewhere. Aborts if the library fails.
  virtual void Step() = 0;

  // What the last Step() wrote, [num_timesteps, batch, units], widened to float.
  virtual std::vector<float> Output() const = 0;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_PEERS_PEER_H_
