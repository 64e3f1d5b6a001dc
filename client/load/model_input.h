// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_LOAD_MODEL_INPUT_H_
#define RNNSERVE_CLIENT_LOAD_MODEL_INPUT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/load/random.h"
#include "rnnserve/v1/model.pb.h"

namespace rnnserve::client {

// Random input for one model. It is generated in advance, so that a step only copies part of it.
//
// Features are uniform in [-1, 1). Token ids are uniform over the ids of the model's first
// Embedding, except 0, which may mean padding; they are 0 if the Embedding has no other id or the
// description of the model lists no Embedding. Immutable; safe to share.
class ModelInput {
 public:
  // Makes input for steps of at most `max_timesteps`. INVALID_ARGUMENT if such a step would be
  // larger than 64 MiB. REQUIRES: max_timesteps > 0.
  static absl::StatusOr<ModelInput> Make(const v1::DescribeModelResponse& model,
                                         int64_t max_timesteps, uint64_t seed);

  // Fills `input` with `num_timesteps`, [time, ...], from a random position. REQUIRES: 0 <
  // num_timesteps <= max_timesteps.
  void Fill(int64_t num_timesteps, Random& random, v1::Tensor* input) const;

  // Adds one more row of `num_timesteps` to `rows`, [rows, time, ...], which may be empty.
  // REQUIRES: as for Fill, and the rows already in `rows` belong to this model and have the same
  // length.
  void AppendRow(int64_t num_timesteps, Random& random, v1::Tensor* rows) const;

 private:
  ModelInput() = default;

  // Returns `num_timesteps` from a random position.
  absl::string_view Pick(int64_t num_timesteps, Random& random) const;

  v1::DataType dtype_ = v1::DATA_TYPE_FLOAT32;
  // The shape of one timestep.
  std::vector<int64_t> shape_;
  size_t timestep_bytes_ = 0;
  int64_t num_timesteps_ = 0;
  // [num_timesteps_, shape_], little-endian.
  std::string raw_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_MODEL_INPUT_H_
