"""How many images the public implementations of the attacks leave, on the weights and images of a lab's run:

    great-lab evaluate RUN --attack fgsm --epsilon 8/255 --samples 500 --save-examples images.npz
    python compare_attacks.py RUN/checkpoint.safetensors images.npz 8/255 pgd apgd-ce apgd-t

and, to be held beside it, `great-lab evaluate RUN --attack pgd,apgd-ce,apgd-t --epsilon 8/255 --samples 500`."""

import json
import sys
import time
import warnings
from fractions import Fraction

import foolbox
import numpy
import torch
import torchattacks
from pyautoattack.autoattack import AutoAttack
from pyautoattack.autopgd_base import APGDAttack, APGDAttack_targeted
from pyautoattack.fab_pt import FABAttack_PT
from pyautoattack.square import SquareAttack
from safetensors import safe_open

from networks import main_network

BATCH = 128
STEPS = {"pgd": 20, "mi-fgsm": 10}


def load(path):
    """The main network of a checkpoint."""
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["great-lab"])
        setup = header["config"]["setup"]
        network = main_network(setup["network"], setup["width"], header["image"][0], len(header["classes"]),
                               setup["activation"])
        weights = {name: file.get_tensor(f"main.{name}") for name, _ in network.named_parameters()}
    weights |= {"normalize.mean": torch.tensor(header["mean"]), "normalize.std": torch.tensor(header["deviation"])}
    network.load_state_dict(weights)
    return network.eval()


def attack(name, model, epsilon):
    """A function from images and labels to adversarial images."""
    common = {"norm": "Linf", "eps": epsilon, "seed": 0}
    steps = STEPS.get(name)
    if name == "fgsm":
        return torchattacks.FGSM(model, eps=epsilon)
    if name == "mi-fgsm":
        return torchattacks.MIFGSM(model, eps=epsilon, alpha=epsilon / steps, steps=steps)
    if name == "pgd":
        return torchattacks.PGD(model, eps=epsilon, alpha=2.5 * epsilon / steps, steps=steps)
    if name in ("apgd-ce", "apgd-dlr"):
        return APGDAttack(model, loss=name.removeprefix("apgd-"), **common).perturb
    if name == "apgd-t":
        return APGDAttack_targeted(model, **common).perturb
    if name == "fab-t":
        return FABAttack_PT(model, targeted=True, **common).perturb
    if name == "square":
        return SquareAttack(model, resc_schedule=False, **common).perturb
    if name == "deepfool":
        bounded = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")

        def within(x, y):
            found = foolbox.attacks.LinfDeepFoolAttack()(bounded, x, y, epsilons=None)[0].detach()
            near = (found - x).flatten(1).abs().amax(1) <= epsilon
            return torch.where(near[:, None, None, None], found, x)

        return within
    if name == "autoattack":
        return lambda x, y: AutoAttack(model, norm="Linf", eps=epsilon, seed=0).run_standard_evaluation(x, y)[0]
    raise SystemExit(f"there is no reference of {name}")


def main():
    checkpoint, images, epsilon, *names = sys.argv[1:]
    torch.set_num_threads(2)
    warnings.simplefilter("ignore")
    model, examples = load(checkpoint), numpy.load(images)
    x = torch.from_numpy(examples["images"]).float() / 255
    y = torch.from_numpy(examples["labels"])
    for name in names:
        begin, left = time.perf_counter(), 0
        for x_batch, y_batch in zip(x.split(BATCH), y.split(BATCH), strict=True):
            adversarial = attack(name, model, float(Fraction(epsilon)))(x_batch, y_batch)
            left += int((model(adversarial).argmax(1) == y_batch).sum())
        seconds = time.perf_counter() - begin
        print(f"{name:10} {100 * left / len(x):5.1f} %  {1000 * seconds / len(x):8.1f} ms an image", flush=True)


if __name__ == "__main__":
    main()
