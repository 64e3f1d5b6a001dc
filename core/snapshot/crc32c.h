// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SNAPSHOT_CRC32C_H_
#define RNNSERVE_CORE_SNAPSHOT_CRC32C_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace rnnserve {

// The CRC-32C (Castagnoli) of the bytes, as iSCSI and RFC 3720 have it: "123456789" gives
// 0xE3069283. It finds damage, not forgery.
uint32_t Crc32c(absl::string_view bytes);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SNAPSHOT_CRC32C_H_
