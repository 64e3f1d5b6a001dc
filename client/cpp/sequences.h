// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_SEQUENCES_H_
#define RNNSERVE_CLIENT_CPP_SEQUENCES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "client/cpp/stream.h"
#include "client/cpp/tensor.h"

// Many sequences at once: each through a session of its own, or all in one padded batch.
namespace rnnserve::client {

// One answered step of StreamSequences.
struct SequenceStep {
  size_t sequence_index = 0;
  // The timesteps [begin, end) of the sequence that this step advanced.
  int64_t begin = 0;
  int64_t end = 0;
  StepResult result;
  // From sending the step to its answer; zero without a clock.
  absl::Duration latency;
};

struct StreamSequencesOptions {
  // How many sessions are open at once. More keep the server's batches fuller and wait longer.
  size_t num_sessions = 64;
  // How many timesteps go into one step. 1 gives an answer for each.
  int64_t timesteps_per_step = 1;
  // The time since any fixed moment, for `latency`. Default: latencies are not measured.
  std::function<absl::Duration()> clock;
};

// Runs each of `sequences`, [time, features] or [time] token ids, through a session of `model` that
// is opened for it and closed after it. The next step of a session is sent when the last one is
// answered. Blocks until all are done; must not be called in a callback of this library.
//
// `on_step` is called for each answer, never twice at the same time, from a thread of gRPC; it must
// not block. The steps of one sequence come in order, those of different ones in any.
//
// Fails with the first error, its sequence and timestep named in the text; other sequences that
// have begun run to their end, no more begin. REQUIRES: the options are positive and no sequence
// is a scalar.
absl::Status StreamSequences(Stream& stream, const std::string& model,
                             absl::Span<const Tensor> sequences,
                             const StreamSequencesOptions& options,
                             const std::function<void(SequenceStep)>& on_step);

// Sequences of different lengths as one batch.
struct PaddedBatch {
  // [batch, longest time, ...]; `padding` after the end of a sequence.
  Tensor input;
  // Bool, [batch, longest time]; false after the end.
  Tensor mask;
};

// The mask says where the padding is. A model that begins with a Masking layer goes by its mask
// value instead, as in Keras; `padding` should be that value then, or 0 for an Embedding.
// REQUIRES: there is at least one sequence, and all have the same element type (float, int32 or
// int64) and the same shape except for the first extent.
PaddedBatch Pad(absl::Span<const Tensor> sequences, float padding = 0);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_SEQUENCES_H_
