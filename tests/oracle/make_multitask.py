"""Writes `golden/multitask.safetensors`, one step of every method of the multi-task scenario, and `golden/decoders.safetensors`,
one of GREAT with reversal into the decoders, which reads each pixel at unit length; see README.md."""

import torch
from torch import nn
from torch.nn import functional as F

from make_golden import GOLDEN, SETTINGS, SMALLEST_ACTIVATION, draw, images, named, write
from networks import Auxiliary, convolution, group_norm, normalized

CASE = {
    "network": "cnn-small", "width": 0.5, "auxiliary_width": 1.0, "image_shape": [3, 17, 20], "classes": 4, "batch": 3, "activation": "relu",
    "normalization": "rms", "sgd_rate": 1.0, "auxiliary_sgd_rate": 0.1, "alignment_rate": 0.05, "gradnorm_rate": 0.05,
}
DECODERS = CASE | {"decoder_alpha": 0.5, "methods": "great", "normalization": "pixel"}
METHODS = "single-task equal uncertainty gradnorm pcgrad great great+gradnorm"
TASKS = ["class", "color", "edge", "denoise"]
PLAN = [(8, 1), (16, 2), (24, 1), (32, 2)]
# In which order the tasks give way to the others in the first step of the lab's seed 1; its test says so too.
ORDERS = [[2, 3, 1], [0, 2, 3], [0, 3, 1], [2, 1, 0]]
SIZES = [(17, 20), (9, 10), (5, 5)]


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        inputs = 1
        for i, (outputs, stride) in enumerate(PLAN, 1):
            self.add_module(f"conv{i}", convolution(inputs, outputs, stride))
            self.add_module(f"norm{i}", group_norm(outputs))
            inputs = outputs

    def forward(self, x):
        for i in range(1, len(PLAN) + 1):
            x = torch.relu(getattr(self, f"norm{i}")(getattr(self, f"conv{i}")(x)))
        return x


class Classes(nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.head = nn.Linear(32, outputs)

    def forward(self, s):
        return self.head(s.mean((2, 3)))


class Dense(nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.conv1, self.norm1 = convolution(32, 32), group_norm(32)
        self.conv2, self.norm2 = convolution(8, 32), group_norm(32)
        self.head = convolution(8, outputs)

    def forward(self, s):
        for i, (height, width) in [(1, SIZES[1]), (2, SIZES[0])]:
            s = torch.relu(getattr(self, f"norm{i}")(getattr(self, f"conv{i}")(s)))
            s = F.pixel_shuffle(s, 2)[:, :, :height, :width]
        return self.head(s)


class Network(nn.Module):
    """Encoders, one or one a task, and decoders; parameters in the lab's order."""

    def __init__(self, apart):
        super().__init__()
        self.encoder = nn.ModuleDict({task: Encoder() for task in TASKS}) if apart else Encoder()
        outputs = {"class": CASE["classes"], "color": 3, "edge": 1, "denoise": 1}
        heads = {task: Classes(n) if task == "class" else Dense(n) for task, n in outputs.items()}
        self.decoder = nn.ModuleDict(heads)
        self.apart = apart

    def encode(self, x):
        return [self.encoder[task](x) for task in TASKS] if self.apart else [self.encoder(x)] * len(TASKS)


def wanted(x, y):
    grey = x.mean(1, keepdim=True)
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=x.dtype) / 4
    slopes = F.conv2d(F.pad(grey, [1, 1, 1, 1], mode="replicate"), torch.stack([across, across.T])[:, None])
    return {"class": y, "color": x, "edge": slopes.square().sum(1, keepdim=True).sqrt(), "denoise": grey}


def loss(task, said, target):
    if task == "class":
        return F.cross_entropy(said, target)
    return ((said - target).square().mean((1, 2, 3)) + 1e-12).sqrt().mean()


def watch(modules, margins):
    """Notes how near any ReLU's input comes to its kink: behind every norm there is one."""
    def note(_, __, output):
        margins.append(output.detach().abs().min().item())
    for module in modules:
        for part in module.modules():
            if isinstance(part, nn.GroupNorm):
                part.register_forward_hook(note)


def multitask(case, seed, dtype):
    s = SETTINGS | case
    generator = torch.Generator().manual_seed(seed)
    joint, single = Network(False), Network(True)
    auxiliary = Auxiliary(s["auxiliary_width"], [32, *SIZES[-1]], len(TASKS))
    draw(joint, generator)
    draw(auxiliary, generator)
    draw(single, generator)
    x, y = images(case, generator)
    x = ((x * 255).round() / 255).to(dtype)
    mean, std = torch.rand(3, generator=generator) * 0.2 + 0.4, torch.rand(3, generator=generator) * 0.1 + 0.25
    state = {f"alignment.{task}": torch.rand([32, *SIZES[-1]], generator=generator) + 0.5 for task in TASKS}
    state = {name: (weight / weight.mean()) for name, weight in state.items()}
    state |= {"log_variances": torch.tensor([-0.5, 0.2, -1.0, 0.4]), "task_weights": torch.tensor([0.6, 1.4, 1.2, 0.8]),
              "first_losses": torch.tensor([1.9, 0.5, 0.6, 0.7])}
    out = {"x.0": x, "y.0": y, "main.normalize.mean": mean, "main.normalize.std": std}
    out |= {f"x_balance.{name}": value.clone() for name, value in state.items()}
    for network in [joint, single, auxiliary]:
        network.to(dtype)
    mean, std = mean.to(dtype), std.to(dtype)
    state = {name: value.to(dtype) for name, value in state.items()}
    out |= named("main", joint) | named("main_single", single) | named("auxiliary", auxiliary)
    before = {name: value.clone() for name, value in auxiliary.state_dict().items()}
    margins = []
    watch([joint, single, auxiliary], margins)

    # The statistics are those of three channels, and the network reads their mean.
    seen = (x.mean(1, keepdim=True) - mean.mean()) / std.mean()
    targets = wanted(x, y)
    says = torch.arange(len(TASKS)).repeat_interleave(len(y))

    for method in s.get("methods", METHODS).split():
        auxiliary.load_state_dict(before)
        network = single if method == "single-task" else joint
        shared = network.encode(seen)
        taps = [one.detach().requires_grad_() for one in shared]
        losses = [loss(task, network.decoder[task](tap), targets[task]) for task, tap in zip(TASKS, taps, strict=True)]
        parameters = list(network.decoder.parameters())
        tracked = list(torch.autograd.grad(sum(losses), taps, create_graph=True))
        g = [gk.detach() for gk in tracked]
        aligns = "great" in method
        w = [state[f"alignment.{task}"] for task in TASKS]

        def behind(w, g=g):
            return [wk * gk for wk, gk in zip(w, g, strict=True)]

        def read(gs):
            return normalized(torch.cat(gs) * len(y), s["normalization"])

        # The discriminator.
        phi = list(auxiliary.parameters())
        error = F.cross_entropy(auxiliary(read(behind(w) if aligns else g)), says)
        found = torch.autograd.grad(error, phi)
        if method in ["equal", "great", "single-task"]:
            out[f"auxiliary_loss.{method}"] = error
            out |= named(f"grad_auxiliary.{method}", auxiliary, found)
        with torch.no_grad():
            for weight, slope in zip(phi, found, strict=True):
                weight -= s["auxiliary_sgd_rate"] * slope

        # The alignment layers: uphill along its error.
        if aligns:
            leaves = [wk.detach().clone().requires_grad_() for wk in w]
            slopes = torch.autograd.grad(F.cross_entropy(auxiliary(read(behind(leaves))), says), leaves)
            moved = [wk + s["alignment_rate"] * d / d.square().mean().sqrt() for wk, d in zip(w, slopes, strict=True)]
            w = [wk.clamp(min=0) / wk.clamp(min=0).mean() for wk in moved]
            if method == "great":
                out |= {f"alignment.{task}": wk for task, wk in zip(TASKS, w, strict=True)}
        aligned = behind(w) if aligns else g

        # What reaches the encoder.
        values = torch.stack([one.detach() for one in losses])
        scales = torch.ones(len(TASKS), dtype=dtype)
        if method == "uncertainty":
            leaf = state["log_variances"].clone().requires_grad_()
            (slope,) = torch.autograd.grad((values / (2 * leaf.exp()) + leaf / 2).sum(), leaf)
            scales = 1 / (2 * leaf.detach().exp())
            out["log_variances"] = state["log_variances"] - s["sgd_rate"] * slope
        if "gradnorm" in method:
            scales = state["task_weights"]
            norms = torch.stack([gk.norm() for gk in aligned])
            leaf = scales.clone().requires_grad_()
            left = values / state["first_losses"]
            target = ((leaf * norms).mean() * (left / left.mean()) ** 1.5).detach()
            (slope,) = torch.autograd.grad((leaf * norms - target).abs().sum(), leaf)
            moved = (scales - s["gradnorm_rate"] * slope).clamp(min=0)
            out[f"task_weights.{method}"] = moved * len(TASKS) / moved.sum()
        if method == "pcgrad":
            # Which way each task gives way follows from the lab's seed; what it is given, the parts, does not.
            rows = [gk.flatten() for gk in g]
            freed = []
            for row, others in zip(rows, ORDERS, strict=True):
                for other in others:
                    row = row - rows[other] * (row @ rows[other]).clamp(max=0) / (rows[other] @ rows[other])
                freed.append(row)
            combined = sum(freed).reshape(g[0].shape)
            slopes = list(torch.autograd.grad((combined * shared[0]).sum(), list(network.encoder.parameters())))
            slopes += list(torch.autograd.grad(sum(losses), parameters))
            out |= named("grad_main.pcgrad", network, slopes)
            continue
        encoder = list(network.encoder.parameters())
        surrogate = sum((k * gk * one).sum() for k, gk, one in zip(scales, aligned, shared, strict=True))
        weighted = sum(k * one for k, one in zip(scales, losses, strict=True))
        slopes = list(torch.autograd.grad(surrogate, encoder)) + list(torch.autograd.grad(weighted, parameters, retain_graph=True))
        if "decoder_alpha" in s:
            error = -s["decoder_alpha"] * F.cross_entropy(auxiliary(read(behind(w, tracked))), says)
            reversed_ = torch.autograd.grad(error, parameters)
            slopes = slopes[: len(encoder)] + [a + b for a, b in zip(slopes[len(encoder) :], reversed_, strict=True)]
        out |= named(f"grad_main.{method}", network, slopes)
        if method == "equal":
            out["losses"] = values
    return out, min(margins) > SMALLEST_ACTIVATION


if __name__ == "__main__":
    torch.set_num_threads(1)
    GOLDEN.mkdir(exist_ok=True)
    write("multitask", multitask, CASE)
    write("decoders", multitask, DECODERS)
