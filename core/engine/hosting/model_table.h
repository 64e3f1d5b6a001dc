// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_HOSTING_MODEL_TABLE_H_
#define RNNSERVE_CORE_ENGINE_HOSTING_MODEL_TABLE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/engine/hosting/hosted_model.h"

namespace rnnserve {

// The models of an engine. A name holds one current model, which serves new work, and the replaced
// models that are still in use. A model is in one of these states:
//
//   current   from Add or Replace on, until another model takes its place
//   retiring  replaced; its sessions continue, and MakeCurrent can make it current again
//   expired   its grace period is over: Find ignores it, and its sessions are being ended
//
// TakeUnused removes a retiring or expired model once nothing uses it.
//
// Owns the models. Thread-safe. Makes and destroys no model under its lock. Must outlive every use
// of its models.
class ModelTable {
 public:
  // A retiring model, and when its grace period ends.
  struct Retiring {
    HostedModel::Use hosted;
    absl::Time end;
  };
  // An expired model. Whoever ends its sessions keeps `token` until they have ended.
  struct Expired {
    HostedModel::Use hosted;
    std::shared_ptr<void> token;
  };

  // At most `max_retiring` models of one name may be retiring or expired.
  explicit ModelTable(int64_t max_retiring) : max_retiring_(max_retiring) {}
  ModelTable(const ModelTable&) = delete;
  ModelTable& operator=(const ModelTable&) = delete;

  // Adds the first model of a new name. ALREADY_EXISTS (MODEL_EXISTS).
  absl::Status Add(std::unique_ptr<HostedModel> hosted);

  // Returns the current model of the name. NOT_FOUND (MODEL_NOT_FOUND).
  absl::StatusOr<HostedModel::Use> Find(absl::string_view name) const;
  // Returns a model of the name for which `is_wanted` is true, the current one if possible, else a
  // retiring one. Returns the current one if there is none. NOT_FOUND (MODEL_NOT_FOUND).
  absl::StatusOr<HostedModel::Use> Find(absl::string_view name,
                                        absl::FunctionRef<bool(const Model&)> is_wanted) const;
  // Returns the current models, in the order of their names.
  std::vector<HostedModel::Use> current() const;
  // Returns the retiring and expired models of the name, the oldest first.
  std::vector<Retiring> retiring(absl::string_view name) const;

  // If a retiring model of the name has this digest, makes it current and returns the one that was
  // current, which now retires until `end`. If the current model has this digest, returns that one
  // and changes nothing. Returns null if there is no such model. NOT_FOUND (MODEL_NOT_FOUND).
  absl::StatusOr<HostedModel::Use> MakeCurrent(absl::string_view name, absl::string_view digest,
                                               absl::Time end);
  // Makes the model the current one of its name and returns the one that was current, which now
  // retires until `end`. Errors, after which `hosted` is destroyed and nothing has changed:
  // NOT_FOUND (MODEL_NOT_FOUND); RESOURCE_EXHAUSTED (RETIRING_MODELS_LIMIT).
  absl::StatusOr<HostedModel::Use> Replace(std::unique_ptr<HostedModel> hosted, absl::Time now,
                                           absl::Time end);

  // Returns the models whose grace period is over at `now`, except those whose token somebody still
  // holds. Marks them as expired.
  std::vector<Expired> TakeExpired(absl::Time now);
  // Removes and returns the retiring and expired models that nothing uses. The caller must destroy
  // them on a thread that is not a worker.
  std::vector<std::unique_ptr<HostedModel>> TakeUnused();

 private:
  struct Replaced {
    std::unique_ptr<HostedModel> hosted;
    absl::Time end;
    bool is_expired = false;
    std::weak_ptr<void> token{};
  };
  struct Entry {
    std::unique_ptr<HostedModel> current;
    std::vector<Replaced> replaced;  // the oldest first
  };

  absl::StatusOr<const Entry*> FindLocked(absl::string_view name) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Constant after construction.
  const int64_t max_retiring_;

  // Guarded by mu_. A name is never removed.
  mutable absl::Mutex mu_;
  absl::btree_map<std::string, Entry> models_ ABSL_GUARDED_BY(mu_);
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_HOSTING_MODEL_TABLE_H_
