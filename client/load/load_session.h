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

// One session of a load: it sends sequence after sequence. Each sequence has its own session on the
// server, which is opened with its first step and closed after its last. The client chooses the
// ids, so that no step waits for the answer to an open.
//
// The first sequence is shortened at random, because otherwise, if all sequences have one length,
// sessions that began together would always end together. A sequence of whole steps is shortened by
// whole steps, so that all steps have the same length.
//
// Borrows its constructor arguments. Used by one thread at a time: its LoadStream's.
class LoadSession {
 public:
  struct Model {
    std::string name;
    ModelInput input;
  };

  // `name` is the prefix of the ids; no other session on the server may have it. A step has
  // `chunk_timesteps` timesteps; the last step of a sequence may have fewer. If `deadline` is not
  // infinite, the server is told to drop a step that it cannot answer within this time.
  LoadSession(const Model& model, size_t model_index, const LengthDistribution& lengths,
              int64_t chunk_timesteps, absl::Duration deadline, std::string name, Random random);

  size_t model_index() const { return model_index_; }
  // Returns whether the open of the current sequence was sent and neither its close nor Lose
  // followed.
  bool is_open() const { return is_open_; }
  // Returns whether the last step of the sequence was sent.
  bool is_at_end() const { return timesteps_left_ == 0; }
  // Returns the number of the current sequence, counted from 1.
  uint64_t sequence() const { return sequence_; }

  // Begins a sequence. REQUIRES: no sequence is open.
  void Open(v1::StreamAction* action);

  // Fills in a step of the next timesteps and returns their number. REQUIRES: a sequence is open
  // and not at its end.
  int64_t Step(v1::StreamAction* action);

  // Does the same, but appends the step to `steps` as a row. `steps` may already have rows, of
  // other sessions of the model. REQUIRES: as for Step, and all rows have the same length.
  int64_t StepAsRow(v1::StepSessionsRequest* steps);

  // Fills in the close of the sequence. REQUIRES: a sequence is open.
  void Close(v1::StreamAction* action);

  // Records that the server has no session for `sequence`, so that a new one will be opened.
  void Lose(uint64_t sequence);

 private:
  // Removes the next step from the sequence and returns its number of timesteps.
  int64_t TakeTimesteps();

  const Model& model_;
  const size_t model_index_;
  const LengthDistribution& lengths_;
  const int64_t chunk_timesteps_;
  const int64_t timeout_ms_;  // the value of the field: 0 means none
  const std::string name_;
  Random random_;
  std::string id_;
  uint64_t sequence_ = 0;
  int64_t timesteps_left_ = 0;
  bool is_open_ = false;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_LOAD_SESSION_H_
