// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SNAPSHOT_CRC32C_H_
#define RNNSERVE_CORE_SNAPSHOT_CRC32C_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace rnnserve {

// Returns the CRC-32C (Castagnoli) of the bytes, as iSCSI uses it (RFC 3720): "123456789" gives
// 0xE3069283. It detects damage, not forgery.
uint32_t Crc32c(absl::string_view bytes);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SNAPSHOT_CRC32C_H_
