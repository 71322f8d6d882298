"""The auxiliary network and the losses of the defence scenario in PyTorch, beside the main networks of
`scripts/export_torch/network.py`: what `src/nn` is held against."""

import math
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts" / "export_torch"))
from network import channels, convolution, group_norm, main_network  # noqa: E402, F401


class Auxiliary(nn.Module):
    """Reads a gradient tensor `[N, C, H, W]`, says of which class it is."""

    def __init__(self, width, image_shape, classes):
        super().__init__()
        self.activation = nn.ReLU()
        inputs, height, wide = image_shape
        for i, base in enumerate([16, 32, 64], 1):
            outputs = channels(base, width)
            self.add_module(f"conv{i}", convolution(inputs, outputs, 2))
            self.add_module(f"norm{i}", group_norm(outputs))
            inputs, height, wide = outputs, (height + 1) // 2, (wide + 1) // 2
        self.head = nn.Linear(inputs * height * wide, classes)

    def forward(self, g):
        for i in range(1, 4):
            g = self.activation(getattr(self, f"norm{i}")(getattr(self, f"conv{i}")(g)))
        return self.head(g.flatten(1))


class PlainAuxiliary(nn.Module):
    """The same with biases and without norm."""

    def __init__(self, width, image_shape, classes):
        super().__init__()
        self.activation = nn.ReLU()
        inputs, height, wide = image_shape
        for i, base in enumerate([16, 32, 64], 1):
            outputs = channels(base, width)
            self.add_module(f"conv{i}", nn.Conv2d(inputs, outputs, 3, 2, 1))
            inputs, height, wide = outputs, (height + 1) // 2, (wide + 1) // 2
        self.head = nn.Linear(inputs * height * wide, classes)

    def forward(self, g):
        for i in range(1, 4):
            g = self.activation(getattr(self, f"conv{i}")(g))
        return self.head(g.flatten(1))


class LinearAuxiliary(nn.Module):
    """What reads two numbers: linear layers, with an activation after each but the last."""

    def __init__(self, width, image_shape, classes):
        super().__init__()
        self.activation = nn.ReLU()
        units = max(1, int(32 * width + 0.5))
        self.hidden1 = nn.Linear(math.prod(image_shape), units)
        self.hidden2 = nn.Linear(units, units)
        self.head = nn.Linear(units, classes)

    def forward(self, g):
        return self.head(self.activation(self.hidden2(self.activation(self.hidden1(g.flatten(1))))))


class PlaceAuxiliary(nn.Module):
    """A verdict at each place, `[N, K, H, W]`: from 3×3 places, by a 3×3 and a 1×1 convolution (ASTMT's shape)."""

    def __init__(self, width, channels_in, classes):
        super().__init__()
        self.activation = nn.ReLU()
        outputs = channels(32, width)
        self.conv1 = nn.Conv2d(channels_in, outputs, 3, 1, 1)
        self.head = nn.Conv2d(outputs, classes, 1)

    def forward(self, g):
        return self.head(self.activation(self.conv1(g)))


def normalized(g, how="rms", scale=30.0):
    """`n(g)`, sample by sample or at each pixel; the last three that the lab names are one scale for all."""
    if how == "none":
        return g
    if how == "constant":
        return g * scale
    if how == "batch-mean":
        return g / len(g)
    if how == "batch-rms":
        return g / (g.square().mean() + 1e-12).sqrt()
    if how == "rms":
        return g / (g.square().mean((1, 2, 3), keepdim=True) + 1e-12).sqrt()
    if how == "pixel":
        return g / (g.square().sum(1, keepdim=True) + 1e-12).sqrt()
    return g / g.abs().amax((1, 2, 3), keepdim=True)


def gradient_tensor(main, x, y, create_graph=False, masked=False):
    """Logits, and `∇x` of the summed cross-entropy, or of the labels' logits alone."""
    x = x.detach().requires_grad_()
    logits = main(x)
    read = logits.gather(1, y[:, None]).sum() if masked else F.cross_entropy(logits, y, reduction="sum")
    (g,) = torch.autograd.grad(read, x, create_graph=create_graph)
    return logits, g


def greace_term(logits, auxiliary_logits, y, push="raw"):
    """mean_i Σ_{j≠y_i} sg(softmax(a'_i)_j) · b_ij: b are the logits, those less their mean, or their log-softmax."""
    weights = auxiliary_logits.detach().softmax(1) * (1 - F.one_hot(y, logits.shape[1]))
    pushed = {"raw": logits, "centred": logits - logits.mean(1, keepdim=True), "log-softmax": logits.log_softmax(1)}
    return (weights * pushed[push]).sum(1).mean()


def adversary_term(auxiliary_logits, y, adversary):
    """What the main network adds, times α."""
    if adversary == "reversal":
        return -F.cross_entropy(auxiliary_logits, y)
    return -auxiliary_logits.log_softmax(1).mean()


def great_greace_loss(
    logits, auxiliary_logits, y, alpha, beta, adversary="reversal", push="raw", smoothing=0.0, told=None
):
    """The objective of the main network; `told` is what the auxiliary network takes for the classes."""
    loss = F.cross_entropy(logits, y, label_smoothing=smoothing)
    loss = loss + beta * greace_term(logits, auxiliary_logits, y, push)
    return loss + alpha * adversary_term(auxiliary_logits, y if told is None else told, adversary)
