// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/hosting/model_retirement.h"

#include <cstdint>
#include <utility>

#include "core/engine/hosting/hosted_model.h"

namespace rnnserve {
namespace {

// How many sessions of a model whose time is over are listed before they are ended.
constexpr int64_t kEndedAtOnce = 256;

}  // namespace

void ModelRetirement::EndSessions(const ModelTable::Over& over) {
  SessionFilter filter;
  filter.model_name = over.hosted->name();
  filter.model = over.hosted->model().get();
  std::vector<SessionSummary> page;
  do {
    const std::string last_id = page.empty() ? "" : page.back().id;
    page = sessions_.List(filter, last_id, kEndedAtOnce);
    for (const SessionSummary& session : page) {
      sessions_.Lease(session.id, [this, over, pass = gate_.Enter()](
                                      absl::StatusOr<SessionLease> lease) mutable {
        End(std::move(lease), over, std::move(pass));
      });
    }
  } while (!page.empty());
  EndSpilled(over, durable_.SpilledIdsOf(filter.model_name, filter.model), gate_.Enter());
}

void ModelRetirement::EndSpilled(const ModelTable::Over& over, std::vector<std::string> ids,
                                 CallGate::Pass pass) {
  if (ids.empty()) return;
  // One after another: they would not fit into memory together.
  const std::string id = std::move(ids.back());
  ids.pop_back();
  durable_.Lease(id, [this, over, ids = std::move(ids),
                      pass = std::move(pass)](absl::StatusOr<SessionLease> lease) mutable {
    End(std::move(lease), over, pass);
    EndSpilled(over, std::move(ids), std::move(pass));
  });
}

void ModelRetirement::End(absl::StatusOr<SessionLease> lease, const ModelTable::Over& over,
                          CallGate::Pass pass) {
  // A session of another model may have that id by now.
  if (!lease.ok() || HostedModel::HostOf(*lease) != over.hosted) return;
  durable_.End(*std::move(lease), EndReason::kModelRetired,
               [pass = std::move(pass)](const absl::Status&) {});
}

}  // namespace rnnserve
