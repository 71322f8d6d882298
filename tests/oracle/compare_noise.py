"""How many images of a network that draws noise torchattacks leaves, beside the lab, in expectation over the noise (EOT):

    great-lab train --set input_transform=noise --set transform_noise=0.2 --mode baseline --out RUN
    great-lab evaluate RUN --attack pgd,apgd-ce,apgd-dlr --epsilon 0.03 --steps 20 --samples 200 --save-examples lab.npz
    python compare_noise.py RUN 0.03 lab-pgd-0.03.npz lab-apgd-ce-0.03.npz lab-apgd-dlr-0.03.npz

Both sides' images are judged by the mean logits of the same draws, which neither attack has seen. Prints a Markdown table."""

import json
import math
import pathlib
import sys
from fractions import Fraction

import numpy
import torch
import torchattacks

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts" / "export_torch"))
import export  # noqa: E402

DRAWS = 20
VERDICT_DRAWS = 32
PGD_STEPS = 20
AUTO_STEPS = 100


class Noisy(torch.nn.Module):
    """A network that sees normal noise on its input, drawn anew in each pass."""

    def __init__(self, inner, deviation):
        super().__init__()
        self.inner, self.deviation = inner, deviation

    def forward(self, x):
        return self.inner(x + self.deviation * torch.randn_like(x))


def attack(name, model, epsilon):
    """What makes adversarial images of images and labels, and the tool's name of it."""
    if name == "pgd":
        step = 2.5 * epsilon / PGD_STEPS
        return torchattacks.EOTPGD(model, eps=epsilon, alpha=step, steps=PGD_STEPS, eot_iter=DRAWS), "EOTPGD"
    loss = name.removeprefix("apgd-")
    made = torchattacks.APGD(model, eps=epsilon, steps=AUTO_STEPS, n_restarts=1, loss=loss, eot_iter=DRAWS)
    return made, f"APGD({loss}, eot_iter={DRAWS})"


def right(model, images, labels):
    """Which images the mean logits over the draws classify correctly; the same draws each time."""
    torch.manual_seed(7)
    with torch.no_grad():
        return sum(model(images) for _ in range(VERDICT_DRAWS)).argmax(1) == labels


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    run, epsilon, *archives = sys.argv[1:]
    torch.set_num_threads(1)
    setup = json.loads((pathlib.Path(run) / "run.json").read_text())["config"]["setup"]
    model = Noisy(export.network(run, ("noise",)), setup["transform_noise"]).eval()
    print("| attack | ε | n | right without attack | torchattacks | leaves | the lab's leave | left by one side alone |")
    print("| --- | ---: | ---: | ---: | --- | ---: | ---: | ---: |")
    for path in archives:
        name = next(name for name in ["apgd-ce", "apgd-dlr", "pgd"] if f"-{name}-" in path)
        archive = numpy.load(path)
        x, y = torch.from_numpy(archive["clean"]).float() / 255, torch.from_numpy(archive["labels"])
        torch.manual_seed(0)
        make, tool = attack(name, model, float(Fraction(epsilon)))
        theirs = right(model, make(x, y).detach(), y)
        ours = right(model, torch.from_numpy(archive["float"]), y)
        n, clean = len(y), right(model, x, y).sum()
        only = [int((theirs & ~ours).sum()), int((ours & ~theirs).sum())]
        # The exact two-sided sign test over the images on which they differ.
        tail = sum(math.comb(sum(only), k) for k in range(min(only) + 1)) / 2 ** sum(only)
        p = min(1.0, 2 * tail)
        print(f"| `{name}` | {epsilon} | {n} | {100 * clean / n:.1f} % | {tool} | {100 * theirs.sum() / n:.1f} % "
              f"| {100 * ours.sum() / n:.1f} % | {only[0]} and {only[1]}, p = {p:.2f} |", flush=True)


if __name__ == "__main__":
    main()
