"""Writes `golden/readings.safetensors`: a step of each scenario by what the auxiliary network reads and by how it says
what it takes that for; see README.md."""

import torch
from torch import nn
from torch.nn import functional as F

from make_golden import CASES, GOLDEN, SETTINGS, SMALLEST_ACTIVATION, draw, images, named, write
from make_multitask import CASE as TASK_CASE
from make_multitask import SIZES, TASKS, Network, loss, wanted
from networks import Auxiliary, PlaceAuxiliary, adversary_term, gradient_tensor, main_network, normalized

CASE = CASES["cnn-small-silu"] | {
    "sgd_rate": 1.0, "auxiliary_sgd_rate": 0.1, "gradient_scale": 30.0, "alignment_rate": 0.05,
    "task_image_shape": TASK_CASE["image_shape"], "task_classes": TASK_CASE["classes"],
}
SAYS = F.binary_cross_entropy_with_logits


def watch(network, margins):
    """Notes how near any of its ReLU's inputs comes to the kink."""
    for part in network.modules():
        if isinstance(part, nn.ReLU):
            part.register_forward_pre_hook(lambda _, z: margins.append(z[0].detach().abs().min().item()))


def judged(said, origins):
    """Mean cross-entropy of verdicts `[N, K]`, or `[N, K, H, W]`: over the places too."""
    if said.dim() == 4:
        origins = origins[:, None, None].expand(-1, *said.shape[2:])
    return F.cross_entropy(said, origins)


def whole(said):
    """What is said of each tensor, as probabilities: the mean over its places."""
    return said.softmax(1) if said.dim() == 2 else said.softmax(1).mean((2, 3))


def descend(network, gradients, rate):
    with torch.no_grad():
        for weight, gradient in zip(network.parameters(), gradients, strict=True):
            weight -= rate * gradient


def auxiliary_of(how, s, channels, classes):
    if how == "per-pixel":
        return PlaceAuxiliary(s["auxiliary_width"], channels, classes)
    return Auxiliary(s["auxiliary_width"], s["image_shape"], classes)


def defence(out, case, s, main, auxiliary, how):
    """A step of GREAT+GREACE by plain gradient descent, with each adversary."""
    x, y = case
    masked = how == "masked"

    def read(create_graph=False):
        logits, g = gradient_tensor(main, x, y, create_graph, masked)
        return logits, auxiliary(normalized(g, "constant", s["gradient_scale"]))

    _, said = read()
    error = judged(said, y)
    out[f"auxiliary_loss.defense.{how}"] = error
    gradients = torch.autograd.grad(error, list(auxiliary.parameters()))
    out |= named(f"grad_auxiliary.defense.{how}", auxiliary, gradients)
    descend(auxiliary, gradients, s["auxiliary_sgd_rate"])
    for adversary in ["reversal", "confusion"]:
        logits, said = read(create_graph=True)
        wrong = 1 - F.one_hot(y, logits.shape[1])
        pushed = (whole(said).detach() * wrong * logits).sum(1).mean()
        against = -judged(said, y) if adversary == "reversal" else adversary_term(said, y, adversary)
        objective = F.cross_entropy(logits, y) + s["beta"] * pushed + s["alpha"] * against
        gradients = torch.autograd.grad(objective, list(main.parameters()))
        out |= named(f"grad_main.{how}.{adversary}", main, gradients)


def distillation(out, case, s, student, teacher, auxiliary, how):
    """A step of GREAT between a student and its teacher."""
    x, y = case

    def said(network, create_graph=False):
        logits, g = gradient_tensor(network, x, y, create_graph, how == "masked")
        return logits, auxiliary(normalized(g, "constant", s["gradient_scale"]))

    by_teacher, by_student = said(teacher)[1], said(student)[1]
    error = SAYS(by_teacher, torch.ones_like(by_teacher)) + SAYS(by_student, torch.zeros_like(by_student))
    out[f"auxiliary_loss.distillation.{how}"] = error / 2
    gradients = torch.autograd.grad(error, list(auxiliary.parameters()))
    out |= named(f"grad_auxiliary.distillation.{how}", auxiliary, gradients)
    descend(auxiliary, gradients, s["auxiliary_sgd_rate"])
    logits, by_student = said(student, create_graph=True)
    objective = (1 - s["alpha"]) * F.cross_entropy(logits, y)
    objective = objective + s["alpha"] * SAYS(by_student, torch.ones_like(by_student))
    gradients = torch.autograd.grad(objective, list(student.parameters()))
    out |= named(f"grad_student.{how}", student, gradients)


def several_tasks(out, s, generator, dtype, margins):
    """A step of the auxiliary network and of the alignment layers where it says at each place whose the gradient is."""
    network, auxiliary = Network(False), PlaceAuxiliary(1.0, 32, len(TASKS))
    draw(network, generator)
    draw(auxiliary, generator)
    case = {"batch": s["batch"], "image_shape": s["task_image_shape"], "classes": s["task_classes"]}
    x, y = images(case, generator)
    x = ((x * 255).round() / 255).to(dtype)
    layers = [torch.rand([32, *SIZES[-1]], generator=generator) + 0.5 for _ in TASKS]
    layers = [layer / layer.mean() for layer in layers]
    mean, std = torch.full([3], 0.45), torch.full([3], 0.3)
    out |= {"x_tasks.0": x, "y_tasks.0": y, "x_tasks.mean": mean, "x_tasks.std": std}
    out |= {f"x_layer.{task}": layer for task, layer in zip(TASKS, layers, strict=True)}
    network, auxiliary = network.to(dtype), auxiliary.to(dtype)
    layers, mean, std = [layer.to(dtype) for layer in layers], mean.to(dtype), std.to(dtype)
    out |= named("x_tasks", network) | named("auxiliary.multitask.per-pixel", auxiliary)
    watch(auxiliary, margins)
    for part in network.modules():
        if isinstance(part, nn.GroupNorm):
            part.register_forward_hook(lambda _, __, z: margins.append(z.detach().abs().min().item()))
    seen = (x.mean(1, keepdim=True) - mean.mean()) / std.mean()
    shared = network.encode(seen)[0]
    taps = [shared.detach().requires_grad_() for _ in TASKS]
    targets = wanted(x, y)
    losses = [loss(task, network.decoder[task](tap), targets[task]) for task, tap in zip(TASKS, taps, strict=True)]
    g = [gradient * len(y) for gradient in torch.autograd.grad(sum(losses), taps)]
    origins = torch.arange(len(TASKS)).repeat_interleave(len(y))

    def error(layers):
        aligned = torch.cat([layer * gradient for layer, gradient in zip(layers, g, strict=True)])
        return judged(auxiliary(normalized(aligned)), origins)

    found = error(layers)
    out["auxiliary_loss.multitask.per-pixel"] = found
    gradients = torch.autograd.grad(found, list(auxiliary.parameters()))
    out |= named("grad_auxiliary.multitask.per-pixel", auxiliary, gradients)
    descend(auxiliary, gradients, s["auxiliary_sgd_rate"])
    leaves = [layer.detach().clone().requires_grad_() for layer in layers]
    slopes = torch.autograd.grad(error(leaves), leaves)
    for task, layer, slope in zip(TASKS, layers, slopes, strict=True):
        moved = (layer + s["alignment_rate"] * slope / slope.square().mean().sqrt()).clamp(min=0)
        out[f"alignment.{task}"] = moved / moved.mean()


def readings(case, seed, dtype):
    s = SETTINGS | case
    generator = torch.Generator().manual_seed(seed)
    main = main_network(case["network"], case["width"], case["image_shape"][0], case["classes"], case["activation"])
    teacher = main_network("cnn-medium", 0.25, case["image_shape"][0], case["classes"], case["activation"])
    draw(main, generator)
    draw(teacher, generator)
    x, y = images(case, generator)
    x = ((x * 255).round() / 255).to(dtype)
    main, teacher = main.to(dtype), teacher.to(dtype)
    out = named("main", main) | named("teacher", teacher) | {"x.0": x, "y.0": y}
    margins = []
    for how in HOWS:
        for scenario, outputs in [("defense", case["classes"]), ("distillation", 1)]:
            auxiliary = auxiliary_of(how, s, case["image_shape"][0], outputs)
            draw(auxiliary, generator)
            auxiliary = auxiliary.to(dtype)
            watch(auxiliary, margins)
            out |= named(f"auxiliary.{scenario}.{how}", auxiliary)
            if scenario == "defense":
                defence(out, (x, y), s, main, auxiliary, how)
            else:
                distillation(out, (x, y), s, main, teacher, auxiliary, how)
    if "per-pixel" in HOWS:
        several_tasks(out, s, generator, dtype, margins)
    return out, min(margins) > SMALLEST_ACTIVATION


# What is read of the gradient, and how it is judged.
HOWS = ["masked", "per-pixel"]

if __name__ == "__main__":
    torch.set_num_threads(1)
    GOLDEN.mkdir(exist_ok=True)
    write("readings", readings, CASE)
