// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_CHECKS_TENSOR_CHECKS_H_
#define RNNSERVE_CORE_ENGINE_CHECKS_TENSOR_CHECKS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/base/tensor_view.h"
#include "core/model/model.h"

namespace rnnserve {

// Checks one input tensor of a model, and its mask. Every error is INVALID_ARGUMENT with one of the
// reasons that Engine lists; its text names the input, the value found and the value needed.
//
// A view of its constructor's arguments, which must outlive it. Immutable; safe to share.
class TensorChecks {
 public:
  // `has_batch`: the tensor is [batch, time, ...] as in Infer, not [time, ...] as in a step.
  // `name` stands for the input in error texts: "input", or "input 'x'" if there are several.
  TensorChecks(const Model::Input& expected, const TensorView& tensor, bool has_batch,
               std::string name);

  // Checks the number of axes. The functions below REQUIRE that this check has passed.
  absl::Status CheckRank() const;
  // Checks that there are 1 to `max` rows. REQUIRES: has_batch.
  absl::Status CheckRows(int64_t max) const;
  // Checks that there are 1 to `max` timesteps, if the input has a time axis.
  absl::Status CheckTimesteps(int64_t max) const;
  // Checks the extents of the axes after batch and time.
  absl::Status CheckFeatures() const;
  // Checks the dtype, the length, and that numbers are finite and token ids are in range.
  absl::Status CheckValues() const;
  // Checks that the mask, if there is one, is BOOL, has the leading extents of the tensor as its
  // shape, and holds only 0 and 1.
  absl::Status CheckMask(const std::optional<TensorView>& mask) const;

  // Returns the number of timesteps; 1 without a time axis.
  int64_t num_timesteps() const { return has_time() ? tensor_.shape[num_leading() - 1] : 1; }

 private:
  bool has_time() const { return expected_.spec.has_time; }
  int num_leading() const { return (has_batch_ ? 1 : 0) + (has_time() ? 1 : 0); }
  absl::string_view leading_names() const;
  std::string mask_name() const;
  absl::Status CheckExtent(int axis, int64_t max, absl::string_view reason,
                           absl::string_view what) const;
  absl::Status CheckTokens() const;

  const Model::Input& expected_;
  const TensorView& tensor_;
  const bool has_batch_;
  const std::string name_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_CHECKS_TENSOR_CHECKS_H_
