// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "client/cpp/sequences.h"
#include "client/rnnctl/commands.h"
#include "client/rnnctl/sequences_io.h"
#include "client/text/latencies.h"
#include "client/text/progress_bar.h"

namespace rnnserve::client {
namespace {

// Collects the outputs of one sequence as its steps are answered.
class OutputRows {
 public:
  explicit OutputRows(bool is_last_only) : is_last_only_(is_last_only) {}

  // `output` is [time, outputs] or [outputs].
  void Append(const Tensor& output) {
    num_columns_ = output.shape().back();
    absl::Span<const float> rows = output.floats();
    if (is_last_only_) {
      rows.remove_prefix(rows.size() - static_cast<size_t>(num_columns_));
      values_.clear();
    }
    values_.insert(values_.end(), rows.begin(), rows.end());
  }

  // Returns [rows, outputs], or only the last row, [outputs].
  Tensor Take() && {
    if (is_last_only_) return Tensor({num_columns_}, std::move(values_));
    const int64_t num_rows = static_cast<int64_t>(values_.size()) / num_columns_;
    return Tensor({num_rows, num_columns_}, std::move(values_));
  }

 private:
  const bool is_last_only_;
  int64_t num_columns_ = 1;
  std::vector<float> values_;
};

// Keeps the notices of a stream until they may be printed. Thread-safe.
class NoticeList {
 public:
  void Add(const Notice& notice) {
    absl::MutexLock lock(&mu_);
    if (lines_.size() < kMaxLines) lines_.push_back(Describe(notice));
    ++num_;
  }
  void Print(std::ostream& out) {
    absl::MutexLock lock(&mu_);
    for (const std::string& line : lines_) out << line << "\n";
    if (num_ > lines_.size()) out << "... and " << num_ - lines_.size() << " more notices\n";
  }

 private:
  // The most lines that a person will read.
  static constexpr size_t kMaxLines = 20;

  absl::Mutex mu_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mu_);
  size_t num_ ABSL_GUARDED_BY(mu_) = 0;
};

std::string FormatSpeed(size_t num_sequences, int64_t num_timesteps, const Latencies& latencies,
                        absl::Duration elapsed) {
  const double seconds = absl::ToDoubleSeconds(elapsed);
  return absl::StrFormat(
      "%d sequences, %d timesteps in %.2f s: %.0f timesteps/s; a step took p50 %s, p95 %s, p99 "
      "%s\n",
      num_sequences, num_timesteps, seconds, static_cast<double>(num_timesteps) / seconds,
      FormatLatency(latencies.Quantile(0.5)), FormatLatency(latencies.Quantile(0.95)),
      FormatLatency(latencies.Quantile(0.99)));
}

}  // namespace

absl::Status RunStream(Client& client, const Options& options, const Terminal& terminal) {
  if (absl::Status status = CheckOutput(options); !status.ok()) return status;
  const auto sequences = ReadSequences(client, options);
  if (!sequences.ok()) return sequences.status();
  int64_t num_timesteps = 0;
  for (const Tensor& sequence : *sequences) num_timesteps += sequence.shape()[0];

  std::vector<OutputRows> rows(sequences->size(), OutputRows(options.is_last_only));
  Latencies latencies;
  NoticeList notices;
  absl::Status status;
  const absl::Duration began = terminal.clock();
  {
    ProgressBar progress(terminal.progress, "stream", static_cast<size_t>(num_timesteps));
    StreamSequencesOptions run;
    run.num_sessions = options.num_sessions;
    run.timesteps_per_step = options.num_chunk_timesteps;
    run.clock = terminal.clock;
    StreamOptions stream_options;
    stream_options.on_notice = [&notices](const Notice& notice) { notices.Add(notice); };
    const auto stream = client.OpenStream(stream_options);
    const auto on_step = [&](const SequenceStep& step) {
      rows[step.sequence_index].Append(step.result.output);
      latencies.Add(step.latency);
      progress.Advance(static_cast<size_t>(step.end - step.begin));
    };
    status = StreamSequences(*stream, options.model, *sequences, run, on_step);
    if (status.ok()) status = stream->Finish(CallOptionsOf(options));
  }
  notices.Print(terminal.remarks);
  if (!status.ok()) return status;
  terminal.remarks << FormatSpeed(sequences->size(), num_timesteps, latencies,
                                  terminal.clock() - began);
  std::vector<Tensor> outputs;
  for (OutputRows& output : rows) outputs.push_back(std::move(output).Take());
  return WriteOutputs(outputs, options, terminal);
}

}  // namespace rnnserve::client
