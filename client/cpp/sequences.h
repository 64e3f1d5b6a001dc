// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_SEQUENCES_H_
#define RNNSERVE_CLIENT_CPP_SEQUENCES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "client/cpp/stream.h"
#include "client/cpp/tensor.h"

// Runs many sequences: each through a session of its own, or all in one padded batch.
namespace rnnserve::client {

// One answered step of a StreamSequences call.
struct SequenceStep {
  size_t sequence_index = 0;
  // The timesteps [begin, end) of the sequence that this step advanced.
  int64_t begin = 0;
  int64_t end = 0;
  StepResult result;
  // The time from sending the step until its answer; zero without a clock.
  absl::Duration latency;
};

// One input of a sequence, by the name that DescribeModel gives.
struct SequenceInput {
  std::string name;
  // [time, features] float or [time] token ids; without a time axis, [features].
  Tensor value;
  bool has_time = true;
};
// A sequence of a model with several inputs: all of them.
using NamedSequence = std::vector<SequenceInput>;

struct StreamSequencesOptions {
  // The number of sessions that are open at once. More sessions fill the server's batches better
  // and increase the latency.
  size_t num_sessions = 64;
  // The number of timesteps in one step. 1 gives an answer for each timestep.
  int64_t timesteps_per_step = 1;
  // Returns the time since some fixed moment; used for `latency`. Default: latencies are not
  // measured.
  std::function<absl::Duration()> clock;
};

// Runs each of `sequences`, [time, features] or [time] token ids, through a session of `model` that
// is opened for it and closed after it. Sends the next step of a session when the previous one is
// answered. Blocks until all sequences are done; must not be called in a callback of this library.
//
// Calls `on_step` for each answer, one call at a time, on a gRPC thread; it must not block. The
// steps of one sequence arrive in order, but different sequences are interleaved in any order.
//
// Fails with the first error, with its sequence and timestep in the text; sequences that have begun
// run to their end, and no others begin. REQUIRES: the options are positive and no sequence is a
// scalar.
absl::Status StreamSequences(Stream& stream, const std::string& model,
                             absl::Span<const Tensor> sequences,
                             const StreamSequencesOptions& options,
                             const std::function<void(SequenceStep)>& on_step);
// Does the same for a model with several inputs. Each step takes its timesteps of every input that
// has a time axis, and the whole of the others. REQUIRES: as above; the inputs of a sequence that
// have a time axis have the same number of timesteps, and there is at least one.
absl::Status StreamSequences(Stream& stream, const std::string& model,
                             absl::Span<const NamedSequence> sequences,
                             const StreamSequencesOptions& options,
                             const std::function<void(SequenceStep)>& on_step);

// Sequences of different lengths in one batch.
struct PaddedBatch {
  // [batch, longest time, ...]; filled with `padding` after the end of a sequence.
  Tensor input;
  // Bool, [batch, longest time]; false after the end of a sequence.
  Tensor mask;
};

// Pads the sequences to one batch; its mask marks the padding. A model that begins with a Masking
// layer compares with its mask value instead, as in Keras; then `padding` should be that value, or
// 0 for an Embedding. REQUIRES: there is at least one sequence, and all have the same element type
// (float, int32 or int64) and the same shape except for the first extent.
PaddedBatch Pad(absl::Span<const Tensor> sequences, float padding = 0);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_SEQUENCES_H_
