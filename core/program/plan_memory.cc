// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/plan_memory.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/kernels/columns.h"

namespace rnnserve {

using Access = RowInstruction::Access;

StorageId PlanMemory::NewRowStorage(int64_t size) {
  Storage& storage = storages_.emplace_back();
  storage.size = size;
  return static_cast<StorageId>(storages_.size() - 1);
}

StorageId PlanMemory::NewConstant(absl::Span<const float> values) {
  const StorageId id = NewRowStorage(static_cast<int64_t>(values.size()));
  Of(id).home = Home::kConstant;
  Of(id).constant.assign(values.begin(), values.end());
  return id;
}

const float* PlanMemory::ConstantAt(StorageId storage) const {
  const Storage& found = Of(storage);
  return found.home == Home::kConstant ? found.constant.data() : nullptr;
}

StorageId PlanMemory::NewArgument(PlanBase::Kind kind, size_t index, int64_t size) {
  const StorageId id = NewRowStorage(size);
  Of(id).home = Home::kArgument;
  Of(id).kind = kind;
  Of(id).index = index;
  return id;
}

StorageId PlanMemory::NewResult(PlanBase::Kind kind, size_t index, int64_t size) {
  const StorageId id = NewRowStorage(size);
  Of(id).home = Home::kResult;
  Of(id).kind = kind;
  Of(id).index = index;
  return id;
}

bool PlanMemory::BecomeResult(StorageId storage, PlanBase::Kind kind, size_t index, int64_t size) {
  Storage& found = Of(storage);
  if (found.home != Home::kArena || PaddedRows(found.size) > PaddedRows(size)) return false;
  found.home = Home::kResult;
  found.kind = kind;
  found.index = index;
  return true;
}

void PlanMemory::Place(ProgramPlan& plan) {
  CollectUses(plan);
  ChooseHomes();
  PlaceHomes(plan);
  for (auto& stages : plan.phases) {
    for (PlannedStage& stage : stages) LayOutArena(stage, plan.arena_size);
  }
  ForEachAccess(plan, [&](Access& access, const Use&) {
    const Storage& storage = Of(access.storage);
    access.base = storage.base;
    access.offset += storage.offset;
  });
}

template <typename F>
void PlanMemory::ForEachAccess(ProgramPlan& plan, F f) {
  for (int phase = 0; phase < static_cast<int>(kNumPhases); ++phase) {
    auto& stages = plan.phases[static_cast<size_t>(phase)];
    for (size_t s = 0; s < stages.size(); ++s) {
      const int stage = static_cast<int>(s);
      for (PlannedProduct& product : stages[s].products) {
        for (Access* access : {&product.x, &product.start, &product.y}) {
          f(*access, Use{phase, stage, true});
        }
      }
      for (auto& instruction : stages[s].instructions) {
        for (Access& access : instruction->accesses()) f(access, Use{phase, stage, false});
      }
    }
  }
}

void PlanMemory::CollectUses(ProgramPlan& plan) {
  ForEachAccess(plan, [&](const Access& access, const Use& use) {
    Storage& storage = Of(access.storage);
    if (access.is_written) storage.written_phase = std::max(storage.written_phase, use.phase);
    if (std::find(storage.uses.begin(), storage.uses.end(), use) == storage.uses.end()) {
      storage.uses.push_back(use);
    }
  });
}

void PlanMemory::ChooseHomes() {
  for (Storage& storage : storages_) {
    if (storage.uses.empty()) storage.home = Home::kUnused;
    if (storage.home != Home::kArena) continue;
    bool crosses_phases = false;
    bool crosses_stages = false;
    for (const Use& use : storage.uses) {
      crosses_phases = crosses_phases || use.phase != storage.written_phase;
      crosses_stages = crosses_stages || use.by_product || !(use == storage.uses[0]);
    }
    if (crosses_phases) {
      const bool is_prepared = storage.written_phase == static_cast<int>(Phase::kPrepare);
      storage.home = is_prepared ? Home::kPrepared : Home::kProjection;
    } else if (crosses_stages) {
      storage.home = Home::kBatch;
    }
  }
}

// Finds the bases, and the places of everything but the arena.
void PlanMemory::PlaceHomes(ProgramPlan& plan) {
  const auto add_base = [&](PlanBase base) {
    plan.bases.push_back(base);
    return static_cast<int>(plan.bases.size() - 1);
  };
  const int fixed = add_base({PlanBase::Kind::kFixed});
  const int arena = add_base({PlanBase::Kind::kArena});
  const int prepared = add_base({PlanBase::Kind::kPrepared});
  const int projection = add_base({PlanBase::Kind::kProjection});
  int64_t fixed_size = 0;
  const auto take = [](int64_t& size, const Storage& storage) {
    const int64_t offset = size;
    size += PaddedRows(storage.size);
    return offset;
  };
  for (Storage& storage : storages_) {
    switch (storage.home) {
      case Home::kUnused:
        break;
      case Home::kConstant:
        storage.base = fixed;
        storage.offset = take(fixed_size, storage);
        break;
      case Home::kArena:
        storage.base = arena;
        break;
      case Home::kPrepared:
        storage.base = prepared;
        storage.offset = take(plan.prepared_rows, storage);
        break;
      case Home::kProjection:
        storage.base = projection;
        storage.offset = take(plan.projection_rows, storage);
        break;
      case Home::kArgument:
      case Home::kResult:
        storage.base = add_base({storage.kind, storage.index});
        break;
      case Home::kBatch: {
        const int64_t first = take(plan.batch_row_size, storage);
        storage.base = add_base({PlanBase::Kind::kBatch, 0, first, PaddedRows(storage.size)});
        break;
      }
    }
  }
  plan.fixed = AlignedBuffer(fixed_size);
  for (const Storage& storage : storages_) {
    if (storage.home != Home::kConstant) continue;
    std::copy(storage.constant.begin(), storage.constant.end(), plan.fixed.data() + storage.offset);
  }
}

// Gives each value of the arena a place from its first to its last use in its stage: the first gap
// that is large enough.
void PlanMemory::LayOutArena(PlannedStage& stage, int64_t& arena_size) {
  struct Life {
    StorageId storage;
    size_t first;
    size_t last;
  };
  std::map<StorageId, Life> lives;
  for (size_t i = 0; i < stage.instructions.size(); ++i) {
    for (const Access& access : stage.instructions[i]->accesses()) {
      if (Of(access.storage).home != Home::kArena) continue;
      const auto [life, is_new] = lives.try_emplace(access.storage, Life{access.storage, i, i});
      life->second.last = i;
    }
  }
  std::vector<Life> in_order;
  for (const auto& [id, life] : lives) in_order.push_back(life);
  std::sort(in_order.begin(), in_order.end(), [](const Life& a, const Life& b) {
    return std::make_pair(a.first, a.storage) < std::make_pair(b.first, b.storage);
  });
  std::vector<Life> placed;
  for (const Life& life : in_order) {
    Storage& storage = Of(life.storage);
    const int64_t size = PaddedRows(storage.size);
    std::erase_if(placed, [&](const Life& other) { return other.last < life.first; });
    std::sort(placed.begin(), placed.end(), [&](const Life& a, const Life& b) {
      return Of(a.storage).offset < Of(b.storage).offset;
    });
    int64_t offset = 0;
    for (const Life& other : placed) {
      const Storage& taken = Of(other.storage);
      if (offset + size <= taken.offset) break;
      offset = std::max(offset, taken.offset + PaddedRows(taken.size));
    }
    storage.offset = offset;
    arena_size = std::max(arena_size, offset + size);
    placed.push_back(life);
  }
}

}  // namespace rnnserve
