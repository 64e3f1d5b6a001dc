// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/stored_id.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <utility>

namespace rnnserve {

StoredId::StoredId(absl::string_view id) : bytes_(), size_(static_cast<uint8_t>(id.size())) {
  if (id.size() > std::numeric_limits<uint8_t>::max()) std::abort();
  char* characters = bytes_.data();
  if (!is_in_place()) {
    characters = new char[id.size()];
    std::memcpy(bytes_.data(), &characters, sizeof(characters));
  }
  std::copy(id.begin(), id.end(), characters);
}

StoredId::~StoredId() {
  if (!is_in_place()) delete[] heap();
}

StoredId::StoredId(StoredId&& other) noexcept
    : bytes_(other.bytes_), size_(std::exchange(other.size_, 0)) {}

StoredId& StoredId::operator=(StoredId&& other) noexcept {
  StoredId moved(std::move(other));
  std::swap(bytes_, moved.bytes_);
  std::swap(size_, moved.size_);
  return *this;
}

char* StoredId::heap() const {
  char* characters = nullptr;
  std::memcpy(&characters, bytes_.data(), sizeof(characters));
  return characters;
}

}  // namespace rnnserve
