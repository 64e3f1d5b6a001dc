// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_LOAD_LOAD_SESSION_H_
#define RNNSERVE_CLIENT_LOAD_LOAD_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "client/load/length_distribution.h"
#include "client/load/model_input.h"
#include "client/load/random.h"
#include "rnnserve/v1/inference.pb.h"

namespace rnnserve::client {

// What one of the sessions of a load sends: sequence after sequence, each in a session of the
// server that is opened with its first step and closed behind its last. This side chooses the ids,
// so that no step waits for the answer to an open.
//
// The length of the first sequence is cut at random: sessions that began together would otherwise
// end together, for ever, if all sequences are of one length. A sequence of whole steps is cut
// between two of them, so that all steps are as long.
//
// Borrows what it is constructed from. Used by one thread at a time: its LoadStream's.
class LoadSession {
 public:
  struct Model {
    std::string name;
    ModelInput input;
  };

  // `name` must be one that no other session of the server has; it begins the ids.
  // `chunk_timesteps` go into one step, fewer into the last of a sequence. If `deadline` is not
  // infinite, the server is told that a step is not wanted any more after it.
  LoadSession(const Model& model, size_t model_index, const LengthDistribution& lengths,
              int64_t chunk_timesteps, absl::Duration deadline, std::string name, Random random);

  size_t model_index() const { return model_index_; }
  // Whether the open of the current sequence was sent, and neither its close nor Lose followed.
  bool is_open() const { return is_open_; }
  // Whether its last step was sent.
  bool is_at_end() const { return timesteps_left_ == 0; }
  // The number of the current sequence, from 1.
  uint64_t sequence() const { return sequence_; }

  // Begins a sequence. REQUIRES: it is not open.
  void Open(v1::StreamAction* action);

  // Sends the next timesteps; returns how many. REQUIRES: it is open and not at the end.
  int64_t Step(v1::StreamAction* action);

  // The same as one more row of `steps`, which is empty or has rows of other sessions of the model.
  // REQUIRES: also, that those are as long.
  int64_t StepAsRow(v1::StepSessionsRequest* steps);

  // REQUIRES: it is open.
  void Close(v1::StreamAction* action);

  // Hears that the server has no session for `sequence`: a new one will be opened.
  void Lose(uint64_t sequence);

 private:
  // Takes the next step from the sequence; returns its timesteps.
  int64_t TakeTimesteps();

  const Model& model_;
  const size_t model_index_;
  const LengthDistribution& lengths_;
  const int64_t chunk_timesteps_;
  const int64_t timeout_ms_;  // as the wire has it: 0 is none
  const std::string name_;
  Random random_;
  std::string id_;
  uint64_t sequence_ = 0;
  int64_t timesteps_left_ = 0;
  bool is_open_ = false;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_LOAD_SESSION_H_
