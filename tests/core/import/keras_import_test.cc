// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Imports small models in the form in which Keras saves them, and tests the errors for invalid
// ones. The goldens show that real files give the right numbers.

#include "core/import/keras_import.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/core/import/hdf5_image.h"
#include "tests/core/model/keras_json.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// A model of an InputLayer with 1 feature, a SimpleRNN with 1 unit and a Dense layer with 1 unit.
class KerasImportTest : public ::testing::Test {
 protected:
  KerasImportTest() {
    layers_ = {InputJson(1), LayerJson("SimpleRNN", "rnn", {{"units", 1}}),
               LayerJson("Dense", "dense", {{"units", 1}, {"use_bias", false}})};
    AddCell("layers/simple_rnn/cell/vars/");
    weights_.AddVariable("layers/dense/vars/0", {1, 1}, {5});
    weights_.SetOwner("layers/dense/vars", "dense");
  }

  void AddCell(const std::string& group) {
    weights_.AddVariable(group + "0", {1, 1}, {2});
    weights_.AddVariable(group + "1", {1, 1}, {3});
    weights_.AddVariable(group + "2", {1}, {4});
  }

  absl::StatusOr<Bundle> Import() {
    KerasArchive archive;
    archive.metadata = metadata_;
    archive.config = SequentialJson(layers_).dump();
    archive.weights = weights_.Bytes();
    return ImportKeras(archive, registry_);
  }

  LayerRegistry registry_ = LayerRegistry::BuiltIn();
  std::string metadata_ = R"({"keras_version": "3.15.1"})";
  std::vector<Json> layers_;
  Hdf5Image weights_;
};

std::vector<std::string> NamesOf(const WeightTable& weights) {
  std::vector<std::string> names;
  for (const auto& [name, weight] : weights) names.push_back(name);
  return names;
}

TEST_F(KerasImportTest, NamesTheWeights) {
  const auto bundle = Import();

  ASSERT_THAT(bundle, IsOk());
  EXPECT_THAT(NamesOf(bundle->weights),
              ElementsAre("dense/kernel", "rnn/bias", "rnn/kernel", "rnn/recurrent_kernel"));
  EXPECT_THAT(bundle->weights.at("rnn/recurrent_kernel").values.span(), ElementsAre(3));
  EXPECT_THAT(bundle->generator, HasSubstr("Keras 3.15.1"));
}

TEST_F(KerasImportTest, KeepsOnlyKeysThatMatterForComputing) {
  layers_[1]["module"] = "keras.layers";
  layers_[1]["registered_name"] = nullptr;
  layers_[1]["build_config"] = {{"input_shape", {nullptr, nullptr, 1}}};
  layers_[1]["config"]["kernel_initializer"] = {{"class_name", "Zeros"},
                                                {"config", Json::object()}};
  layers_[1]["config"]["bias_regularizer"] = nullptr;
  layers_[1]["config"]["dtype"] = {{"module", "keras"},
                                   {"class_name", "DTypePolicy"},
                                   {"config", {{"name", "float32"}}},
                                   {"shared_object_id", 140140803831568}};

  const auto bundle = Import();

  ASSERT_THAT(bundle, IsOk());
  EXPECT_EQ(bundle->model["config"]["layers"][1],
            LayerJson("SimpleRNN", "rnn", {{"units", 1}, {"dtype", "float32"}}));
}

TEST_F(KerasImportTest, KeepsASequentialInTheSequential) {
  const Json inner = SequentialJson({InputJson(1), layers_[1], layers_[1]}, "inner");
  layers_ = {InputJson(1), inner, layers_[2]};
  layers_[1]["config"]["layers"][1]["config"]["return_sequences"] = true;
  layers_[1]["config"]["layers"][2]["config"]["name"] = "last";
  AddCell("layers/sequential/layers/simple_rnn/cell/vars/");
  AddCell("layers/sequential/layers/simple_rnn_1/cell/vars/");
  H5Ldelete(weights_.file(), "layers/simple_rnn", H5P_DEFAULT);

  const auto bundle = Import();

  ASSERT_THAT(bundle, IsOk());
  EXPECT_EQ(bundle->model["config"]["layers"][1], layers_[1]);
  EXPECT_TRUE(bundle->weights.contains("inner/rnn/kernel"));
  EXPECT_TRUE(bundle->weights.contains("inner/last/kernel"));
}

TEST_F(KerasImportTest, CopiesTheWeightsOfALayerThatIsAlsoInAModelInTheModel) {
  layers_[2]["shared_object_id"] = 17;
  layers_[2]["config"]["units"] = 1;
  layers_.push_back(SequentialJson({InputJson(1), layers_[2]}, "inner"));

  const auto bundle = Import();

  ASSERT_THAT(bundle, IsOk());
  EXPECT_THAT(bundle->weights.at("dense/kernel").values.span(), ElementsAre(5));
  EXPECT_THAT(bundle->weights.at("inner/dense/kernel").values.span(), ElementsAre(5));
}

TEST_F(KerasImportTest, NamesAllUnsupportedLayersBeforeItReadsTheWeights) {
  layers_.push_back(LayerJson("Conv9D", "conv"));
  layers_.push_back(LayerJson("Lambda", "lambda"));
  KerasArchive archive;
  archive.metadata = metadata_;
  archive.config = SequentialJson(layers_).dump();
  archive.weights = "garbage";

  EXPECT_THAT(ImportKeras(archive, LayerRegistry::BuiltIn()),
              StatusIs(absl::StatusCode::kUnimplemented,
                       AllOf(HasSubstr("layer 'conv' (Conv9D), layer 'lambda' (Lambda)"),
                             Not(HasSubstr("dense"))),
                       "LAYER_UNSUPPORTED"));
}

TEST_F(KerasImportTest, DoesNotTakeAForeignClassForOneOfKeras) {
  layers_[1]["module"] = "mine.layers";
  layers_[1]["registered_name"] = "SimpleRNN";

  EXPECT_THAT(Import(), StatusIs(absl::StatusCode::kUnimplemented,
                                 HasSubstr("(mine.layers>SimpleRNN)"), "LAYER_UNSUPPORTED"));
}

TEST_F(KerasImportTest, AsksForTheConfigurationOfWeightsInHdf5) {
  EXPECT_THAT(ImportHdf5(weights_.Bytes(), registry_),
              StatusIs(kInvalid, HasSubstr("--config CONFIG.json"), "MODEL_FORMAT"));
}

TEST(ImportHdf5Test, AsksForTheConfigurationOfWeightsOfKeras2) {
  Hdf5Image weights;
  weights.SetStrings("/", "layer_names", {"dense"});

  EXPECT_THAT(ImportHdf5(weights.Bytes(), LayerRegistry::BuiltIn()),
              StatusIs(kInvalid, HasSubstr("--config CONFIG.json"), "MODEL_FORMAT"));
}

TEST(ImportHdf5Test, TellsThatKerasDidNotWriteTheFile) {
  Hdf5Image measurements;
  measurements.AddVariable("temperature", {2}, {1, 2});

  EXPECT_THAT(ImportHdf5(measurements.Bytes(), LayerRegistry::BuiltIn()),
              StatusIs(kInvalid, HasSubstr("Keras did not write"), "MODEL_FORMAT"));
}

TEST_F(KerasImportTest, RefusesAModelOfAnotherClass) {
  KerasArchive archive;
  archive.metadata = metadata_;
  archive.config = LayerJson("MyModel", "model").dump();

  EXPECT_THAT(
      ImportKeras(archive, LayerRegistry::BuiltIn()),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("'MyModel'"), "MODEL_UNSUPPORTED"));
}

TEST_F(KerasImportTest, RefusesFilesOfKeras1) {
  metadata_ = R"({"keras_version": "1.2.2"})";

  EXPECT_THAT(Import(), StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("Keras 1.2.2"),
                                 "KERAS_VERSION"));
}

TEST_F(KerasImportTest, ConvertsFilesOfKeras2) {
  metadata_ = R"({"keras_version": "2.15.0"})";
  layers_[1]["config"]["time_major"] = false;
  layers_[1]["config"]["activation"] = "hard_sigmoid";

  const auto bundle = Import();

  ASSERT_THAT(bundle, IsOk());
  EXPECT_EQ(bundle->model["config"]["layers"][1]["config"],
            Json({{"name", "rnn"}, {"units", 1}, {"activation", "hard_sigmoid_v1"}}));
}

TEST_F(KerasImportTest, RefusesMetadataWithoutAVersion) {
  for (const char* metadata : {"{}", "[]", R"({"keras_version": 3})"}) {
    metadata_ = metadata;
    EXPECT_THAT(Import(), StatusIs(kInvalid, HasSubstr("'keras_version'"), "MODEL_FORMAT"))
        << metadata;
  }
}

TEST_F(KerasImportTest, RefusesAConfigurationThatIsNotJson) {
  KerasArchive archive;
  archive.metadata = metadata_;
  archive.config = "{";

  EXPECT_THAT(ImportKeras(archive, LayerRegistry::BuiltIn()),
              StatusIs(kInvalid, HasSubstr("config.json"), "MODEL_FORMAT"));
}

TEST_F(KerasImportTest, RefusesWeightsOfAnotherLayer) {
  weights_.AddGroup("layers/simple_rnn/vars");
  weights_.SetOwner("layers/simple_rnn/vars", "rnn_before");

  EXPECT_THAT(Import(), StatusIs(kInvalid,
                                 HasSubstr("'layers/simple_rnn/vars' belongs to 'rnn_before', but "
                                           "config.json has 'rnn' there"),
                                 "MODEL_WEIGHTS"));
}

TEST_F(KerasImportTest, NamesAMissingGroup) {
  H5Ldelete(weights_.file(), "layers/dense", H5P_DEFAULT);

  EXPECT_THAT(Import(),
              StatusIs(kInvalid, HasSubstr("'layers/dense/vars' is missing"), "MODEL_WEIGHTS"));
}

TEST_F(KerasImportTest, RefusesTooManyAndTooFewVariables) {
  weights_.AddVariable("layers/dense/vars/1", {1}, {1});
  EXPECT_THAT(Import(), StatusIs(kInvalid, HasSubstr("has 2 variables, not the 1 of its layer"),
                                 "MODEL_WEIGHTS"));

  H5Ldelete(weights_.file(), "layers/dense/vars/1", H5P_DEFAULT);
  H5Ldelete(weights_.file(), "layers/simple_rnn/cell/vars/2", H5P_DEFAULT);
  EXPECT_THAT(Import(),
              StatusIs(kInvalid, HasSubstr("has 2 variables, not the 3"), "MODEL_WEIGHTS"));
}

TEST_F(KerasImportTest, RefusesVariablesThatAreLeftOver) {
  weights_.AddVariable("layers/dense_1/vars/0", {1, 1}, {1});

  EXPECT_THAT(Import(), StatusIs(kInvalid, HasSubstr("'layers/dense_1/vars' has 1 variables that"),
                                 "MODEL_WEIGHTS"));
}

// A layer that returns its input and requests no weights.
class WeightlessLayer final : public Layer {
 public:
  WeightlessLayer(const KerasConfig& config, const ValueSpec& input) : Layer(config, input) {}

  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& /*registry*/,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& /*weights*/) {
    return std::make_unique<WeightlessLayer>(config, input);
  }

  void Run(const LayerRun& run) const override {
    for (int64_t t = 0; t < run.x.time; ++t) Copy(run.x.At(t), run.y.At(t));
  }
};

TEST_F(KerasImportTest, RefusesWeightsOfAClassThatIsRegisteredWithoutAny) {
  registry_.Register("Scale", WeightlessLayer::Create, {.variables = LayerVariables::None()});
  layers_.push_back(LayerJson("Scale", "scale"));
  weights_.AddVariable("layers/scale/vars/0", {1}, {7});

  EXPECT_THAT(Import(),
              StatusIs(kInvalid, HasSubstr("'layers/scale/vars' has 1 variables, not the 0"),
                       "MODEL_WEIGHTS"));
}

TEST_F(KerasImportTest, RefusesAWeightThatTheLayerDoesNotRequest) {
  registry_.Register("Scale", WeightlessLayer::Create,
                     {.variables = LayerVariables::Of({{"scale"}})});
  layers_.push_back(LayerJson("Scale", "scale"));
  weights_.AddVariable("layers/scale/vars/0", {1}, {7});

  EXPECT_THAT(Import(), StatusIs(kInvalid, HasSubstr("scale/scale"), "MODEL_WEIGHTS"));
}

TEST_F(KerasImportTest, RefusesAWeightOfAnotherShape) {
  layers_[1]["config"]["units"] = 2;

  EXPECT_THAT(Import(),
              StatusIs(kInvalid, HasSubstr("'rnn/kernel' has shape [1, 1]"), "MODEL_WEIGHTS"));
}

TEST_F(KerasImportTest, GivesTheSameDigestEveryTime) {
  const auto first = Import();
  layers_[1]["shared_object_id"] = 17;
  const auto second = Import();

  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(BundleDigest(*first), BundleDigest(*second));
}

// The demo's models were trained by Keras.
TEST(KerasImportDemoTest, ImportsEveryModelOfTheDemo) {
  int num_models = 0;
  const std::string folder = std::string(RNNSERVE_SOURCE_DIR) + "/client/demo/models";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".keras") continue;
    const auto archive = ReadKerasArchive(entry.path(), KerasArchiveLimits());
    ASSERT_THAT(archive, IsOk()) << entry.path();
    EXPECT_THAT(ImportKeras(*archive, LayerRegistry::BuiltIn()), IsOk()) << entry.path();
    ++num_models;
  }
  EXPECT_GE(num_models, 2);
}

}  // namespace
}  // namespace rnnserve::testing
