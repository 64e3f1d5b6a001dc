// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BASE_STATUS_MACROS_H_
#define RNNSERVE_CORE_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Evaluates `expr` and returns its status from the enclosing function unless it is OK.
#define RNNSERVE_RETURN_IF_ERROR(expr)                                \
  do {                                                                \
    if (absl::Status status_of_expr = (expr); !status_of_expr.ok()) { \
      return status_of_expr;                                          \
    }                                                                 \
  } while (false)

// Assigns the value of the StatusOr `expr` to `lhs`, which may declare a variable. If there is no
// value, returns the status of `expr` from the enclosing function.
#define RNNSERVE_ASSIGN_OR_RETURN(lhs, expr) \
  RNNSERVE_ASSIGN_OR_RETURN_IMPL_(RNNSERVE_CONCAT_(status_or_, __LINE__), lhs, expr)

// Only used by the macros above.
#define RNNSERVE_CONCAT_INNER_(a, b) a##b
#define RNNSERVE_CONCAT_(a, b) RNNSERVE_CONCAT_INNER_(a, b)
#define RNNSERVE_ASSIGN_OR_RETURN_IMPL_(temporary, lhs, expr) \
  auto temporary = (expr);                                    \
  if (!temporary.ok()) return std::move(temporary).status();  \
  lhs = *std::move(temporary)

#endif  // RNNSERVE_CORE_BASE_STATUS_MACROS_H_
