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

// The checks of one input tensor of a model and of its mask. Every error is INVALID_ARGUMENT with
// one of the reasons that Engine lists; its text names the input and both numbers.
//
// A view: what it is made of must outlive it. Immutable.
class TensorChecks {
 public:
  // `has_batch`: the tensor is [batch, time, ...] as in Infer, not [time, ...] as in a step.
  // `name` is for the texts: "input", or "input 'x'" where there are several.
  TensorChecks(const Model::Input& expected, const TensorView& tensor, bool has_batch,
               std::string name);

  // The number of axes. The checks below need it.
  absl::Status CheckRank() const;
  // REQUIRES: has_batch.
  absl::Status CheckRows(int64_t max) const;
  absl::Status CheckTimesteps(int64_t max) const;
  // Everything behind batch and time.
  absl::Status CheckFeatures() const;
  // The dtype, the length, and that numbers are finite and token ids in range.
  absl::Status CheckValues() const;
  // That the mask is BOOL, of the leading extents of the tensor, and 0 or 1.
  absl::Status CheckMask(const std::optional<TensorView>& mask) const;

  // 1 without a time axis.
  int64_t num_timesteps() const { return has_time() ? tensor_.shape[num_leading() - 1] : 1; }

 private:
  bool has_time() const { return expected_.spec.has_time; }
  int num_leading() const { return (has_batch_ ? 1 : 0) + (has_time() ? 1 : 0); }
  absl::string_view leading_names() const;
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
