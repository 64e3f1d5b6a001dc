// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_KERAS_CONFIG_CLEANER_H_
#define RNNSERVE_CORE_IMPORT_KERAS_CONFIG_CLEANER_H_

#include <nlohmann/json.hpp>
#include <string>

namespace rnnserve {

// The name under which a serialized object is looked up: that under which its class was registered
// in Keras ("package>Name"), else its class name. A class of somebody else that was not registered
// gets its module before the name, so that a "mine.LSTM" is not taken for the LSTM of Keras.
std::string RegisteredNameOf(const nlohmann::json& object);

// The JSON of a bundle for that of a model which Keras 3 serialized: the same objects, less what
// only training and Python need (`trainable` stays where it is false). Further:
//
//  - a dtype policy becomes its name, and a serialized scalar the number;
//  - of a tensor in `inbound_nodes` only `keras_history` is kept;
//  - the number with which a NotEqual compares moves from its call to "value" in its config;
//  - Keras counts the calls of a model in the model from 1 in `output_layers`, and from 0
//    everywhere else: here it is 0.
nlohmann::json CleanKerasConfig(const nlohmann::json& value);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_KERAS_CONFIG_CLEANER_H_
