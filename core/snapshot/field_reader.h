// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SNAPSHOT_FIELD_READER_H_
#define RNNSERVE_CORE_SNAPSHOT_FIELD_READER_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/snapshot/snapshot_frame.h"

namespace rnnserve {

static_assert(std::endian::native == std::endian::little,
              "numbers are read and written as they lie in memory");

// Reads the fields of a snapshot from the front, little-endian. Allocates memory for a field only
// after checking that the bytes of the field are there. Borrows the bytes. Used by one thread at a
// time: the decoder's. Errors: DATA_LOSS, reason SNAPSHOT_BAD, naming the field and both numbers;
// after an error nothing has been read.
class FieldReader {
 public:
  explicit FieldReader(absl::string_view bytes) : rest_(bytes) {}

  size_t num_left() const { return rest_.size(); }

  // Checks that `count` elements of `element_bytes` bytes are left. Divides instead of multiplying,
  // because a product could overflow.
  absl::Status CheckLeft(absl::string_view field, uint64_t count, size_t element_bytes) const {
    if (count <= rest_.size() / element_bytes) return absl::OkStatus();
    return BadSnapshot(absl::StrCat(field, ": ", count, " of ", element_bytes, " bytes each, but ",
                                    rest_.size(), " bytes are left"));
  }

  // Reads a number or an array of bytes. REQUIRES: CheckLeft has returned OK for it. Aborts if too
  // few bytes are left.
  template <typename T>
  T Take() {
    static_assert(std::is_trivially_copyable_v<T>);
    if (rest_.size() < sizeof(T)) std::abort();
    T value;
    std::memcpy(&value, rest_.data(), sizeof(T));
    rest_.remove_prefix(sizeof(T));
    return value;
  }

  // Reads `count` characters.
  absl::StatusOr<std::string> TakeText(absl::string_view field, uint64_t count) {
    if (absl::Status status = CheckLeft(field, count, 1); !status.ok()) return status;
    std::string text(rest_.substr(0, count));
    rest_.remove_prefix(count);
    return text;
  }

  // Reads `count` numbers.
  template <typename T>
  absl::StatusOr<std::vector<T>> TakeMany(absl::string_view field, uint64_t count) {
    static_assert(std::is_arithmetic_v<T>);
    if (absl::Status status = CheckLeft(field, count, sizeof(T)); !status.ok()) return status;
    std::vector<T> values(count);
    if (count > 0) std::memcpy(values.data(), rest_.data(), count * sizeof(T));
    rest_.remove_prefix(count * sizeof(T));
    return values;
  }

 private:
  absl::string_view rest_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SNAPSHOT_FIELD_READER_H_
