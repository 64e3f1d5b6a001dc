// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BASE_SHA256_H_
#define RNNSERVE_CORE_BASE_SHA256_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace rnnserve {

// The SHA-256 of everything that was added. Used by one thread at a time: its owner.
class Sha256 {
 public:
  Sha256();

  void Add(absl::string_view bytes);
  // The digest, or in hexadecimal, 64 characters. One of them is to be called, once and last.
  std::array<uint8_t, 32> FinishBytes();
  std::string Finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BASE_SHA256_H_
