// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
