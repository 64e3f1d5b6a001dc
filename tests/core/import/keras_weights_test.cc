// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Reads files of weights in the form that Keras writes, and other HDF5 files, which must be
// refused.

#include "core/import/keras_weights.h"

#include <gtest/gtest.h>

#include "tests/core/import/hdf5_image.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(KerasWeightsTest, ReadsTheVariablesOfEveryGroup) {
  Hdf5Image image;
  image.AddVariable("layers/dense/vars/0", {2, 1}, {1, 2});
  image.AddVariable("layers/dense/vars/1", {1}, {3});
  image.AddGroup("layers/dropout/vars");
  image.SetOwner("layers/dense/vars", "d\u00e4nse");

  const auto weights = ReadKerasWeights(image.Bytes());

  ASSERT_THAT(weights, IsOk());
  ASSERT_EQ(weights->size(), 2);
  const KerasVariables& dense = weights->at("layers/dense/vars");
  EXPECT_EQ(dense.owner, "d\u00e4nse");
  ASSERT_EQ(dense.values.size(), 2);
  EXPECT_EQ(dense.values[0].shape, Shape({2, 1}));
  EXPECT_THAT(dense.values[0].values.span(), ElementsAre(1, 2));
  EXPECT_THAT(dense.values[1].values.span(), ElementsAre(3));
  EXPECT_TRUE(weights->at("layers/dropout/vars").values.empty());
  EXPECT_EQ(weights->at("layers/dropout/vars").owner, "");
}

TEST(KerasWeightsTest, KeepsTheOrderBeyondTenVariables) {
  Hdf5Image image;
  for (int i = 0; i < 12; ++i) {
    image.AddVariable("layers/x/vars/" + std::to_string(i), {1}, {static_cast<float>(i)});
  }

  const auto weights = ReadKerasWeights(image.Bytes());

  ASSERT_THAT(weights, IsOk());
  EXPECT_THAT(weights->at("layers/x/vars").values[10].values.span(), ElementsAre(10));
}

TEST(KerasWeightsTest, ReadsScalarsAndCompactDatasets) {
  Hdf5Image image;
  image.AddVariable("layers/x/vars/0", {}, {7});
  const hid_t compact = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_layout(compact, H5D_COMPACT);
  image.AddDataset("layers/y/vars/0", H5T_IEEE_F32LE, {2}, compact);
  H5Pclose(compact);

  const auto weights = ReadKerasWeights(image.Bytes());

  ASSERT_THAT(weights, IsOk());
  EXPECT_EQ(weights->at("layers/x/vars").values[0].shape, Shape());
  EXPECT_THAT(weights->at("layers/y/vars").values[0].values.span(), ElementsAre(0, 0));
}

TEST(KerasWeightsTest, LeavesOutVariablesThatOnlyTrainingNeeds) {
  Hdf5Image image;
  image.AddDataset("optimizer/vars/0", H5T_STD_I64LE, {1});
  image.AddDataset("layers/dropout/seed_generator/vars/0", H5T_STD_U32LE, {2});

  const auto weights = ReadKerasWeights(image.Bytes());

  ASSERT_THAT(weights, IsOk());
  EXPECT_TRUE(weights->empty());
}

TEST(KerasWeightsTest, RefusesAFileThatIsNotHdf5) {
  EXPECT_THAT(ReadKerasWeights(""),
              StatusIs(kInvalid, HasSubstr("not a HDF5 file"), "MODEL_WEIGHTS"));
  EXPECT_THAT(ReadKerasWeights(std::string(4096, 'g')),
              StatusIs(kInvalid, HasSubstr("not a HDF5 file"), "MODEL_WEIGHTS"));
}

TEST(KerasWeightsTest, RefusesATruncatedFile) {
  Hdf5Image image;
  image.AddVariable("layers/dense/vars/0", {8, 8}, std::vector<float>(64, 1.0f));
  image.SetOwner("layers/dense/vars", "dense");
  const std::string whole = image.Bytes();

  for (size_t size = 0; size < whole.size(); size += 64) {
    EXPECT_THAT(ReadKerasWeights(whole.substr(0, size)),
                StatusIs(kInvalid, HasSubstr("model.weights.h5"), "MODEL_WEIGHTS"))
        << "cut off after " << size;
  }
}

TEST(KerasWeightsTest, FollowsNoSoftLink) {
  Hdf5Image image;
  image.AddVariable("layers/dense/vars/0", {1}, {1});
  H5Lcreate_soft("/layers/dense", image.file(), "layers/other", H5P_DEFAULT, H5P_DEFAULT);

  EXPECT_THAT(ReadKerasWeights(image.Bytes()),
              StatusIs(kInvalid, HasSubstr("'layers/other' is a link"), "MODEL_WEIGHTS"));
}

TEST(KerasWeightsTest, FollowsNoLinkToAnotherFile) {
  Hdf5Image image;
  image.AddGroup("layers/dense/vars");
  H5Lcreate_external("/etc/passwd", "/", image.file(), "layers/dense/vars/0", H5P_DEFAULT,
                     H5P_DEFAULT);

  EXPECT_THAT(ReadKerasWeights(image.Bytes()),
              StatusIs(kInvalid, HasSubstr("'layers/dense/vars/0' is a link"), "MODEL_WEIGHTS"));
}

TEST(KerasWeightsTest, RefusesAGroupInsideItself) {
  Hdf5Image image;
  image.AddGroup("layers/dense");
  H5Lcreate_hard(image.file(), "layers", image.file(), "layers/dense/again", H5P_DEFAULT,
                 H5P_DEFAULT);

  EXPECT_THAT(ReadKerasWeights(image.Bytes()),
              StatusIs(kInvalid, HasSubstr("'layers/dense/again' is reached by two paths"),
                       "MODEL_WEIGHTS"));
}

TEST(KerasWeightsTest, RefusesAVariableUnderTwoNames) {
  Hdf5Image image;
  image.AddVariable("layers/dense/vars/0", {1}, {1});
  H5Lcreate_hard(image.file(), "layers/dense/vars/0", image.file(), "layers/dense/vars/1",
                 H5P_DEFAULT, H5P_DEFAULT);

  EXPECT_THAT(ReadKerasWeights(image.Bytes()),
              StatusIs(kInvalid, HasSubstr("two paths"), "MODEL_WEIGHTS"));
}

TEST(KerasWeightsTest, RefusesAGapInTheNumbering) {
  Hdf5Image image;
  image.AddVariable("layers/dense/vars/0", {1}, {1});
  image.AddVariable("layers/dense/vars/2", {1}, {1});

  EXPECT_THAT(ReadKerasWeights(image.Bytes()),
              StatusIs(kInvalid, HasSubstr("2 variables, but none is '1'"), "MODEL_WEIGHTS"));
}

TEST(KerasWeightsTest, RefusesADatasetOutsideAVariablesGroup) {
  Hdf5Image image;
  image.AddVariable("layers/dense/0", {1}, {1});

  EXPECT_THAT(ReadKerasWeights(image.Bytes()),
              StatusIs(kInvalid, HasSubstr("'layers/dense/0' is not a group"), "MODEL_WEIGHTS"));
}

TEST(KerasWeightsTest, RefusesAGroupInPlaceOfAVariable) {
  Hdf5Image image;
  image.AddGroup("layers/dense/vars/0");

  EXPECT_THAT(ReadKerasWeights(image.Bytes()),
              StatusIs(kInvalid, HasSubstr("is not a dataset"), "MODEL_WEIGHTS"));
}

TEST(KerasWeightsTest, ConvertsEveryFloatingPointType) {
  const hid_t half = H5Tcopy(H5T_IEEE_F32LE);
  H5Tset_fields(half, 15, 10, 5, 0, 10);
  H5Tset_size(half, 2);
  H5Tset_ebias(half, 15);
  const float values[] = {1.5f, -2.0f};
  for (const hid_t type : {H5T_IEEE_F64LE, H5T_IEEE_F32BE, half}) {
    Hdf5Image image;
    image.AddDataset("vars/0", type, {2});
    const hid_t dataset = H5Dopen2(image.file(), "vars/0", H5P_DEFAULT);
    H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Dclose(dataset);

    const auto weights = ReadKerasWeights(image.Bytes());

    ASSERT_THAT(weights, IsOk());
    EXPECT_THAT(weights->at("vars").values[0].values.span(), ElementsAre(1.5f, -2.0f));
  }
  H5Tclose(half);
}

TEST(KerasWeightsTest, ReadsOpaqueTypesOfTwoBytesAsBfloat16) {
  const hid_t opaque = H5Tcreate(H5T_OPAQUE, 2);
  Hdf5Image image;
  image.AddDataset("vars/0", opaque, {2});
  const hid_t dataset = H5Dopen2(image.file(), "vars/0", H5P_DEFAULT);
  const uint16_t values[] = {0x3fc0, 0xc000};
  H5Dwrite(dataset, opaque, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  H5Dclose(dataset);
  H5Tclose(opaque);

  const auto weights = ReadKerasWeights(image.Bytes());

  ASSERT_THAT(weights, IsOk());
  EXPECT_THAT(weights->at("vars").values[0].values.span(), ElementsAre(1.5f, -2.0f));
}

TEST(KerasWeightsTest, ReadsWholeNumbers) {
  Hdf5Image image;
  image.AddDataset("vars/0", H5T_STD_I64LE, {2});
  const hid_t dataset = H5Dopen2(image.file(), "vars/0", H5P_DEFAULT);
  const int64_t values[] = {3, -4};
  H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  H5Dclose(dataset);

  const auto weights = ReadKerasWeights(image.Bytes());

  ASSERT_THAT(weights, IsOk());
  EXPECT_THAT(weights->at("vars").values[0].values.span(), ElementsAre(3.0f, -4.0f));
}

TEST(KerasWeightsTest, NamesAVariableOfAnotherType) {
  Hdf5Image image;
  image.AddDataset("layers/dense/vars/0", H5T_C_S1, {1});

  EXPECT_THAT(ReadKerasWeights(image.Bytes()),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("'layers/dense/vars/0'"),
                       "DTYPE_UNSUPPORTED"));
}

TEST(KerasWeightsTest, RefusesChunkedDatasetsOfAnySize) {
  const hid_t chunked = H5Pcreate(H5P_DATASET_CREATE);
  const hsize_t chunk[] = {1, 1};
  H5Pset_chunk(chunked, 2, chunk);
  Hdf5Image image;
  image.AddDataset("layers/dense/vars/0", H5T_IEEE_F32LE, {1 << 20, 1 << 20}, chunked);
  H5Pclose(chunked);

  EXPECT_THAT(ReadKerasWeights(image.Bytes()),
              StatusIs(kInvalid, HasSubstr("is chunked"), "MODEL_WEIGHTS"));
}

TEST(KerasWeightsTest, RefusesADatasetInAnotherFile) {
  const hid_t external = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_external(external, "/etc/passwd", 0, 4);
  Hdf5Image image;
  image.AddDataset("layers/dense/vars/0", H5T_IEEE_F32LE, {1}, external);
  H5Pclose(external);

  EXPECT_THAT(ReadKerasWeights(image.Bytes()),
              StatusIs(kInvalid, HasSubstr("lies in another file"), "MODEL_WEIGHTS"));
}

TEST(KerasWeightsTest, RefusesMoreElementsThanAreStored) {
  Hdf5Image image;
  image.AddDataset("layers/dense/vars/0", H5T_IEEE_F32LE, {1 << 14, 1 << 14});

  EXPECT_THAT(
      ReadKerasWeights(image.Bytes()),
      StatusIs(kInvalid, HasSubstr("takes 1073741824 bytes, but stores 0"), "MODEL_WEIGHTS"));
}

TEST(KerasWeightsTest, RefusesMoreBytesThanTheLimit) {
  Hdf5Image image;
  image.AddDataset("layers/dense/vars/0", H5T_IEEE_F32LE, {1 << 20, 1 << 20});

  EXPECT_THAT(ReadKerasWeights(image.Bytes()),
              StatusIs(kInvalid, HasSubstr("only 4294967296 bytes"), "MODEL_TOO_LARGE"));
}

TEST(KerasWeightsTest, RefusesGroupsNestedTooDeep) {
  Hdf5Image image;
  std::string path = "layers";
  for (int i = 0; i < 40; ++i) path += "/x";
  image.AddGroup(path);

  EXPECT_THAT(ReadKerasWeights(image.Bytes()),
              StatusIs(kInvalid, HasSubstr("more than 32 deep"), "MODEL_WEIGHTS"));
}

TEST(KerasWeightsTest, RefusesAnOwnerThatIsNotAString) {
  Hdf5Image image;
  image.AddGroup("layers/dense/vars");
  const hid_t group = H5Gopen2(image.file(), "layers/dense/vars", H5P_DEFAULT);
  const hid_t space = H5Screate(H5S_SCALAR);
  H5Aclose(H5Acreate2(group, "name", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT));
  H5Sclose(space);
  H5Gclose(group);

  EXPECT_THAT(
      ReadKerasWeights(image.Bytes()),
      StatusIs(kInvalid, HasSubstr("attribute 'name' that holds no strings"), "MODEL_WEIGHTS"));
}

}  // namespace
}  // namespace rnnserve::testing
