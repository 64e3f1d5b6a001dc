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

// Returns the sequences to infer. The only input of a model that is not given by name has no name.
absl::StatusOr<std::vector<NamedSequence>> Read(Client& client, const Options& options) {
  if (!options.named_inputs.empty()) return ReadNamedSequences(client, options);
  auto sequences = ReadSequences(client, options);
  if (!sequences.ok()) return sequences.status();
  std::vector<NamedSequence> named;
  for (Tensor& sequence : *sequences) named.push_back({{"", std::move(sequence)}});
  return named;
}

// Returns the indices of the sequences, in batches of sequences of equal length. Then no batch
// needs padding, which a Masking layer would recognise only by its own mask value.
std::vector<std::vector<size_t>> PlanBatches(const std::vector<NamedSequence>& sequences,
                                             size_t max_rows) {
  std::map<std::vector<int64_t>, std::vector<size_t>> indices_by_lengths;
  for (size_t i = 0; i < sequences.size(); ++i) {
    std::vector<int64_t> lengths;
    for (const SequenceInput& input : sequences[i]) lengths.push_back(input.value.shape()[0]);
    indices_by_lengths[std::move(lengths)].push_back(i);
  }
  std::vector<std::vector<size_t>> batches;
  for (const auto& [lengths, indices] : indices_by_lengths) {
    size_t row_bytes = 0;
    for (const SequenceInput& input : sequences[indices[0]]) {
      row_bytes += input.value.num_elements() * kElementBytes;
    }
    const size_t num_rows = std::clamp(kMaxBatchBytes / row_bytes, size_t{1}, max_rows);
    for (size_t begin = 0; begin < indices.size(); begin += num_rows) {
      const size_t end = std::min(begin + num_rows, indices.size());
      batches.emplace_back(indices.begin() + static_cast<ptrdiff_t>(begin),
                           indices.begin() + static_cast<ptrdiff_t>(end));
    }
  }
  return batches;
}

// Adds the inputs of a batch to a request.
void AddInputs(const std::vector<NamedSequence>& sequences, const std::vector<size_t>& batch,
               InferRequest* request) {
  for (size_t k = 0; k < sequences[batch[0]].size(); ++k) {
    std::vector<Tensor> rows;
    rows.reserve(batch.size());
    for (const size_t index : batch) rows.push_back(sequences[index][k].value);
    // The rows are equally long, so nothing is padded.
    Tensor input = Pad(rows).input;
    const std::string& name = sequences[batch[0]][k].name;
    if (name.empty()) {
      request->input = std::move(input);
    } else {
      request->inputs.push_back({name, std::move(input)});
    }
  }
}

// Appends each row of an output to the outputs of its sequence.
absl::Status TakeRows(const std::string& name, const Tensor& output,
                      const std::vector<size_t>& batch,
                      std::vector<std::vector<NamedTensor>>* outputs) {
  const std::vector<int64_t>& shape = output.shape();
  if (shape.size() < 2 || shape[0] != static_cast<int64_t>(batch.size())) {
    return absl::InternalError("the reply does not have as many rows as the request");
  }
  for (size_t i = 0; i < batch.size(); ++i) {
    const int64_t row = static_cast<int64_t>(i);
    (*outputs)[batch[i]].push_back(
        {name, output.Rows(row, row + 1).Reshaped({shape.begin() + 1, shape.end()})});
  }
  return absl::OkStatus();
}

// Computes the sequences of call number `call` and stores their outputs at their indices.
absl::Status InferBatch(Client& client, const Options& options,
                        const std::vector<NamedSequence>& sequences,
                        const std::vector<size_t>& batch, uint64_t call,
                        std::vector<std::vector<NamedTensor>>* outputs) {
  InferRequest request;
  request.model = options.model;
  AddInputs(sequences, batch, &request);
  request.training = options.is_training;
  // If two calls had the same seed, rows with the same number would be the same sample.
  if (options.seed.has_value()) request.seed = *options.seed + call;
  const auto result = client.Infer(request, CallOptionsOf(options));
  if (!result.ok()) return result.status();
  if (result->outputs.empty()) return TakeRows("", result->output, batch, outputs);
  for (const NamedTensor& output : result->outputs) {
    absl::Status status = TakeRows(output.name, output.value, batch, outputs);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunInfer(Client& client, const Options& options, const Terminal& terminal) {
  if (absl::Status status = CheckOutput(options); !status.ok()) return status;
  const auto sequences = Read(client, options);
  if (!sequences.ok()) return sequences.status();
  std::vector<std::vector<NamedTensor>> outputs(sequences->size());
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
  return WriteOutputs(std::move(outputs), options, terminal);
}

}  // namespace rnnserve::client
