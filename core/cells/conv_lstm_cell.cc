// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/conv_lstm_cell.h"

#include <algorithm>
#include <vector>

#include "core/base/status_macros.h"
#include "core/kernels/product.h"

namespace rnnserve {
namespace {

// Returns the convolution of h, whose input and output both have the size of the cell's output.
Convolution RecurrentConvolution(const ConvLstmOptions& options) {
  std::vector<ConvolutionAxis> axes;
  for (const ConvolutionAxis& axis : options.axes) {
    axes.push_back(ConvolutionAxis::Same(axis.output, axis.kernel, /*stride=*/1, /*dilation=*/1));
  }
  return Convolution(axes, options.filters, options.channels_first);
}

// Returns the image in column b as each gate sees it. Images with dropout applied are written to
// `scratch`.
template <typename Images>
Images ImagesOf(const CellDropout& dropout, const TrainingRun* training, ConstColumns columns,
                int64_t b, float*& scratch) {
  Images images;
  images.fill(columns.column(b));
  if (!dropout.ActsIn(training)) return images;
  for (int gate = 0; gate < lstm_gate::kCount; ++gate) {
    float* const image = TakeColumns(scratch, columns.rows, 1).column(0);
    dropout.DropFor(gate, *training, b, columns, image);
    images[static_cast<size_t>(gate)] = image;
  }
  return images;
}

// Calls product(gate, patches) for the positions from `first` on. Each gate gets one call, with the
// patches of its image. If all gates see the same image, there is a single call, with gate ==
// kAllGates.
constexpr int64_t kAllGates = -1;
template <typename Images, typename Product>
void ForPatches(const Convolution& convolution, const Images& images, int64_t first,
                int64_t num_positions, float* scratch, const Product& product) {
  const Columns patches = TakeColumns(scratch, convolution.patch_size(), num_positions);
  if (images.front() == images.back()) {
    convolution.Patches(images.front(), first, patches);
    return product(kAllGates, patches);
  }
  for (size_t gate = 0; gate < images.size(); ++gate) {
    convolution.Patches(images[gate], first, patches);
    product(static_cast<int64_t>(gate), patches);
  }
}

}  // namespace

CellRegistry::Factory ConvLstmCell::FactoryFor(int num_axes) {
  return [num_axes](const CellRegistry& /*registry*/, const KerasConfig& config,
                    const Shape& input_shape, WeightSource& weights) {
    return Create(num_axes, config, input_shape, weights);
  };
}

absl::StatusOr<std::unique_ptr<Cell>> ConvLstmCell::Create(int num_axes, const KerasConfig& config,
                                                           const Shape& input_shape,
                                                           WeightSource& weights) {
  RNNSERVE_ASSIGN_OR_RETURN(const auto options,
                            ConvLstmOptions::Read(config, num_axes, input_shape));
  RNNSERVE_ASSIGN_OR_RETURN(const auto dropouts, CellDropouts::ReadConvolutional(config));
  Weights read;
  RNNSERVE_ASSIGN_OR_RETURN(read.kernel,
                            weights.Weight("kernel", options.kernel_shape(options.channels)));
  RNNSERVE_ASSIGN_OR_RETURN(
      read.recurrent_kernel,
      weights.Weight("recurrent_kernel", options.kernel_shape(options.filters)));
  if (options.use_bias) {
    RNNSERVE_ASSIGN_OR_RETURN(read.bias,
                              weights.Weight("bias", {lstm_gate::kCount * options.filters}));
  }
  return std::unique_ptr<Cell>(new ConvLstmCell(options, dropouts, read));
}

ConvLstmCell::ConvLstmCell(const ConvLstmOptions& options, const CellDropouts& dropouts,
                           const Weights& weights)
    : Cell({.input = options.input_shape,
            .output = options.output_shape(),
            .states = {{"h", options.output_shape()}, {"c", options.output_shape()}},
            .constants = {}}),
      dropouts_(dropouts),
      input_convolution_(options.axes, options.channels, options.channels_first),
      recurrent_convolution_(RecurrentConvolution(options)),
      activation_(options.activation),
      recurrent_activation_(options.recurrent_activation),
      num_parameters_(static_cast<int64_t>(weights.kernel.size() + weights.recurrent_kernel.size() +
                                           weights.bias.size())),
      kernel_(weights.kernel, input_convolution_.patch_size(), lstm_gate::kCount, options.filters),
      recurrent_kernel_(weights.recurrent_kernel, recurrent_convolution_.patch_size(),
                        lstm_gate::kCount, options.filters),
      bias_(PackBias(weights.bias, lstm_gate::kCount, options.filters)) {}

int64_t ConvLstmCell::scratch_size(int64_t /*batch*/) const {
  const int64_t patch =
      std::max(input_convolution_.patch_size(), recurrent_convolution_.patch_size());
  return ColumnsSize(kernel_.output_rows(), kPositionsAtOnce) +
         ColumnsSize(patch, kPositionsAtOnce) +
         dropouts_.input.scratch_size(input_size(), lstm_gate::kCount) +
         dropouts_.state.scratch_size(output_size(), lstm_gate::kCount);
}

void ConvLstmCell::Step(const CellStep& step) const {
  const int64_t num_positions = input_convolution_.num_outputs();
  for (int64_t b = 0; b < step.x.cols; ++b) {
    float* images = step.scratch;
    const Images x = ImagesOf<Images>(dropouts_.input, step.training, step.x, b, images);
    const Images h = ImagesOf<Images>(dropouts_.state, step.training, step.state[0], b, images);
    for (int64_t first = 0; first < num_positions; first += kPositionsAtOnce) {
      float* scratch = images;
      const Columns gates = TakeColumns(scratch, kernel_.output_rows(),
                                        std::min(kPositionsAtOnce, num_positions - first));
      Gates(x, h, first, gates, scratch);
      Update(step, b, first, gates);
    }
  }
}

void ConvLstmCell::Gates(const Images& x, const Images& h, int64_t first, Columns gates,
                         float* scratch) const {
  ForPatches(input_convolution_, x, first, gates.cols, scratch,
             [&](int64_t gate, ConstColumns patches) {
               if (gate == kAllGates) return Affine(kernel_, bias_, patches, gates);
               AffineBlock(kernel_, gate, bias_, patches, gates);
             });
  ForPatches(recurrent_convolution_, h, first, gates.cols, scratch,
             [&](int64_t gate, ConstColumns patches) {
               if (gate == kAllGates) return AddProduct(recurrent_kernel_, patches, gates);
               AddBlockProduct(recurrent_kernel_, gate, patches, gates);
             });

  const int64_t filters = kernel_.units();
  Activate(recurrent_activation_, gates.Block(lstm_gate::kInput, filters));
  Activate(recurrent_activation_, gates.Block(lstm_gate::kForget, filters));
  Activate(activation_, gates.Block(lstm_gate::kCandidate, filters));
  Activate(recurrent_activation_, gates.Block(lstm_gate::kOutput, filters));
}

void ConvLstmCell::Update(const CellStep& step, int64_t b, int64_t first, Columns gates) const {
  const int64_t filters = kernel_.units();
  const Columns i = gates.Block(lstm_gate::kInput, filters);
  const Columns f = gates.Block(lstm_gate::kForget, filters);
  const Columns g = gates.Block(lstm_gate::kCandidate, filters);
  const Columns o = gates.Block(lstm_gate::kOutput, filters);
  const ImageLayout& image = recurrent_convolution_.input();
  const auto element = [&](int64_t position, int64_t filter) {
    return (first + position) * image.position_stride() + filter * image.channel_stride();
  };

  for (int64_t p = 0; p < gates.cols; ++p) {
    for (int64_t k = 0; k < filters; ++k) {
      const float c = step.state[1].column(b)[element(p, k)];
      const float next_c = f.column(p)[k] * c + i.column(p)[k] * g.column(p)[k];
      step.next_state[1].column(b)[element(p, k)] = next_c;
      g.column(p)[k] = next_c;
    }
  }
  Activate(activation_, g);
  for (int64_t p = 0; p < gates.cols; ++p) {
    for (int64_t k = 0; k < filters; ++k) {
      const float next_h = o.column(p)[k] * g.column(p)[k];
      step.next_state[0].column(b)[element(p, k)] = next_h;
      step.y.column(b)[element(p, k)] = next_h;
    }
  }
}

}  // namespace rnnserve
