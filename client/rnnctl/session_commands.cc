// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <string>

#include "absl/strings/str_cat.h"
#include "client/files/sequence_file.h"
#include "client/rnnctl/commands.h"
#include "client/rnnctl/failure.h"
#include "client/rnnctl/print.h"
#include "client/text/latencies.h"
#include "client/text/table.h"

namespace rnnserve::client {

absl::Status RunSessions(Client& client, const Options& options, const Terminal& terminal) {
  const auto sessions = client.ListSessions(
      {options.model, options.id_prefix, absl::Milliseconds(options.min_idle_ms)},
      CallOptionsOf(options));
  if (!sessions.ok()) return sessions.status();
  if (options.is_json) {
    v1::ListSessionsResponse response;
    response.mutable_sessions()->Assign(sessions->begin(), sessions->end());
    terminal.out << ToJson(response);
    return absl::OkStatus();
  }
  Table table({{"SESSION"},
               {"MODEL"},
               {"DIGEST"},
               {"STEPS", Table::kRight},
               {"IDLE", Table::kRight},
               {"STATE BYTES", Table::kRight},
               {"LIFETIME"},
               {"KEPT IN"}});
  for (const v1::SessionSummary& session : *sessions) {
    table.AddRow({session.session_id(), session.model(), FormatDigest(session.model_digest()),
                  FormatCount(static_cast<int64_t>(session.version())),
                  FormatLatency(absl::Milliseconds(session.idle_ms())),
                  FormatCount(session.state_bytes()), session.detached() ? "detached" : "stream",
                  session.spilled() ? "store" : "memory"});
  }
  terminal.out << table.ToString();
  return absl::OkStatus();
}

absl::Status RunReset(Client& client, const Options& options, const Terminal& terminal) {
  const auto num_sessions = options.session_ids.empty()
                                ? client.ResetModelSessions(options.model, CallOptionsOf(options))
                                : client.ResetSessions(options.session_ids, CallOptionsOf(options));
  if (!num_sessions.ok()) return num_sessions.status();
  if (options.is_json) {
    v1::ResetStateResponse response;
    response.set_num_sessions(*num_sessions);
    terminal.out << ToJson(response);
  } else {
    terminal.out << *num_sessions << (*num_sessions == 1 ? " session" : " sessions") << " reset\n";
  }
  return absl::OkStatus();
}

absl::Status RunFork(Client& client, const Options& options, const Terminal& terminal) {
  Session session = client.AdoptSession(options.session_ids.front());
  auto forks = session.Fork(options.num_forks, CallOptionsOf(options));
  session.Release();
  if (!forks.ok()) return forks.status();
  v1::ForkSessionResponse response;
  for (Session& fork : *forks) response.add_session_ids(fork.Release());
  if (options.is_json) {
    terminal.out << ToJson(response);
  } else {
    for (const std::string& id : response.session_ids()) terminal.out << id << "\n";
  }
  return absl::OkStatus();
}

absl::Status RunExport(Client& client, const Options& options, const Terminal& terminal) {
  const auto snapshot = client.ExportSession(options.session_ids.front(), CallOptionsOf(options));
  if (!snapshot.ok()) return snapshot.status();
  return WriteResult(options.output, *snapshot, "output", terminal);
}

absl::Status RunImport(Client& client, const Options& options, const Terminal& terminal) {
  const absl::StatusOr<std::string> snapshot = ReadFile(options.input);
  if (!snapshot.ok()) return LocalError("input", snapshot.status());
  const std::string id = options.session_ids.empty() ? "" : options.session_ids.front();
  auto session = client.ImportSession(*snapshot, id, CallOptionsOf(options));
  if (!session.ok()) return session.status();
  v1::ImportSessionResponse response;
  response.set_version(session->first_index());
  response.set_epoch(session->epoch());
  response.set_session_id(session->Release());
  if (options.is_json) {
    terminal.out << ToJson(response);
  } else {
    terminal.out << response.session_id() << "\n";
  }
  return absl::OkStatus();
}

absl::Status RunEvict(Client& client, const Options& options, const Terminal& terminal) {
  for (const std::string& id : options.session_ids) {
    const auto version = client.EvictSession(id, CallOptionsOf(options));
    if (!version.ok()) return version.status();
    if (options.is_json) {
      v1::EvictSessionResponse response;
      response.set_session_id(id);
      response.set_version(*version);
      terminal.out << ToJson(response);
    } else {
      terminal.out << id << " evicted after " << *version << (*version == 1 ? " step" : " steps")
                   << "\n";
    }
  }
  return absl::OkStatus();
}

}  // namespace rnnserve::client
