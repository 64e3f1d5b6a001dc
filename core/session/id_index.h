// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_ID_INDEX_H_
#define RNNSERVE_CORE_SESSION_ID_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"

namespace rnnserve {

// Finds numbers by id. Holds only the numbers, four bytes each plus the spare room of a hash table;
// `id_of(number)`, an absl::string_view, returns the id of a number.
//
// Consists of many small hash tables. When a table is full, its numbers move to one of twice the
// size. With a single table of a million ids, that move would delay every other caller; each small
// table moves only a thousand.
//
// Thread-compatible. An id must not change while its number is in the index.
template <typename IdOf>
class IdIndex {
 public:
  explicit IdIndex(IdOf id_of)
      : id_of_(id_of), tables_(kNumTables, Table(/*bucket_count=*/0, Hash{id_of}, Equal{id_of})) {}

  // Adds a number. REQUIRES: the index has no number with the same id.
  void Insert(uint32_t number) { tables_[TableOf(HashOf(id_of_(number)))].insert(number); }
  // Returns the number with this id.
  std::optional<uint32_t> Find(absl::string_view id) const {
    const size_t hash = HashOf(id);
    const Table& table = tables_[TableOf(hash)];
    const auto it = table.find(id, hash);
    if (it == table.end()) return std::nullopt;
    return *it;
  }
  // Removes the number with this id, if there is one.
  void Erase(absl::string_view id) { tables_[TableOf(HashOf(id))].erase(id); }

 private:
  static constexpr int kTableBits = 10;
  static constexpr size_t kNumTables = size_t{1} << kTableBits;

  static size_t HashOf(absl::string_view id) { return absl::Hash<absl::string_view>()(id); }
  // Uses the high bits of the hash, because a table uses the low bits first.
  static size_t TableOf(size_t hash) { return hash >> (8 * sizeof(hash) - kTableBits); }

  struct Hash {
    using is_transparent = void;
    size_t operator()(absl::string_view id) const { return HashOf(id); }
    size_t operator()(uint32_t number) const { return HashOf(id_of(number)); }
    IdOf id_of;
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t number, absl::string_view id) const { return id_of(number) == id; }
    bool operator()(absl::string_view id, uint32_t number) const { return id_of(number) == id; }
    IdOf id_of;
  };
  using Table = absl::flat_hash_set<uint32_t, Hash, Equal>;

  const IdOf id_of_;
  std::vector<Table> tables_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_ID_INDEX_H_
