"""How many images the public implementations of the attacks leave, beside the lab, on the same weights and images:

    great-lab evaluate RUN --attack pgd,apgd-ce,fab-t --epsilon 0.1 --samples 500 --save-examples lab.npz
    python compare_attacks.py RUN 0.1 results.jsonl lab-pgd-0.1.npz lab-apgd-ce-0.1.npz lab-fab-t-0.1.npz
    python compare_attacks.py --table results.jsonl

Each chunk of images under each attack is a line added to the results, and is not computed again: the run may be ended
at any time, and the table says of how many images it is. The lab's examples are judged by PyTorch too."""

import json
import pathlib
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

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts" / "export_torch"))
import export  # noqa: E402

CHUNK = 100
STEPS = {"pgd": 20, "pgd-l2": 20, "mi-fgsm": 10}
TOOLS = {"fgsm": "torchattacks", "mi-fgsm": "torchattacks", "pgd": "torchattacks", "pgd-l2": "torchattacks",
         "deepfool": "foolbox", "deepfool-l2": "foolbox", "cw-l2": "foolbox"}
AUTO = "AutoAttack's reference"
TOOLS |= {name + norm: AUTO for name in ["apgd-ce", "apgd-dlr", "apgd-t", "fab-t", "square", "autoattack"]
          for norm in ["", "-l2"]}


def smallest(attack, model, l2, epsilon):
    """Foolbox' search for the smallest perturbation; where it is larger than ε, the clean image."""
    bounded = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")

    def within(x, y):
        found = attack(bounded, x, y, epsilons=None)[0].detach()
        offset = (found - x).flatten(1)
        near = (offset.norm(dim=1) if l2 else offset.abs().amax(1)) <= epsilon
        return torch.where(near[:, None, None, None], found, x)

    return within


def attack(name, model, epsilon):
    """A function from images and labels to adversarial images."""
    base, l2 = name.removesuffix("-l2"), name.endswith("-l2")
    common = {"norm": "L2" if l2 else "Linf", "eps": epsilon, "seed": 0}
    steps = STEPS.get(name)
    if name == "fgsm":
        return torchattacks.FGSM(model, eps=epsilon)
    if name == "mi-fgsm":
        return torchattacks.MIFGSM(model, eps=epsilon, alpha=epsilon / steps, steps=steps)
    if name == "pgd":
        return torchattacks.PGD(model, eps=epsilon, alpha=2.5 * epsilon / steps, steps=steps)
    if name == "pgd-l2":
        return torchattacks.PGDL2(model, eps=epsilon, alpha=2.5 * epsilon / steps, steps=steps)
    if base in ("apgd-ce", "apgd-dlr"):
        return APGDAttack(model, loss=base.removeprefix("apgd-"), **common).perturb
    if base == "apgd-t":
        return APGDAttack_targeted(model, **common).perturb
    if base == "fab-t":
        return FABAttack_PT(model, targeted=True, **common).perturb
    if base == "square":
        return SquareAttack(model, resc_schedule=False, **common).perturb
    if base == "deepfool":
        kind = foolbox.attacks.L2DeepFoolAttack if l2 else foolbox.attacks.LinfDeepFoolAttack
        return smallest(kind(), model, l2, epsilon)
    if name == "cw-l2":
        return smallest(foolbox.attacks.L2CarliniWagnerAttack(steps=100), model, l2, epsilon)
    if base == "autoattack":
        standard = AutoAttack(model, norm=common["norm"], eps=epsilon, seed=0)
        return lambda x, y: standard.run_standard_evaluation(x, y, batch_size=len(x))[0]
    raise SystemExit(f"there is no reference of {name}")


def lines(path):
    """The results so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def chunk(name, epsilon, model, x, y, ours):
    """One line of the results, without its place."""
    begin = time.perf_counter()
    theirs = attack(name, model, float(Fraction(epsilon)))(x, y).detach()
    seconds = time.perf_counter() - begin
    with torch.no_grad():
        left = [(model(images).argmax(1) == y) for images in (x, theirs, ours)]
    clean, theirs_left, ours_left = (int(rows.sum()) for rows in left)
    return {"n": len(x), "clean": clean, "theirs": theirs_left, "lab": ours_left, "seconds": round(seconds, 1),
            "same": int((left[1] == left[2]).sum())}


def compare(run, epsilon, results, archives):
    """Adds what is missing to the results: chunk by chunk, so that every attack soon has some images."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    model = export.network(run)
    examples = {name_of(path): dict(numpy.load(path)) for path in archives}
    done = {(line["attack"], line["epsilon"], line["first"]) for line in lines(results)}
    for first in range(0, max(len(archive["labels"]) for archive in examples.values()), CHUNK):
        for name, archive in examples.items():
            rows = slice(first, first + CHUNK)
            x, y = torch.from_numpy(archive["clean"][rows]).float() / 255, torch.from_numpy(archive["labels"][rows])
            if len(x) == 0 or (name, epsilon, first) in done:
                continue
            line = {"attack": name, "epsilon": epsilon, "first": first}
            line |= chunk(name, epsilon, model, x, y, torch.from_numpy(archive["float"][rows]))
            with results.open("a") as file:
                print(json.dumps(line), file=file)


def name_of(path):
    """The attack in an archive's name, as `--save-examples` gives it: STEM-ATTACK-EPSILON.npz."""
    names = sorted(TOOLS, key=len, reverse=True)
    found = next((name for name in names if f"-{name}-" in pathlib.Path(path).name), None)
    return found or sys.exit(f"{path}: its name tells no attack that has a reference")


def table(results):
    """The results as Markdown."""
    print("| attack | ε | n | public tool | its robust accuracy | the lab's | apart | same verdict | its seconds |")
    print("| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    every = lines(results)
    for key in dict.fromkeys((line["attack"], line["epsilon"]) for line in every):
        of_it = [line for line in every if (line["attack"], line["epsilon"]) == key]
        n, theirs, lab, same, seconds = (sum(line[name] for line in of_it)
                                         for name in ["n", "theirs", "lab", "same", "seconds"])
        shares = f"{100 * theirs / n:.1f} % | {100 * lab / n:.1f} % | {100 * (lab - theirs) / n:+.1f}"
        print(f"| `{key[0]}` | {key[1]} | {n} | {TOOLS[key[0]]} | {shares} | {same} of {n} | {seconds:.0f} |")


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--table":
        table(pathlib.Path(sys.argv[2]))
    elif len(sys.argv) > 4:
        run, epsilon, results, *archives = sys.argv[1:]
        compare(run, epsilon, pathlib.Path(results), archives)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
