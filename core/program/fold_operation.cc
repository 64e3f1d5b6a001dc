// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/fold_operation.h"

#include <map>
#include <memory>

#include "absl/types/span.h"

namespace rnnserve {
namespace {

// Gives the values of an operation's own instructions memory, and passes the others on.
class FoldingMemory final : public StorageList {
 public:
  explicit FoldingMemory(StorageList& constants) : constants_(constants) {}

  StorageId NewRowStorage(int64_t size) override {
    const StorageId id = constants_.NewRowStorage(size);
    memory_[id].resize(static_cast<size_t>(size));
    return id;
  }
  StorageId NewConstant(absl::Span<const float> values) override {
    return constants_.NewConstant(values);
  }
  const float* ConstantAt(StorageId storage) const override {
    return constants_.ConstantAt(storage);
  }
  // Returns the elements of a memory. Those of a constant are never written.
  float* At(StorageId storage) {
    const float* const constant = ConstantAt(storage);
    return constant != nullptr ? const_cast<float*>(constant) : memory_[storage].data();
  }

 private:
  StorageList& constants_;
  std::map<StorageId, std::vector<float>> memory_;
};

}  // namespace

std::vector<PlannedValue> FoldOperation(const std::vector<Program::Value>& values,
                                        const Program::Operation& operation,
                                        const std::vector<PlannedValue>& operands,
                                        StorageList& storages) {
  FoldingMemory memory(storages);
  std::vector<std::unique_ptr<RowInstruction>> code;
  Lowering lowering(memory, code);
  std::vector<PlannedValue> results = lowering.Lower(values, operation, operands);
  for (PlannedValue& result : results) {
    if (!result.view.IsDense()) result = lowering.Dense(result);
  }
  std::vector<float*> bases;
  for (const auto& instruction : code) {
    for (RowInstruction::Access& access : instruction->accesses()) {
      access.base = static_cast<int>(bases.size());
      bases.push_back(memory.At(access.storage));
    }
    instruction->Run(bases.data());
  }
  for (PlannedValue& result : results) {
    const float* const from = memory.At(result.storage) + result.view.offset;
    const std::vector<float> elements(from, from + result.view.size());
    result = {result.type, storages.NewConstant(elements), StridedView::Dense(result.view.extents)};
  }
  return results;
}

}  // namespace rnnserve
