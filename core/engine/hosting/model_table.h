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

// The models of an engine. A name holds one current model, which new work gets, and those that it
// held before and that still have sessions: these retire.
//
//   current   from Add or Replace on, until another takes its place
//   retiring  its sessions go on; MakeCurrent makes it current again
//   over      its time has passed: it is found no more, and its sessions are to be ended
//
// A model that retires or is over goes when nothing uses it.
//
// Owns the models. Thread-safe. No model is made or destroyed under its lock. Must outlive no use
// that does anything.
class ModelTable {
 public:
  // A model that retires, and when its time is over.
  struct Retiring {
    HostedModel::Use hosted;
    absl::Time end;
  };
  // A model whose time is over. Whoever ends its sessions keeps `token` until they have ended.
  struct Over {
    HostedModel::Use hosted;
    std::shared_ptr<void> token;
  };

  // `max_retiring` models of one name may retire or be over.
  explicit ModelTable(int64_t max_retiring) : max_retiring_(max_retiring) {}
  ModelTable(const ModelTable&) = delete;
  ModelTable& operator=(const ModelTable&) = delete;

  // A model of a new name. ALREADY_EXISTS (MODEL_EXISTS).
  absl::Status Add(std::unique_ptr<HostedModel> hosted);

  // The current model of the name. NOT_FOUND (MODEL_NOT_FOUND).
  absl::StatusOr<HostedModel::Use> Find(absl::string_view name) const;
  // The first model of the name that `is_wanted`, the current one before those that retire; the
  // current one if none is. NOT_FOUND (MODEL_NOT_FOUND).
  absl::StatusOr<HostedModel::Use> Find(absl::string_view name,
                                        absl::FunctionRef<bool(const Model&)> is_wanted) const;
  // The current models, in the order of their names.
  std::vector<HostedModel::Use> current() const;
  // Those of the name that retire or are over, the oldest first.
  std::vector<Retiring> retiring(absl::string_view name) const;

  // If a model of this digest is current, or retires: makes it current and returns the one that
  // was, which now retires until `end`. Null if there is none. NOT_FOUND (MODEL_NOT_FOUND).
  absl::StatusOr<HostedModel::Use> MakeCurrent(absl::string_view name, absl::string_view digest,
                                               absl::Time end);
  // Makes the model the current one of its name, and returns the one that was, which retires until
  // `end`. Errors, after which the model is gone and nothing has changed: NOT_FOUND
  // (MODEL_NOT_FOUND); RESOURCE_EXHAUSTED (RETIRING_MODELS_LIMIT).
  absl::StatusOr<HostedModel::Use> Replace(std::unique_ptr<HostedModel> hosted, absl::Time now,
                                           absl::Time end);

  // The models whose time is over now, but those whose token somebody keeps.
  std::vector<Over> TakeOver(absl::Time now);
  // The models that retire or are over and that nothing uses; for the caller to destroy, on a
  // thread that is no worker's.
  std::vector<std::unique_ptr<HostedModel>> TakeUnused();

 private:
  struct Replaced {
    std::unique_ptr<HostedModel> hosted;
    absl::Time end;
    bool is_over = false;
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

  // Guarded by mu_. A name stays until the end.
  mutable absl::Mutex mu_;
  absl::btree_map<std::string, Entry> models_ ABSL_GUARDED_BY(mu_);
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_HOSTING_MODEL_TABLE_H_
