// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cpp/sequences.h"
#include "client/demo/measurement.h"
#include "client/demo/parts.h"
#include "client/text/table.h"

namespace rnnserve::client {
namespace {

constexpr char kModel[] = "japanese_vowels";

// Streams all recordings once with `num_sessions` concurrent sessions.
absl::StatusOr<Measurement> Measure(const Stage& stage, size_t num_sessions) {
  absl::StatusOr<Measurement> measurement = Measurement::Begin(stage, kModel, "Stream.Step");
  if (!measurement.ok()) return measurement;
  StreamSequencesOptions options;
  options.num_sessions = num_sessions;
  options.clock = stage.clock;
  const auto stream = stage.client.OpenStream();
  absl::Status status =
      StreamSequences(*stream, kModel, stage.data.vowels.frames, options,
                      [&](const SequenceStep& step) { measurement->Add(step.latency); });
  if (status.ok()) status = measurement->End();
  if (status.ok()) status = stream->Finish();
  if (!status.ok()) return status;
  return measurement;
}

}  // namespace

absl::Status RunSpeed(const Stage& stage) {
  stage.out << "\n3. What do more concurrent sessions cost?  (" << kModel
            << ", all recordings, one frame per step)\n\n";
  Table table({{"SESSIONS", Table::kRight},
               {"STEPS/S", Table::kRight},
               {"P50", Table::kRight},
               {"P95", Table::kRight},
               {"P99", Table::kRight},
               {"SERVER P50", Table::kRight},
               {"SERVER P99", Table::kRight},
               {"SESSIONS/BATCH", Table::kRight}});
  for (size_t num_sessions : {1, 8, 64}) {
    const absl::StatusOr<Measurement> measured = Measure(stage, num_sessions);
    if (!measured.ok()) return measured.status();
    const Latencies& client = measured->client();
    const ServerTimes& server = measured->server();
    table.AddRow({absl::StrCat(num_sessions), absl::StrFormat("%.0f", measured->StepsPerSecond()),
                  FormatLatency(client.Quantile(0.5)), FormatLatency(client.Quantile(0.95)),
                  FormatLatency(client.Quantile(0.99)),
                  FormatLatency(absl::Seconds(server.request.Quantile(0.5))),
                  FormatLatency(absl::Seconds(server.request.Quantile(0.99))),
                  absl::StrFormat("%.1f", server.batch_rows.Mean())});
  }
  stage.out << table.ToString(2);
  return absl::OkStatus();
}

}  // namespace rnnserve::client
