"""Writes `golden/*.safetensors`; see README.md. Every value is computed in float64 from weights and images that float32
holds exactly, and is written only where a float32 run agrees with it: a seed that puts an activation or a signed step
on an edge is passed over."""

import json
import pathlib

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from networks import Auxiliary, LinearAuxiliary, PlainAuxiliary, gradient_tensor, great_greace_loss, main_network, normalized

GOLDEN = pathlib.Path(__file__).parent / "golden"
NORMALIZATIONS = ["none", "rms", "max", "batch-mean", "batch-rms", "constant"]
SETTINGS = {
    "alpha": 0.5, "beta": 0.3, "normalization": "rms", "input_gradient_weight": 0.7, "epsilon": 0.1, "attack_steps": 5,
    "epsilon_l2": 1.0, "learning_rate": 2e-3, "auxiliary_learning_rate": 1e-3, "weight_decay": 1e-2,
    "sgd_learning_rate": 0.1, "momentum": 0.9, "auxiliary_width": 0.5, "torch": torch.__version__,
}
SMALL = {"network": "cnn-small", "width": 0.5, "image_shape": [1, 12, 12], "classes": 5, "batch": 3}
POINTS = {"network": "mlp", "width": 0.5, "image_shape": [2, 1, 1], "classes": 3, "batch": 6}
CASES = {
    "cnn-small-relu": SMALL | {"activation": "relu"},
    "cnn-small-silu": SMALL | {"activation": "silu"},
    "cnn-small-flat": SMALL | {"activation": "silu", "head": "flat", "image_shape": [2, 9, 6]},
    "cnn-medium-relu": {"network": "cnn-medium", "width": 0.25, "image_shape": [3, 10, 10], "classes": 4, "batch": 2,
                        "activation": "relu"},
    "resnet-18-relu": {"network": "resnet-18", "width": 0.125, "image_shape": [3, 8, 8], "classes": 4, "batch": 2,
                       "activation": "relu"},
    # Points of a world: two numbers, read by linear layers.
    "mlp-relu": POINTS | {"activation": "relu", "depth": 2},
    "mlp-silu": POINTS | {"activation": "silu", "depth": 3},
}
DISTILLATION = CASES["cnn-small-relu"] | {
    "temperature": 3.0, "cross_entropy_weight": 0.3, "soft_target_weight": 0.7, "jacobian_matching_weight": 0.5,
    "sgd_rate": 1.0, "auxiliary_sgd_rate": 0.1,
}
KNOBS = CASES["cnn-small-silu"] | {"gradient_scale": 30.0, "smoothing": 0.2, "clip": 0.1}
# A float32 run may differ from the float64 one by this share of a tensor's largest entry; the tests allow 1e-4.
AGREEMENT = 1e-5
# No gradient that an attack takes the sign of is smaller, so no sign may differ in the tests.
SMALLEST_GRADIENT = 1e-6
# No input of a ReLU is nearer to its kink, where the gradient jumps.
SMALLEST_ACTIVATION = 2e-6


def draw(network, generator):
    """Weights drawn in float32: He normal convolutions, everything else off its usual value."""
    for name, weight in network.state_dict().items():
        noise = torch.randn(weight.shape, generator=generator)
        if name.endswith("normalize.mean"):
            weight.copy_(0.4 + 0.1 * noise.clamp(-2, 2))
        elif name.endswith("normalize.std"):
            weight.copy_(0.3 + 0.04 * noise.clamp(-2, 2))
        elif weight.dim() == 4:
            weight.copy_(noise * (2 / weight[0].numel()) ** 0.5)
        elif weight.dim() == 2:
            weight.copy_(noise / weight.shape[1] ** 0.5)
        else:
            weight.copy_((1.0 if "norm" in name and name.endswith("weight") else 0.0) + 0.1 * noise)


def networks(case, seed):
    """Both networks, and the generator that drew them."""
    generator = torch.Generator().manual_seed(seed)
    main = main_network(case["network"], case["width"], case["image_shape"][0], case["classes"], case["activation"],
                        case.get("head", "pooled"), case["image_shape"][1:], case.get("depth", 2))
    reads = LinearAuxiliary if case["image_shape"][1:] == [1, 1] else Auxiliary
    auxiliary = reads(SETTINGS["auxiliary_width"], case["image_shape"], case["classes"])
    draw(main, generator)
    draw(auxiliary, generator)
    return main, auxiliary, generator


def images(case, generator):
    """A batch in [0, 1] with some pixels at exactly 0 and 1, and its labels."""
    x = (torch.rand([case["batch"], *case["image_shape"]], generator=generator) * 1.4 - 0.2).clamp(0, 1)
    return x, torch.randint(case["classes"], [case["batch"]], generator=generator)


def named(prefix, network, values=None):
    names = [name for name, _ in network.named_parameters()]
    if values is None:
        return {f"{prefix}.{name}": value.detach().clone() for name, value in network.state_dict().items()}
    return {f"{prefix}.{name}": value for name, value in zip(names, values, strict=True)}


def weight_gradients(prefix, network, loss):
    return named(prefix, network, torch.autograd.grad(loss, list(network.parameters())))


def logits_and_gradients(main, auxiliary, x, y, s):
    """Everything up to the gradients of the weights."""
    logits, g = gradient_tensor(main, x, y)
    out = {"logits": logits, "loss": F.cross_entropy(logits, y), "input_gradient": g}
    for how in NORMALIZATIONS:
        out[f"normalized.{how}"] = normalized(g, how)
        out[f"auxiliary_logits.{how}"] = auxiliary(normalized(g, how))
    auxiliary_logits = out["auxiliary_logits.rms"]
    wrong = 1 - F.one_hot(y, logits.shape[1])
    out["greace_logit_gradient"] = logits.softmax(1) - (1 - wrong) + s["beta"] * auxiliary_logits.softmax(1) * wrong
    leaf = logits.detach().requires_grad_()
    (automatic,) = torch.autograd.grad(great_greace_loss(leaf, auxiliary_logits, y, 0.0, s["beta"]), leaf)
    torch.testing.assert_close(automatic * len(y), out["greace_logit_gradient"])
    out |= weight_gradients("grad_auxiliary", auxiliary, F.cross_entropy(auxiliary(normalized(g)), y))
    return out


def second_order(main, auxiliary, x, y, s, small):
    """Gradients of the main weights through the input gradient; the rarer ones only where they are `small`."""

    def great(adversary, how="rms", alpha=s["alpha"]):
        logits, g = gradient_tensor(main, x, y, create_graph=True)
        return great_greace_loss(logits, auxiliary(normalized(g, how)), y, alpha, s["beta"], adversary)

    out = weight_gradients("grad_reversal", main, great("reversal"))
    logits, g = gradient_tensor(main, x, y, create_graph=True)
    penalty = g.square().sum((1, 2, 3)).mean()
    loss = F.cross_entropy(logits, y) + s["input_gradient_weight"] * penalty
    out |= weight_gradients("grad_input_gradient", main, loss)
    if small:
        out |= weight_gradients("grad_confusion", main, great("confusion"))
        out |= weight_gradients("grad_greace", main, great("reversal", alpha=0.0))
        out |= weight_gradients("grad_reversal_none", main, great("reversal", "none"))
        out |= weight_gradients("grad_reversal_max", main, great("reversal", "max"))
        # The auxiliary network begins with a norm and hardly sees a scale; this does.
        for how in NORMALIZATIONS:
            _, g = gradient_tensor(main, x, y, create_graph=True)
            out |= weight_gradients(f"grad_normalized_{how}", main, (normalized(g, how) * x).sum())
    return out


def optimiser_steps(main, gradients, s):
    """Main weights after steps along the same float32 gradients."""
    adam = {"lr": s["learning_rate"], "weight_decay": s["weight_decay"]}
    sgd = {"lr": s["sgd_learning_rate"], "weight_decay": s["weight_decay"], "momentum": s["momentum"]}
    out = {}
    for make, settings, name, kept in [(torch.optim.Adam, adam, "adam", [1, 2]), (torch.optim.SGD, sgd, "sgd", [2])]:
        weights = [weight.detach().clone() for weight in main.parameters()]
        optimiser = make(weights, **settings)
        for step in range(1, 3):
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.grad = gradient.float().to(weight.dtype)
            optimiser.step()
            if step in kept:
                out |= named(f"{name}{step}", main, [weight.clone() for weight in weights])
    return out


def attack(main, x, y, step, steps, radius, smallest, target=None, l2=False):
    """`steps` steps from `x`, each projected onto the ball and then onto [0, 1]."""
    aim, ascend = (y, 1) if target is None else (target, -1)
    adversarial = x
    for _ in range(steps):
        _, g = gradient_tensor(main, adversarial, aim)
        if l2:
            g = g / g.flatten(1).norm(dim=1)[:, None, None, None]
            offset = adversarial + ascend * step * g - x
            length = offset.flatten(1).norm(dim=1)[:, None, None, None]
            adversarial = x + offset * (radius / length).clamp(max=1)
        else:
            smallest.append(g.abs().min().item())
            adversarial = (adversarial + ascend * step * g.sign()).clamp(x - radius, x + radius)
        adversarial = adversarial.clamp(0, 1)
    return adversarial


def attacks(main, x, y, target, s, smallest):
    """Adversarial images, by attack."""
    radius, k = s["epsilon"], s["attack_steps"]
    plans = {"fgsm": (radius, 1), "ifgsm": (radius / k, k), "pgd": (2.5 * radius / k, k)}
    out = {}
    for name, (step, steps) in plans.items():
        out[f"attack.{name}"] = attack(main, x, y, step, steps, radius, smallest)
        out[f"attack.{name}-targeted"] = attack(main, x, y, step, steps, radius, smallest, target)
    radius = s["epsilon_l2"]
    out["attack.pgd-l2"] = attack(main, x, y, 2.5 * radius / k, k, radius, smallest, l2=True)
    return out


def relu_margin(main, auxiliary, x, y, how="rms"):
    """The smallest magnitude at the input of a ReLU when both networks read the batch."""
    margins = []
    relus = {module for network in [main, auxiliary] if network for module in network.modules() if isinstance(module, nn.ReLU)}
    hooks = [relu.register_forward_pre_hook(lambda _, z: margins.append(z[0].abs().min().item())) for relu in relus]
    _, g = gradient_tensor(main, x, y)
    if auxiliary:
        auxiliary(normalized(g, how))
    for hook in hooks:
        hook.remove()
    return min(margins)


def golden(case, seed, dtype):
    """All tensors of a case, and how near it comes to an edge: whether no sign or ReLU may flip."""
    s, small = SETTINGS, case["network"] in ["cnn-small", "mlp"]
    main, auxiliary, generator = networks(case, seed)
    x, y = images(case, generator)
    target = (y + torch.randint(1, case["classes"], y.shape, generator=generator)) % case["classes"]
    main, auxiliary, x = main.to(dtype), auxiliary.to(dtype), x.to(dtype)
    out = named("main", main) | named("auxiliary", auxiliary) | {"x": x, "y": y, "target": target}
    out |= logits_and_gradients(main, auxiliary, x, y, s)
    out |= second_order(main, auxiliary, x, y, s, small)
    if case["activation"] == "relu" and small:
        gradients = [out[f"grad_reversal.{name}"] for name, _ in main.named_parameters()]
        out |= optimiser_steps(main, gradients, s)
    smallest = []
    out |= attacks(main, x, y, target, s, smallest)
    far = min(smallest) > SMALLEST_GRADIENT and relu_margin(main, auxiliary, x, y) > SMALLEST_ACTIVATION
    return out, far


def trajectory(case, seed, dtype):
    """Three whole training steps: the auxiliary network's, then the main one's against the new auxiliary network."""
    s = SETTINGS
    main, auxiliary, generator = networks(case, seed)
    main, auxiliary = main.to(dtype), auxiliary.to(dtype)
    out = named("main", main) | named("auxiliary", auxiliary)
    main_optimiser = torch.optim.Adam(main.parameters(), lr=s["learning_rate"])
    auxiliary_optimiser = torch.optim.Adam(auxiliary.parameters(), lr=s["auxiliary_learning_rate"])
    losses, auxiliary_losses, far = [], [], True
    for step in range(3):
        x, y = images(case, generator)
        # The scenario keeps its images as bytes.
        x = ((x * 255).round() / 255).to(dtype)
        out |= {f"x.{step}": x, f"y.{step}": y}
        far = far and relu_margin(main, auxiliary, x, y) > SMALLEST_ACTIVATION
        logits, g = gradient_tensor(main, x, y, create_graph=True)
        auxiliary_loss = F.cross_entropy(auxiliary(normalized(g.detach())), y)
        auxiliary_optimiser.zero_grad()
        auxiliary_loss.backward()
        auxiliary_optimiser.step()
        auxiliary_logits = auxiliary(normalized(g))
        objective = great_greace_loss(logits, auxiliary_logits, y, s["alpha"], s["beta"])
        weights = list(main.parameters())
        for weight, gradient in zip(weights, torch.autograd.grad(objective, weights), strict=True):
            weight.grad = gradient
        main_optimiser.step()
        losses.append(F.cross_entropy(logits, y))
        auxiliary_losses.append(auxiliary_loss)
    out |= {"losses": torch.stack(losses), "auxiliary_losses": torch.stack(auxiliary_losses)}
    out |= named("final_main", main, list(main.parameters()))
    return out | named("final_auxiliary", auxiliary, list(auxiliary.parameters())), far


def rivals(case, seed, dtype):
    """What TRADES and Jacobian regularisation add to the cross-entropy, and the gradients of the weights with it."""
    main, _, generator = networks(case, seed)
    x, y = images(case, generator)
    near = (x + 0.5 * (torch.rand(x.shape, generator=generator) * 2 - 1)).clamp(0, 1)
    v = torch.randn([case["batch"], case["classes"]], generator=generator)
    v = v / v.norm(dim=1, keepdim=True)
    main, x, near, v = main.to(dtype), x.to(dtype), near.to(dtype), v.to(dtype)
    out = named("main", main) | {"x": x, "x_adversarial": near, "x_projection": v, "y": y}

    leaf = near.clone().requires_grad_()
    divergence = F.kl_div(main(leaf).log_softmax(1), main(x).softmax(1), reduction="sum")
    (out["divergence_gradient"],) = torch.autograd.grad(divergence, leaf)
    # As in the authors' code: both predictions are differentiated.
    divergence = F.kl_div(main(near).log_softmax(1), main(x).softmax(1), reduction="batchmean")
    out["divergence"] = divergence
    out |= weight_gradients("grad_trades", main, F.cross_entropy(main(x), y) + 6 * divergence)

    leaf = x.clone().requires_grad_()
    logits = main(leaf)
    (projected,) = torch.autograd.grad(logits, leaf, v, create_graph=True)
    norm = case["classes"] * projected.square().sum((1, 2, 3)).mean()
    out["jacobian_norm"] = norm
    out |= weight_gradients("grad_jacobian", main, F.cross_entropy(logits, y) + 0.5 * 0.1 * norm)
    return out, relu_margin(main, None, x, y) > SMALLEST_ACTIVATION


def knobs(case, seed, dtype):
    """What the paper leaves open: GREACE's pushes, a plain auxiliary network, labels that it is told, other penalties."""
    s = SETTINGS | case
    main, _, generator = networks(case, seed)
    auxiliary = PlainAuxiliary(s["auxiliary_width"], case["image_shape"], case["classes"])
    draw(auxiliary, generator)
    x, y = images(case, generator)
    told = y.roll(1)
    main, auxiliary, x = main.to(dtype), auxiliary.to(dtype), x.to(dtype)
    out = named("main", main) | named("auxiliary", auxiliary) | {"x": x, "y": y, "told": told}

    def read(create_graph=True):
        logits, g = gradient_tensor(main, x, y, create_graph=create_graph)
        return logits, g, auxiliary(normalized(g, "constant", s["gradient_scale"]))

    logits, g, auxiliary_logits = read()
    far = g.abs().min().item() > SMALLEST_GRADIENT and relu_margin(main, auxiliary, x, y, "constant") > SMALLEST_ACTIVATION
    out["auxiliary_logits"] = auxiliary_logits
    out |= weight_gradients("grad_auxiliary", auxiliary, F.cross_entropy(read(False)[2], told))
    for push in ["raw", "centred", "log-softmax"]:
        logits, _, auxiliary_logits = read()
        loss = great_greace_loss(logits, auxiliary_logits, y, s["alpha"], s["beta"], push=push, smoothing=s["smoothing"])
        out |= weight_gradients(f"grad_push.{push}", main, loss)
    logits, _, auxiliary_logits = read()
    loss = great_greace_loss(logits, auxiliary_logits, y, s["alpha"], s["beta"], told=told)
    gradients = torch.autograd.grad(loss, list(main.parameters()))
    out |= named("grad_told", main, gradients)
    norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
    clipped = [(gradient * (s["clip"] / (norm + 1e-6)).clamp(max=1)) for gradient in gradients]
    out |= named("grad_clipped", main, clipped)
    logits, g, _ = read()
    loss = F.cross_entropy(logits, y) + s["input_gradient_weight"] * g.abs().sum((1, 2, 3)).mean()
    out |= weight_gradients("grad_l1", main, loss)
    return out, far


def distillation(case, seed, dtype):
    """One step of the auxiliary network and one of the student by every method, by plain gradient descent."""
    s = SETTINGS | case
    student, _, generator = networks(case, seed)
    teacher = main_network("cnn-medium", 0.25, case["image_shape"][0], case["classes"], case["activation"])
    auxiliary = Auxiliary(s["auxiliary_width"], case["image_shape"], 1)
    draw(teacher, generator)
    draw(auxiliary, generator)
    x, y = images(case, generator)
    # The scenario keeps its images as bytes.
    x = ((x * 255).round() / 255).to(dtype)
    student, teacher, auxiliary = student.to(dtype), teacher.to(dtype), auxiliary.to(dtype)
    out = named("main", student) | named("teacher", teacher) | named("auxiliary", auxiliary) | {"x.0": x, "y.0": y}
    far = min(relu_margin(network, auxiliary, x, y) for network in [student, teacher]) > SMALLEST_ACTIVATION

    taught, g_teacher = gradient_tensor(teacher, x, y)
    logits, g_student = gradient_tensor(student, x, y)
    says = F.binary_cross_entropy_with_logits
    said_teacher, said_student = (auxiliary(normalized(g.detach())) for g in [g_teacher, g_student])
    loss = says(said_teacher, torch.ones_like(said_teacher)) + says(said_student, torch.zeros_like(said_student))
    out["loss"], out["auxiliary_loss"] = F.cross_entropy(logits, y), loss / 2
    out["gradient_square"] = g_student.square().mean()
    gradients = torch.autograd.grad(loss, list(auxiliary.parameters()))
    out |= named("grad_auxiliary", auxiliary, gradients)
    with torch.no_grad():
        for weight, gradient in zip(auxiliary.parameters(), gradients, strict=True):
            weight -= s["auxiliary_sgd_rate"] * gradient
    far = far and relu_margin(student, auxiliary, x, y) > SMALLEST_ACTIVATION

    def label_gradient(network):
        leaf = x.clone().requires_grad_()
        label = network(leaf).gather(1, y[:, None]).sum()
        return torch.autograd.grad(label, leaf, create_graph=True)[0].flatten(1)

    def objective(method):
        logits, g = gradient_tensor(student, x, y, create_graph=True)
        task = F.cross_entropy(logits, y)
        if "soft-targets" in method:
            t = s["temperature"]
            softened = F.kl_div((logits / t).log_softmax(1), (taught.detach() / t).softmax(1), reduction="batchmean")
            task = s["cross_entropy_weight"] * task + s["soft_target_weight"] * t**2 * softened
        if method == "jacobian-matching":
            own, wanted = F.normalize(label_gradient(student)), F.normalize(label_gradient(teacher).detach())
            task = task + s["jacobian_matching_weight"] * (own - wanted).square().sum(1).mean()
        if "great" not in method:
            return task
        said = auxiliary(normalized(g))
        return (1 - s["alpha"]) * task + s["alpha"] * says(said, torch.ones_like(said))

    for method in ["cross-entropy", "soft-targets", "jacobian-matching", "great", "great+soft-targets"]:
        out |= weight_gradients(f"grad_student.{method}", student, objective(method))
    return out, far


def disagreement(exact, single):
    """The largest relative difference, and of which tensor."""
    floats = [name for name, value in exact.items() if value.is_floating_point()]

    def relative(name):
        return ((exact[name] - single[name]).abs().max() / exact[name].abs().max()).item()

    worst = max(floats, key=relative)
    return relative(worst), worst


def write(name, make, case):
    """Writes the first seed's tensors that float32 can be held to."""
    for seed in range(1, 1000):
        exact, far = make(case, seed, torch.float64)
        error, worst = disagreement(exact, make(case, seed, torch.float32)[0])
        if far and error < AGREEMENT:
            break
    else:
        raise SystemExit(f"{name}: no seed keeps clear of every edge")
    tensors = {key: (value.float() if value.is_floating_point() else value).detach().contiguous()
               for key, value in exact.items()}
    path = GOLDEN / f"{name}.safetensors"
    save_file(tensors, path, {"settings": json.dumps(SETTINGS | case | {"seed": seed})})
    path.chmod(0o644)
    size = path.stat().st_size
    print(f"{name}: seed {seed}, {len(tensors)} tensors, {size} bytes, float32 differs by {error:.1e} in {worst}")


def main():
    torch.set_num_threads(1)
    GOLDEN.mkdir(exist_ok=True)
    for name, case in CASES.items():
        write(name, golden, case)
    write("trajectory", trajectory, CASES["cnn-small-relu"])
    write("rivals", rivals, CASES["cnn-small-relu"])
    write("knobs", knobs, KNOBS)
    write("distillation", distillation, DISTILLATION)


if __name__ == "__main__":
    main()
