# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes cells and layers with states as PyTorch's own exporter writes them.

usage: export_torch.py [FOLDER]    (default: exported/ next to this file; needs torch and onnx)

The files are small and committed, so that the comparison with ONNX Runtime needs no PyTorch. Every
module takes x and its states, and returns y and the states after the step.
"""

import pathlib
import sys
import warnings

import torch
from torch import nn
from torch.nn import functional as F

BATCH, WIDTH, HIDDEN = 2, 5, 6


class MinGru(nn.Module):
    def __init__(self):
        super().__init__()
        self.gates = nn.Linear(WIDTH, 2 * HIDDEN)

    def forward(self, x, h):
        gate, candidate = self.gates(x).chunk(2, dim=-1)
        candidate = torch.where(candidate >= 0, candidate + 0.5, torch.sigmoid(candidate))
        z = torch.sigmoid(gate)
        h = (1 - z) * h + z * candidate
        return h, h


class LayerNormLstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.of_x = nn.Linear(WIDTH, 4 * HIDDEN)
        self.of_h = nn.Linear(HIDDEN, 4 * HIDDEN, bias=False)
        self.gates = nn.LayerNorm(4 * HIDDEN)
        self.memory = nn.LayerNorm(HIDDEN)

    def forward(self, x, h, c):
        i, f, g, o = self.gates(self.of_x(x) + self.of_h(h)).split(HIDDEN, dim=1)
        c = torch.sigmoid(f + 1) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(self.memory(c))
        return h, h, c


class OfCell(nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def forward(self, x, *states):
        after = self.cell(x, states if len(states) > 1 else states[0])
        after = after if isinstance(after, tuple) else (after,)
        return (after[0], *after)


class OfLayer(nn.Module):
    """nn.LSTM, nn.GRU or nn.RNN over one timestep."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x, *states):
        y, after = self.layer(x[:, None], states if len(states) > 1 else states[0])
        return (y[:, 0], *(after if isinstance(after, tuple) else (after,)))


class MatrixLstm(nn.Module):
    """mLSTM of xLSTM, with its stabilizer."""

    def __init__(self):
        super().__init__()
        self.projection = nn.Linear(WIDTH, 3 * HIDDEN)
        self.gates = nn.Linear(WIDTH, 2)

    def forward(self, x, c, n, m):
        q, k, v = self.projection(x).chunk(3, dim=-1)
        k = k / HIDDEN**0.5
        i, f = self.gates(x).chunk(2, dim=-1)
        f = F.logsigmoid(f)
        after = torch.maximum(f + m, i)
        keep, write = torch.exp(f + m - after), torch.exp(i - after)
        c = keep[..., None] * c + write[..., None] * torch.einsum("bi,bj->bij", v, k)
        n = keep * n + write * k
        size = torch.abs(torch.sum(n * q, dim=-1, keepdim=True))
        y = torch.einsum("bij,bj->bi", c, q) / torch.clamp(size, min=1.0)
        return y, c, n, after


class GatedDelta(nn.Module):
    def __init__(self):
        super().__init__()
        self.projection = nn.Linear(WIDTH, 3 * HIDDEN + 2)

    def forward(self, x, s):
        q, k, v, a, b = self.projection(x).split([HIDDEN, HIDDEN, HIDDEN, 1, 1], dim=-1)
        q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
        s = torch.sigmoid(a)[..., None] * s
        error = v - torch.matmul(s, k[..., None]).squeeze(-1)
        s = s + torch.sigmoid(b)[..., None] * error[..., None] * k[:, None, :]
        return torch.matmul(s, q.unsqueeze(-1)).squeeze(-1), s


class CausalConvolution(nn.Module):
    """A convolution over time, whose state is the timesteps that it still needs."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(WIDTH, 8, 3, dilation=2)
        self.norm = nn.BatchNorm1d(8)
        self.act = nn.PReLU(8)

    def forward(self, x, cache):
        window = torch.cat([cache, x[..., None]], dim=2)
        return self.act(self.norm(self.conv(window))).flatten(1), window[..., 1:]


class WindowAttention(nn.Module):
    """Two heads that attend to the last four timesteps."""

    def __init__(self):
        super().__init__()
        self.projection = nn.Linear(WIDTH, 3 * HIDDEN)
        self.out = nn.Sequential(nn.Linear(HIDDEN, HIDDEN), nn.GELU(), nn.Dropout(0.5))

    def forward(self, x, keys, values):
        q, k, v = self.projection(x).chunk(3, dim=-1)
        keys = torch.cat([keys[:, 1:], k[:, None]], dim=1)
        values = torch.cat([values[:, 1:], v[:, None]], dim=1)
        heads = [t.reshape(t.shape[0], -1, 2, HIDDEN // 2).transpose(1, 2)
                 for t in (q[:, None], keys, values)]  # fmt: skip
        scores = heads[0] @ heads[1].transpose(-1, -2) / (HIDDEN // 2) ** 0.5
        mask = torch.tril(torch.ones(4, 4, dtype=torch.bool))[3]
        scores = scores.masked_fill(~mask, float("-inf"))
        y = (F.softmax(scores, dim=-1) @ heads[2]).transpose(1, 2).flatten(1)
        return self.out(y), keys, values


def lstm(layers, **options):
    return OfLayer(nn.LSTM(WIDTH, HIDDEN, layers, batch_first=True, **options))


# {name: (module, {state: shape without the batch})}; a state with "*" has the batch as axis 1.
_H, _HC = {"h": (HIDDEN,)}, {"h": (HIDDEN,), "c": (HIDDEN,)}
MODULES = {
    "min_gru": (MinGru, _H),
    "layer_norm_lstm": (LayerNormLstm, _HC),
    "rnn_cell": (lambda: OfCell(nn.RNNCell(WIDTH, HIDDEN)), _H),
    "gru_cell": (lambda: OfCell(nn.GRUCell(WIDTH, HIDDEN)), _H),
    "lstm_cell": (lambda: OfCell(nn.LSTMCell(WIDTH, HIDDEN)), _HC),
    "lstm": (lambda: lstm(1), {"*h": (1, HIDDEN), "*c": (1, HIDDEN)}),
    "lstm_two_layers": (lambda: lstm(2), {"*h": (2, HIDDEN), "*c": (2, HIDDEN)}),
    "gru": (lambda: OfLayer(nn.GRU(WIDTH, HIDDEN, batch_first=True)), {"*h": (1, HIDDEN)}),
    "rnn": (
        lambda: OfLayer(nn.RNN(WIDTH, HIDDEN, batch_first=True, nonlinearity="relu")),
        {"*h": (1, HIDDEN)},
    ),
    "matrix_lstm": (MatrixLstm, {"c": (HIDDEN, HIDDEN), "n": (HIDDEN,), "m": (1,)}),
    "gated_delta": (GatedDelta, {"s": (HIDDEN, HIDDEN)}),
    "causal_convolution": (CausalConvolution, {"cache": (WIDTH, 4)}),
    "window_attention": (WindowAttention, {"keys": (4, HIDDEN), "values": (4, HIDDEN)}),
}


def export(name, folder, opset):
    make, shapes = MODULES[name]
    torch.manual_seed(len(name))
    module = make().eval()
    names, states, axes = [], [], {"x": {0: "batch"}}
    for state, shape in shapes.items():
        is_second = state.startswith("*")
        name_of = state.lstrip("*")
        whole = (shape[0], BATCH, *shape[1:]) if is_second else (BATCH, *shape)
        names.append(name_of)
        states.append(0.1 * torch.randn(whole))
        for end in (name_of, f"{name_of}_out"):
            axes[end] = {1 if is_second else 0: "batch"}
    x = torch.randn(BATCH, WIDTH)
    torch.onnx.export(
        module, (x, *states), str(folder / f"torch_{name}.onnx"), opset_version=opset,
        input_names=["x", *names], output_names=["y", *(f"{n}_out" for n in names)],
        dynamic_axes={**axes, "y": {0: "batch"}},
    )  # fmt: skip


def main():
    here = pathlib.Path(__file__).resolve().parent
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here / "exported"
    folder.mkdir(exist_ok=True)
    warnings.simplefilter("ignore")
    for i, name in enumerate(MODULES):
        export(name, folder, (12, 14, 16)[i % 3])
        print(name)


if __name__ == "__main__":
    main()
