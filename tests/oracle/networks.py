"""The lab's networks and the losses of the defence scenario in PyTorch: what `src/nn` is held against."""

import torch
from torch import nn
from torch.nn import functional as F


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
    """3×3 convolutions, each with norm and activation; global average pool; linear head."""

    def __init__(self, plan, image_channels, classes, activation):
        super().__init__()
        self.activation = ACTIVATIONS[activation]()
        self.depth = len(plan)
        self.normalize = Normalize(image_channels)
        inputs = image_channels
        for i, (outputs, stride) in enumerate(plan, 1):
            self.add_module(f"conv{i}", convolution(inputs, outputs, stride))
            self.add_module(f"norm{i}", group_norm(outputs))
            inputs = outputs
        self.head = nn.Linear(inputs, classes)

    def forward(self, x):
        x = self.normalize(x)
        for i in range(1, self.depth + 1):
            x = self.activation(getattr(self, f"norm{i}")(getattr(self, f"conv{i}")(x)))
        return self.head(x.mean((2, 3)))


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
    """ResNet-18 in its CIFAR form."""

    def __init__(self, width, image_channels, classes, activation):
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
        self.head = nn.Linear(inputs, classes)

    def forward(self, x):
        x = self.activation(self.norm1(self.conv1(self.normalize(x))))
        for i in range(1, 5):
            x = getattr(self, f"layer{i}")(x)
        return self.head(x.mean((2, 3)))


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


def main_network(kind, width, image_channels, classes, activation="relu"):
    """The main network of that name."""
    if kind == "resnet-18":
        return Resnet18(width, image_channels, classes, activation)
    plans = {
        "cnn-small": (16, [(1, 1), (2, 2), (3, 1), (4, 2)]),
        "cnn-medium": (32, [(1, 1), (1, 1), (2, 2), (2, 1), (4, 2), (4, 1)]),
    }
    base, plan = plans[kind]
    plan = [(channels(base * multiple, width), stride) for multiple, stride in plan]
    return Plain(plan, image_channels, classes, activation)


def normalized(g, how="rms"):
    """`n(g)`, sample by sample."""
    if how == "none":
        return g
    if how == "rms":
        return g / (g.square().mean((1, 2, 3), keepdim=True) + 1e-12).sqrt()
    return g / g.abs().amax((1, 2, 3), keepdim=True)


def gradient_tensor(main, x, y, create_graph=False):
    """Logits, and `∇x` of the summed cross-entropy."""
    x = x.detach().requires_grad_()
    logits = main(x)
    (g,) = torch.autograd.grad(F.cross_entropy(logits, y, reduction="sum"), x, create_graph=create_graph)
    return logits, g


def greace_term(logits, auxiliary_logits, y):
    """mean_i Σ_{j≠y_i} sg(softmax(a'_i)_j) · a_ij."""
    weights = auxiliary_logits.detach().softmax(1) * (1 - F.one_hot(y, logits.shape[1]))
    return (weights * logits).sum(1).mean()


def adversary_term(auxiliary_logits, y, adversary):
    """What the main network adds, times α."""
    if adversary == "reversal":
        return -F.cross_entropy(auxiliary_logits, y)
    return -auxiliary_logits.log_softmax(1).mean()


def great_greace_loss(logits, auxiliary_logits, y, alpha, beta, adversary="reversal"):
    """The objective of the main network."""
    loss = F.cross_entropy(logits, y) + beta * greace_term(logits, auxiliary_logits, y)
    return loss + alpha * adversary_term(auxiliary_logits, y, adversary)
