// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/hosting/model_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"

namespace rnnserve {
namespace {

// The shortest retry delay when a model cannot be replaced. Even after the oldest model has
// expired, its sessions take a while to end.
constexpr absl::Duration kRetryDelay = absl::Seconds(1);

}  // namespace

absl::Status ModelTable::Add(std::unique_ptr<HostedModel> hosted) {
  absl::MutexLock lock(&mu_);
  const auto [it, is_new] = models_.try_emplace(hosted->name());
  if (!is_new) {
    return MakeError(absl::StatusCode::kAlreadyExists, "MODEL_EXISTS",
                     absl::StrCat("a model named '", it->first, "' already exists"));
  }
  it->second.current = std::move(hosted);
  return absl::OkStatus();
}

absl::StatusOr<const ModelTable::Entry*> ModelTable::FindLocked(absl::string_view name) const {
  const auto it = models_.find(name);
  if (it == models_.end()) return NotFound("MODEL_NOT_FOUND", "there is no model of that name");
  return &it->second;
}

absl::StatusOr<HostedModel::Use> ModelTable::Find(absl::string_view name) const {
  absl::MutexLock lock(&mu_);
  RNNSERVE_ASSIGN_OR_RETURN(const Entry* const entry, FindLocked(name));
  return entry->current->use();
}

absl::StatusOr<HostedModel::Use> ModelTable::Find(
    absl::string_view name, absl::FunctionRef<bool(const Model&)> is_wanted) const {
  absl::MutexLock lock(&mu_);
  RNNSERVE_ASSIGN_OR_RETURN(const Entry* const entry, FindLocked(name));
  if (is_wanted(*entry->current->model())) return entry->current->use();
  for (const Replaced& replaced : entry->replaced) {
    if (!replaced.is_expired && is_wanted(*replaced.hosted->model())) return replaced.hosted->use();
  }
  return entry->current->use();
}

std::vector<HostedModel::Use> ModelTable::current() const {
  std::vector<HostedModel::Use> models;
  absl::MutexLock lock(&mu_);
  for (const auto& [name, entry] : models_) models.push_back(entry.current->use());
  return models;
}

std::vector<ModelTable::Retiring> ModelTable::retiring(absl::string_view name) const {
  std::vector<Retiring> retiring;
  absl::MutexLock lock(&mu_);
  const auto it = models_.find(name);
  if (it == models_.end()) return retiring;
  for (const Replaced& replaced : it->second.replaced) {
    retiring.push_back({replaced.hosted->use(), replaced.end});
  }
  return retiring;
}

absl::StatusOr<HostedModel::Use> ModelTable::MakeCurrent(absl::string_view name,
                                                         absl::string_view digest, absl::Time end) {
  absl::MutexLock lock(&mu_);
  RNNSERVE_RETURN_IF_ERROR(FindLocked(name).status());
  Entry& entry = models_.find(name)->second;
  if (entry.current->model()->digest() == digest) return entry.current->use();
  const auto again = std::find_if(
      entry.replaced.begin(), entry.replaced.end(), [digest](const Replaced& replaced) {
        return !replaced.is_expired && replaced.hosted->model()->digest() == digest;
      });
  if (again == entry.replaced.end()) return nullptr;
  std::swap(entry.current, again->hosted);
  again->end = end;
  // It begins to retire now, so it is the youngest.
  std::rotate(again, again + 1, entry.replaced.end());
  return entry.replaced.back().hosted->use();
}

absl::StatusOr<HostedModel::Use> ModelTable::Replace(std::unique_ptr<HostedModel> hosted,
                                                     absl::Time now, absl::Time end) {
  absl::MutexLock lock(&mu_);
  RNNSERVE_RETURN_IF_ERROR(FindLocked(hosted->name()).status());
  Entry& entry = models_.find(hosted->name())->second;
  const auto num_replaced = static_cast<int64_t>(entry.replaced.size());
  if (num_replaced >= max_retiring_) {
    return ResourceExhausted("RETIRING_MODELS_LIMIT",
                             absl::StrCat(num_replaced, " replaced models of '", hosted->name(),
                                          "' still have sessions, of at most ", max_retiring_),
                             std::max(entry.replaced.front().end - now, kRetryDelay));
  }
  std::swap(entry.current, hosted);
  entry.replaced.push_back({std::move(hosted), end});
  return entry.replaced.back().hosted->use();
}

std::vector<ModelTable::Expired> ModelTable::TakeExpired(absl::Time now) {
  std::vector<Expired> expired;
  absl::MutexLock lock(&mu_);
  for (auto& [name, entry] : models_) {
    for (Replaced& replaced : entry.replaced) {
      if (replaced.end > now || !replaced.token.expired()) continue;
      replaced.is_expired = true;
      auto token = std::make_shared<char>();
      replaced.token = token;
      expired.push_back({replaced.hosted->use(), std::move(token)});
    }
  }
  return expired;
}

std::vector<std::unique_ptr<HostedModel>> ModelTable::TakeUnused() {
  std::vector<std::unique_ptr<HostedModel>> unused;
  absl::MutexLock lock(&mu_);
  for (auto& [name, entry] : models_) {
    const auto first = std::stable_partition(
        entry.replaced.begin(), entry.replaced.end(),
        [](const Replaced& replaced) { return replaced.hosted->is_in_use(); });
    for (auto it = first; it != entry.replaced.end(); ++it) unused.push_back(std::move(it->hosted));
    entry.replaced.erase(first, entry.replaced.end());
  }
  return unused;
}

}  // namespace rnnserve
