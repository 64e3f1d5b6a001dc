// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_PLAN_MEMORY_H_
#define RNNSERVE_CORE_PROGRAM_PLAN_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "core/program/lowering.h"
#include "core/program/program_plan.h"

namespace rnnserve {

// The memories of a plan while it is made, and where they are in the end. A memory is that of a
// constant, of an argument or of a result; or else it has a place among those values that the same
// parts of the plan read: an arena for values that only one stage uses, one place for each row of a
// batch for those that several stages use, and the columns of Prepare and Project for those that
// are read in another phase than they are written.
//
// Owns the values of constants. Used by one thread at a time: the one that makes the plan.
class PlanMemory final : public StorageList {
 public:
  PlanMemory() = default;
  ~PlanMemory() override = default;
  PlanMemory(const PlanMemory&) = delete;
  PlanMemory& operator=(const PlanMemory&) = delete;

  StorageId NewRowStorage(int64_t size) override;
  StorageId NewConstant(absl::Span<const float> values) override;
  const float* ConstantAt(StorageId storage) const override;
  // Return the memory of an argument or of a result of a step, of `size` floats.
  StorageId NewArgument(PlanBase::Kind kind, size_t index, int64_t size);
  StorageId NewResult(PlanBase::Kind kind, size_t index, int64_t size);

  int64_t size(StorageId storage) const { return Of(storage).size; }
  bool IsArgument(StorageId storage) const { return Of(storage).home == Home::kArgument; }
  // Lets the values of a memory be in that of a result of `size` floats, if they are nowhere else
  // and fit. Returns whether they are.
  bool BecomeResult(StorageId storage, PlanBase::Kind kind, size_t index, int64_t size);

  // Gives each memory a place, writes it into every access of `plan`, and sets the sizes, the bases
  // and the constants of `plan`. To be called once, when all products and instructions are there.
  void Place(ProgramPlan& plan);

 private:
  enum class Home {
    kUnused,
    kConstant,
    kArgument,
    kArena,
    kBatch,
    kPrepared,
    kProjection,
    kResult
  };
  // A use of a memory: where in the plan.
  struct Use {
    int phase;
    int stage;
    bool by_product;
    friend bool operator==(const Use&, const Use&) = default;
  };
  struct Storage {
    int64_t size = 0;
    Home home = Home::kArena;
    std::vector<float> constant;
    PlanBase::Kind kind = PlanBase::Kind::kFixed;  // kArgument and kResult
    size_t index = 0;
    int written_phase = -1;
    std::vector<Use> uses;
    int base = 0;
    int64_t offset = 0;
  };

  Storage& Of(StorageId storage) { return storages_[static_cast<size_t>(storage)]; }
  const Storage& Of(StorageId storage) const { return storages_[static_cast<size_t>(storage)]; }
  template <typename F>
  static void ForEachAccess(ProgramPlan& plan, F f);
  void CollectUses(ProgramPlan& plan);
  void ChooseHomes();
  void PlaceHomes(ProgramPlan& plan);
  void LayOutArena(PlannedStage& stage, int64_t& arena_size);

  std::vector<Storage> storages_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_PLAN_MEMORY_H_
