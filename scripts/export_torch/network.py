"""GREAT Lab's main networks in PyTorch. Images are [N, C, H, W] with pixels in [0, 1]; the first layer normalises them.

    from network import load
    model = load()  # the weights beside this file, in evaluation mode
    logits = model(images)
"""

import json
import math
import pathlib

import torch
from torch import nn


def channels(base, width):
    """Channels at a width factor: a multiple of 8, at least 8."""
    return max(8, int(base * width / 8 + 0.5) * 8)


def convolution(inputs, outputs, stride=1, kernel=3):
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)


def group_norm(count):
    return nn.GroupNorm(8, count, eps=1e-5)


ACTIVATIONS = {"relu": nn.ReLU, "silu": nn.SiLU}


class Normalize(nn.Module):
    """Zero mean and unit variance per channel; not trained."""

    def __init__(self, count):
        super().__init__()
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("std", torch.ones(count))

    def forward(self, x):
        return (x - self.mean[:, None, None]) / self.std[:, None, None]


class Plain(nn.Module):
    """3×3 convolutions, each with norm and activation; linear head on the channels' means, or on all `pixels` of each."""

    def __init__(self, plan, image_channels, classes, activation, pixels):
        super().__init__()
        self.activation = ACTIVATIONS[activation]()
        self.depth = len(plan)
        self.normalize = Normalize(image_channels)
        inputs = image_channels
        for i, (outputs, stride) in enumerate(plan, 1):
            self.add_module(f"conv{i}", convolution(inputs, outputs, stride))
            self.add_module(f"norm{i}", group_norm(outputs))
            inputs = outputs
        self.flat = pixels is not None
        self.head = nn.Linear(inputs * (pixels or 1), classes)

    def forward(self, x):
        x = self.normalize(x)
        for i in range(1, self.depth + 1):
            x = self.activation(getattr(self, f"norm{i}")(getattr(self, f"conv{i}")(x)))
        return self.head(x.flatten(1) if self.flat else x.mean((2, 3)))


class Shortcut(nn.Module):
    """1×1 convolution and norm."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv = convolution(inputs, outputs, stride, kernel=1)
        self.norm = group_norm(outputs)

    def forward(self, x):
        return self.norm(self.conv(x))


class Block(nn.Module):
    """The basic block of He et al. (2016), with GroupNorm."""

    def __init__(self, inputs, outputs, stride, activation):
        super().__init__()
        self.activation = activation
        self.conv1 = convolution(inputs, outputs, stride)
        self.norm1 = group_norm(outputs)
        self.conv2 = convolution(outputs, outputs)
        self.norm2 = group_norm(outputs)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else Shortcut(inputs, outputs, stride)

    def forward(self, x):
        inner = self.activation(self.norm1(self.conv1(x)))
        return self.activation(self.norm2(self.conv2(inner)) + self.shortcut(x))


class Resnet18(nn.Module):
    """ResNet-18 in its CIFAR form, with such a head."""

    def __init__(self, width, image_channels, classes, activation, pixels):
        super().__init__()
        self.activation = ACTIVATIONS[activation]()
        self.normalize = Normalize(image_channels)
        inputs = channels(64, width)
        self.conv1 = convolution(image_channels, inputs)
        self.norm1 = group_norm(inputs)
        for i, (base, stride) in enumerate([(64, 1), (128, 2), (256, 2), (512, 2)], 1):
            outputs = channels(base, width)
            blocks = [Block(inputs, outputs, stride, self.activation), Block(outputs, outputs, 1, self.activation)]
            self.add_module(f"layer{i}", nn.Sequential(*blocks))
            inputs = outputs
        self.flat = pixels is not None
        self.head = nn.Linear(inputs * (pixels or 1), classes)

    def forward(self, x):
        x = self.activation(self.norm1(self.conv1(self.normalize(x))))
        for i in range(1, 5):
            x = getattr(self, f"layer{i}")(x)
        return self.head(x.flatten(1) if self.flat else x.mean((2, 3)))


class Mlp(nn.Module):
    """Linear layers on all pixels, with an activation after each but the last."""

    def __init__(self, units, depth, image_channels, classes, activation, pixels):
        super().__init__()
        self.activation = ACTIVATIONS[activation]()
        self.depth = depth
        self.normalize = Normalize(image_channels)
        inputs = image_channels * pixels
        for i in range(1, depth + 1):
            self.add_module(f"hidden{i}", nn.Linear(inputs, units))
            inputs = units
        self.head = nn.Linear(inputs, classes)

    def forward(self, x):
        x = self.normalize(x).flatten(1)
        for i in range(1, self.depth + 1):
            x = self.activation(getattr(self, f"hidden{i}")(x))
        return self.head(x)


def main_network(kind, width, image_channels, classes, activation="relu", head="pooled", size=None, depth=2):
    """The main network of that name; `size` is an image's height and width, which a flat head and linear layers need."""
    if kind == "mlp":
        return Mlp(max(1, int(16 * width + 0.5)), depth, image_channels, classes, activation, math.prod(size))
    pixels = None
    if head == "flat":
        shrinks = 8 if kind == "resnet-18" else 4
        pixels = math.prod(math.ceil(side / shrinks) for side in size)
    elif head != "pooled":
        raise KeyError(head)
    if kind == "resnet-18":
        return Resnet18(width, image_channels, classes, activation, pixels)
    plans = {
        "cnn-small": (16, [(1, 1), (2, 2), (3, 1), (4, 2)]),
        "cnn-medium": (32, [(1, 1), (1, 1), (2, 2), (2, 1), (4, 2), (4, 1)]),
    }
    base, plan = plans[kind]
    plan = [(channels(base * multiple, width), stride) for multiple, stride in plan]
    return Plain(plan, image_channels, classes, activation, pixels)


def load(folder=pathlib.Path(__file__).parent):
    """The network that `network.json` in the folder describes, with the weights of its `weights.pt`."""
    folder = pathlib.Path(folder)
    kept = json.loads((folder / "network.json").read_text())
    model = main_network(kept["network"], kept["width"], kept["image"][0], len(kept["classes"]), kept["activation"],
                         kept["head"], kept["image"][1:], kept["depth"])
    model.load_state_dict(torch.load(folder / "weights.pt", weights_only=True))
    return model.eval()
