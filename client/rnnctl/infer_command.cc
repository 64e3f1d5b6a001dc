// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cpp/sequences.h"
#include "client/rnnctl/commands.h"
#include "client/rnnctl/sequences_io.h"
#include "client/text/progress_bar.h"

namespace rnnserve::client {
namespace {

// Half of the server's default message limit; long sequences are sent in smaller batches.
constexpr size_t kMaxBatchBytes = size_t{2} << 20;
// The size of the widest element type.
constexpr size_t kElementBytes = 8;

// Returns the indices of the sequences, in batches of sequences of equal length. Then no batch
// needs padding, which a Masking layer would recognise only by its own mask value.
std::vector<std::vector<size_t>> PlanBatches(const std::vector<Tensor>& sequences,
                                             size_t max_rows) {
  std::map<int64_t, std::vector<size_t>> indices_by_length;
  for (size_t i = 0; i < sequences.size(); ++i) {
    indices_by_length[sequences[i].shape()[0]].push_back(i);
  }
  std::vector<std::vector<size_t>> batches;
  for (const auto& [length, indices] : indices_by_length) {
    const size_t row_bytes = sequences[indices[0]].num_elements() * kElementBytes;
    const size_t num_rows = std::clamp(kMaxBatchBytes / row_bytes, size_t{1}, max_rows);
    for (size_t begin = 0; begin < indices.size(); begin += num_rows) {
      const size_t end = std::min(begin + num_rows, indices.size());
      batches.emplace_back(indices.begin() + static_cast<ptrdiff_t>(begin),
                           indices.begin() + static_cast<ptrdiff_t>(end));
    }
  }
  return batches;
}

// Computes the sequences of call number `call` and stores their outputs at their indices.
absl::Status InferBatch(Client& client, const Options& options,
                        const std::vector<Tensor>& sequences, const std::vector<size_t>& batch,
                        uint64_t call, std::vector<Tensor>* outputs) {
  std::vector<Tensor> rows;
  rows.reserve(batch.size());
  for (size_t index : batch) rows.push_back(sequences[index]);
  InferRequest request;
  request.model = options.model;
  request.input = Pad(rows).input;
  request.training = options.is_training;
  // If two calls had the same seed, rows with the same number would be the same sample.
  if (options.seed.has_value()) request.seed = *options.seed + call;
  const auto result = client.Infer(request, CallOptionsOf(options));
  if (!result.ok()) return result.status();
  const std::vector<int64_t>& shape = result->output.shape();
  if (shape.size() < 2 || shape[0] != static_cast<int64_t>(batch.size())) {
    return absl::InternalError("the reply does not have as many rows as the request");
  }
  for (size_t i = 0; i < batch.size(); ++i) {
    const int64_t row = static_cast<int64_t>(i);
    (*outputs)[batch[i]] =
        result->output.Rows(row, row + 1).Reshaped({shape.begin() + 1, shape.end()});
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunInfer(Client& client, const Options& options, const Terminal& terminal) {
  if (absl::Status status = CheckOutput(options); !status.ok()) return status;
  const auto sequences = ReadSequences(client, options);
  if (!sequences.ok()) return sequences.status();
  std::vector<Tensor> outputs(sequences->size());
  {
    ProgressBar progress(terminal.progress, "infer", sequences->size());
    const size_t max_rows = static_cast<size_t>(options.num_batch_rows);
    uint64_t call = 0;
    for (const std::vector<size_t>& batch : PlanBatches(*sequences, max_rows)) {
      absl::Status status = InferBatch(client, options, *sequences, batch, call++, &outputs);
      if (!status.ok()) return status;
      progress.Advance(batch.size());
    }
  }
  return WriteOutputs(outputs, options, terminal);
}

}  // namespace rnnserve::client
