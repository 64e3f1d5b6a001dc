// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/columns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/column_batch.h"

// Tests views of columns, and the memory that they point to.

namespace rnnserve {
namespace {

using ::rnnserve::testing::ColumnBatch;
using ::testing::ElementsAre;

TEST(PaddedRowsTest, RoundsUpToSixteen) {
  EXPECT_EQ(PaddedRows(0), 0);
  EXPECT_EQ(PaddedRows(1), 16);
  EXPECT_EQ(PaddedRows(16), 16);
  EXPECT_EQ(PaddedRows(17), 32);
}

TEST(ColumnsTest, AColumnIsContiguousAndAStrideApart) {
  float memory[64] = {};
  const Columns columns{memory, 3, 2, 32};

  EXPECT_EQ(columns.column(0), memory);
  EXPECT_EQ(columns.column(1), memory + 32);
}

TEST(ColumnsTest, VectorHasTheValuesAndPaddedAlsoThePadding) {
  ColumnBatch batch({{1, 2, 3}, {4, 5, 6}});
  const Columns columns = batch.columns();

  EXPECT_EQ(columns.vector(1).size(), 3);
  EXPECT_EQ(columns.vector(1).sum(), 15.0f);
  EXPECT_EQ(columns.padded(1).size(), 16);
  EXPECT_EQ(columns.padded(1).data(), columns.column(1));
}

TEST(ColumnsTest, RowsAndBlockNarrowEveryColumn) {
  ColumnBatch batch(48, 2);
  const Columns columns = batch.columns();

  const Columns rows = columns.Rows(16, 20);
  const Columns block = columns.Block(2, 5);

  EXPECT_EQ(rows.rows, 20);
  EXPECT_EQ(rows.column(1), columns.column(1) + 16);
  EXPECT_EQ(block.rows, 5);
  EXPECT_EQ(block.column(1), columns.column(1) + 32);
}

TEST(ColumnsTest, ASliceHasSomeOfTheColumns) {
  ColumnBatch batch(4, 3);

  EXPECT_EQ(batch.columns().Slice(1, 2).cols, 2);
  EXPECT_EQ(batch.columns().Slice(1, 2).column(1), batch.columns().column(2));
}

TEST(ColumnsTest, TakeColumnsDividesMemoryIntoAlignedParts) {
  AlignedBuffer buffer(ColumnsSize(17, 3) + ColumnsSize(5, 3));
  float* memory = buffer.data();

  const Columns first = TakeColumns(memory, 17, 3);
  const Columns second = TakeColumns(memory, 5, 3);

  EXPECT_EQ(first.column(2), buffer.data() + 64);
  EXPECT_EQ(second.data, buffer.data() + 96);
  EXPECT_EQ(second.cols, 3);
  EXPECT_EQ(memory, buffer.data() + buffer.size());
}

TEST(ColumnsTest, CopyCopiesEveryColumn) {
  ColumnBatch from({{1, 2, 3}, {4, 5, 6}});
  ColumnBatch to(3, 2);

  Copy(from.columns(), to.columns());

  EXPECT_THAT(to.values(0), ElementsAre(1, 2, 3));
  EXPECT_THAT(to.values(1), ElementsAre(4, 5, 6));
}

}  // namespace
}  // namespace rnnserve
