// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_KERAS_CONFIG_CLEANER_H_
#define RNNSERVE_CORE_IMPORT_KERAS_CONFIG_CLEANER_H_

#include <nlohmann/json.hpp>
#include <string>

namespace rnnserve {

// Returns the name by which the class of a serialized object is looked up: the name under which it
// was registered in Keras ("package>Name"), else its class name. An unregistered class that is not
// part of Keras gets its module as a prefix ("mine>LSTM", or "__main__>LSTM" if it was defined in
// the script that saved it), so that it is not taken for the LSTM of Keras.
std::string RegisteredNameOf(const nlohmann::json& object);

// Converts the JSON of a model that Keras 3 serialized to the JSON of a bundle. The objects are the
// same, without the keys that only training and Python need; `trainable` stays if it is false.
// Also:
//
//  - a dtype policy becomes its name, and a serialized scalar becomes a number;
//  - a tensor in `inbound_nodes` keeps only `keras_history`;
//  - the number with which a NotEqual compares moves from its call to "value" in its config;
//  - the calls of a Functional inside a model are counted from 0. Keras counts them from 1 in
//    `output_layers`, and from 0 everywhere else.
nlohmann::json CleanKerasConfig(const nlohmann::json& value);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_KERAS_CONFIG_CLEANER_H_
