"""Writes `golden/saturated.safetensors`: what attacks that f32 cannot blind make of a network whose logits are 50 times as
large; see README.md. The network, images and labels are those of `attacks.safetensors`. All is computed in float64 from losses
that round nothing: the cross-entropy as softplus of the log-odds, the margin, the cross-entropy of logits divided by their
margin. Images are kept only where every adversarial image is the same, to 2e-6 of a pixel, if the network computes in float32."""

import json

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from make_golden import GOLDEN
from networks import main_network

SETTINGS = {"factor": 50.0, "images": 6, "epsilon": 0.04, "epsilon_l2": 0.4, "steps": 5, "torch": torch.__version__}
AGREEMENT = 2e-6
with safe_open(GOLDEN / "attacks.safetensors", "pt") as file:
    TRAINED = json.loads(file.metadata()["settings"])


def network():
    """The trained network, its logits multiplied."""
    weights = load_file(GOLDEN / "attacks.safetensors")
    main = main_network(TRAINED["network"], TRAINED["width"], 1, TRAINED["classes"], TRAINED["activation"])
    main.load_state_dict({name[5:]: value for name, value in weights.items() if name.startswith("main.")})
    with torch.no_grad():
        main.head.weight *= SETTINGS["factor"]
        main.head.bias *= SETTINGS["factor"]
    return main.eval(), weights["x"], weights["y"]


def parts(z, c):
    """The class's logit, and the others with it out of reach."""
    own = z.gather(1, c[:, None]).squeeze(1)
    return own, z.scatter(1, c[:, None], -torch.inf)


def exact(z, c):
    """The cross-entropy from the log-odds: no probability is rounded to 1. In float32, where its gradient is too small all
    the same, the log-odds."""
    own, others = parts(z, c)
    odds = others.logsumexp(1) - own
    return F.softplus(odds) if z.dtype == torch.float64 else odds


def margin(z, c):
    own, others = parts(z, c)
    return others.amax(1) - own


def scaled(z, c):
    own, others = parts(z, c)
    return F.cross_entropy(z / (own - others.amax(1)).abs().detach()[:, None], c, reduction="none")


LOSSES = {"exact": exact, "margin": margin, "scaled": scaled}


def gradient(main, loss, x, c):
    """`∇x` of the loss of class `c`, each image's divided by its largest entry."""
    x = x.detach().requires_grad_()
    (g,) = torch.autograd.grad(loss(main(x), c).sum(), x)
    return g / g.abs().amax((1, 2, 3), keepdim=True)


def walk(main, loss, x, c, steps, size, aim):
    """Signed steps from the images themselves in the L∞ ball, away from `c` (aim 1) or towards it (−1)."""
    clean = x
    for _ in range(steps):
        x = x + aim * size * gradient(main, loss, x, c).sign()
        x = x.clamp(clean - SETTINGS["epsilon"], clean + SETTINGS["epsilon"]).clamp(0, 1)
    return x


def walk_l2(main, loss, x, c, steps, size):
    clean, radius = x, SETTINGS["epsilon_l2"]
    for _ in range(steps):
        g = gradient(main, loss, x, c)
        offset = x + size * g / g.square().sum((1, 2, 3), keepdim=True).sqrt() - clean
        length = offset.square().sum((1, 2, 3), keepdim=True).sqrt()
        x = (clean + offset * (radius / length).clamp(max=1)).clamp(0, 1)
    return x


def attacks(main, x, y):
    """What each attack makes of the images, by its name in the lab; targets are the next class."""
    s, target = SETTINGS, (y + 1) % TRAINED["classes"]
    epsilon, steps = s["epsilon"], s["steps"]
    out = {}
    for suffix, c, aim in [("", y, 1), ("-targeted", target, -1)]:
        out[f"fgsm-exact{suffix}"] = walk(main, exact, x, c, 1, epsilon, aim)
        out[f"ifgsm-exact{suffix}"] = walk(main, exact, x, c, steps, epsilon / steps, aim)
        for name, loss in LOSSES.items():
            out[f"pgd-{name}{suffix}"] = walk(main, loss, x, c, steps, 2.5 * epsilon / steps, aim)
    for name in ["exact", "margin"]:
        out[f"pgd-{name}-l2"] = walk_l2(main, LOSSES[name], x, y, steps, 2.5 * s["epsilon_l2"] / steps)
    return {f"attack.{name}": images for name, images in out.items()}


def main():
    torch.set_num_threads(1)
    main, x, y = network()
    single = attacks(main, x, y)
    with torch.no_grad():
        p = main(x).softmax(1).gather(1, y[:, None]).squeeze(1)
    plain = torch.autograd.grad(F.cross_entropy(main(leaf := x.clone().requires_grad_()), y, reduction="sum"), leaf)[0]
    vanished = plain.flatten(1).abs().amax(1) == 0
    main, x = main.double(), x.double()
    double = attacks(main, x, y)
    apart = torch.stack([(double[name] - single[name]).flatten(1).abs().amax(1) for name in double]).amax(0)
    keeps = apart < AGREEMENT
    print(f"{int(keeps.sum())} of {len(x)} images agree in float32; p is 1 for {int((p == 1).sum())}, the gradient 0 for "
          f"{int(vanished.sum())}")
    # Where the plain cross-entropy fails: the label's entry is lost, or all of it.
    rows = (keeps & (p == 1)).nonzero().squeeze(1)
    rows = torch.cat([rows[vanished[rows]][:3], rows[~vanished[rows]]])[: SETTINGS["images"]]
    assert len(rows) == SETTINGS["images"], rows
    few, classes = x[rows], y[rows]
    tensors = {name: images[rows] for name, images in double.items()}
    target = (classes + 1) % TRAINED["classes"]
    for name, loss in LOSSES.items():
        tensors[f"gradient.{name}"] = gradient(main, loss, few, classes)
        tensors[f"gradient.{name}-targeted"] = gradient(main, loss, few, target)
    settings = SETTINGS | {"rows": rows.tolist(), "vanished": int(vanished[rows].sum()), "classes": TRAINED["classes"]}
    tensors = {name: value.float().contiguous() for name, value in tensors.items()}
    path = GOLDEN / "saturated.safetensors"
    save_file(tensors, path, {"settings": json.dumps(settings)})
    path.chmod(0o644)
    print(path.stat().st_size, "bytes;", settings)


if __name__ == "__main__":
    main()
