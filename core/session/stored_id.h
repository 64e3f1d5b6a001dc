// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_STORED_ID_H_
#define RNNSERVE_CORE_SESSION_STORED_ID_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace rnnserve {

// The id of a session in 40 bytes. An id of up to 39 characters, such as a random id or a UUID, is
// stored in place, a longer one on the heap. Owns the characters. Thread-compatible.
class StoredId {
 public:
  // REQUIRES: at most 255 characters; aborts otherwise.
  explicit StoredId(absl::string_view id);
  ~StoredId();
  StoredId(StoredId&& other) noexcept;
  StoredId& operator=(StoredId&& other) noexcept;
  StoredId(const StoredId&) = delete;
  StoredId& operator=(const StoredId&) = delete;

  absl::string_view view() const { return {is_in_place() ? bytes_.data() : heap(), size_}; }

 private:
  bool is_in_place() const { return size_ <= bytes_.size(); }
  char* heap() const;

  std::array<char, 39> bytes_;  // the characters, or a pointer to them
  uint8_t size_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_STORED_ID_H_
