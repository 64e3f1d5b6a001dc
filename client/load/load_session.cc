// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/load/load_session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace rnnserve::client {

LoadSession::LoadSession(const Model& model, size_t model_index, const LengthDistribution& lengths,
                         int64_t chunk_timesteps, absl::Duration deadline, std::string name,
                         Random random)
    : model_(model),
      model_index_(model_index),
      lengths_(lengths),
      chunk_timesteps_(chunk_timesteps),
      timeout_ms_(deadline == absl::InfiniteDuration() ? 0 : absl::ToInt64Milliseconds(deadline)),
      name_(std::move(name)),
      random_(random) {}

void LoadSession::Open(v1::StreamAction* action) {
  timesteps_left_ = lengths_.Draw(random_);
  if (sequence_ == 0) {
    const int64_t unit = timesteps_left_ % chunk_timesteps_ == 0 ? chunk_timesteps_ : 1;
    timesteps_left_ = unit * random_.Integer(1, timesteps_left_ / unit);
  }
  id_ = absl::StrCat(name_, ".", ++sequence_);
  is_open_ = true;
  action->mutable_open()->set_model(model_.name);
  action->mutable_open()->set_session_id(id_);
}

int64_t LoadSession::Step(v1::StreamAction* action) {
  const int64_t num_timesteps = TakeTimesteps();
  v1::StepRequest* step = action->mutable_step();
  step->set_session_id(id_);
  step->set_timeout_ms(timeout_ms_);
  model_.input.Fill(num_timesteps, random_, step->mutable_input());
  return num_timesteps;
}

int64_t LoadSession::StepAsRow(v1::StepSessionsRequest* steps) {
  const int64_t num_timesteps = TakeTimesteps();
  steps->set_model(model_.name);
  steps->add_session_ids(id_);
  steps->set_timeout_ms(timeout_ms_);
  model_.input.AppendRow(num_timesteps, random_, steps->mutable_input());
  return num_timesteps;
}

int64_t LoadSession::TakeTimesteps() {
  const int64_t num_timesteps = std::min(chunk_timesteps_, timesteps_left_);
  timesteps_left_ -= num_timesteps;
  return num_timesteps;
}

void LoadSession::Close(v1::StreamAction* action) {
  action->mutable_close()->set_session_id(id_);
  is_open_ = false;
}

void LoadSession::Lose(uint64_t sequence) {
  if (sequence == sequence_) is_open_ = false;
}

}  // namespace rnnserve::client
