// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_BUILTIN_LAYERS_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_BUILTIN_LAYERS_H_

namespace rnnserve {

class LayerRegistry;

// The layers that rnnserve knows. Each function registers the Keras classes that one file in this
// folder implements: the class that it is named after, and the classes listed in the comment next
// to it.

// Recurrent layers: RNN, SimpleRNN, LSTM, GRU, ConvLSTM1D, ConvLSTM2D, ConvLSTM3D.
void RegisterRecurrent(LayerRegistry& registry);
void RegisterBidirectional(LayerRegistry& registry);
void RegisterProgram(LayerRegistry& registry);  // rnnserve>Program
void RegisterTimeDistributed(LayerRegistry& registry);

// Layers that compute each vector or element on its own.
void RegisterActivation(LayerRegistry& registry);
void RegisterDense(LayerRegistry& registry);
void RegisterElementAffine(LayerRegistry& registry);  // BatchNormalization, Rescaling
void RegisterElu(LayerRegistry& registry);
void RegisterEmbedding(LayerRegistry& registry);
void RegisterGroupNormalization(LayerRegistry& registry);
void RegisterIdentity(LayerRegistry& registry);  // also ActivityRegularization
void RegisterLayerNormalization(LayerRegistry& registry);
void RegisterMasking(LayerRegistry& registry);
void RegisterNormalization(LayerRegistry& registry);
void RegisterPrelu(LayerRegistry& registry);
void RegisterRelu(LayerRegistry& registry);  // also LeakyReLU
void RegisterSoftmax(LayerRegistry& registry);
void RegisterVectorNormalization(LayerRegistry& registry);  // RMS-, UnitNormalization

// Layers that are random in training: Dropout, SpatialDropout1D, AlphaDropout, GaussianDropout,
// GaussianNoise.
void RegisterNoise(LayerRegistry& registry);

// Layers that change the shape.
void RegisterPermute(LayerRegistry& registry);
void RegisterReshape(LayerRegistry& registry);   // also Flatten, and the operation ExpandDims
void RegisterTimeCopy(LayerRegistry& registry);  // Cropping1D, RepeatVector, UpSampling1D,
                                                 // ZeroPadding1D

// Convolutions and pooling over time.
void RegisterConv1d(LayerRegistry& registry);         // also DepthwiseConv1D, SeparableConv1D
void RegisterGlobalPooling(LayerRegistry& registry);  // GlobalAverage-, GlobalMaxPooling1D
void RegisterPooling(LayerRegistry& registry);        // Average-, MaxPooling1D

// Layers that merge several inputs.
void RegisterConcatenate(LayerRegistry& registry);
void RegisterDot(LayerRegistry& registry);
void RegisterElementwiseMerge(LayerRegistry& registry);  // Add, Average, Maximum, Minimum,
                                                         // Multiply, Subtract, and LogicalOr

// Operations on masks, which Keras saves as if they were layers: Any, NotEqual, OnesLike,
// ZerosLike.
void RegisterMaskOperation(LayerRegistry& registry);

// All of the functions above.
using RegisterLayers = void (*)(LayerRegistry& registry);
inline constexpr RegisterLayers kBuiltInLayers[] = {
    RegisterActivation,
    RegisterBidirectional,
    RegisterConcatenate,
    RegisterConv1d,
    RegisterDense,
    RegisterDot,
    RegisterElementAffine,
    RegisterElementwiseMerge,
    RegisterElu,
    RegisterEmbedding,
    RegisterGlobalPooling,
    RegisterGroupNormalization,
    RegisterIdentity,
    RegisterLayerNormalization,
    RegisterMaskOperation,
    RegisterMasking,
    RegisterNoise,
    RegisterNormalization,
    RegisterPermute,
    RegisterPooling,
    RegisterPrelu,
    RegisterProgram,
    RegisterRecurrent,
    RegisterRelu,
    RegisterReshape,
    RegisterSoftmax,
    RegisterTimeCopy,
    RegisterTimeDistributed,
    RegisterVectorNormalization,
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_BUILTIN_LAYERS_H_
