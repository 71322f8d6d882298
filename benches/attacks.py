"""Milliseconds per image of PGD-20 and AutoAttack, the lab's beside torchattacks' on PyTorch: `scripts/bench --attacks`.

Each network is trained for a moment by the lab, adversarially, so that some images withstand; both sides attack the same
weights on the same images, on so many threads. PyTorch takes what is fastest of several batch sizes; the lab finds its
own. The lab is timed by itself, from its first pass to its last; neither side's start counts."""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import warnings

import numpy
import torch
import torchattacks

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scripts" / "export_torch"))
import export  # noqa: E402

NETWORKS = [("cnn-medium", 1.0), ("resnet-18", 0.25)]
EPSILON, PGD_STEPS = 8 / 255, 20
BATCHES = [16, 32, 64, 128, 256]
PACE = re.compile(r"attacked (\d+) images in ([\d.]+) s, .* (\d+) at once")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lab", required=True, help="the program great-lab")
    parser.add_argument("--device", default="cpu", help="the lab's device; PyTorch takes CUDA where that is no CPU")
    parser.add_argument("--pgd-images", type=int, default=256)
    parser.add_argument("--auto-images", type=int, default=32)
    parser.add_argument("--train-steps", type=int, default=150)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--all", action="store_true", help="resnet-18 in full too")
    return parser.parse_args()


def lab(options, *command):
    """What the lab says."""
    environment = {"RAYON_NUM_THREADS": str(options.threads), "PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": "/tmp"}
    done = subprocess.run([options.lab, *map(str, command)], capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"bench: {done.stderr.strip()}")
    return done.stderr


def lab_pace(options, run, attack, images, steps):
    """Milliseconds per image, and images at once."""
    said = lab(options, "evaluate", run, "--attack", attack, "--steps", steps, "--epsilon", EPSILON,
               "--samples", images, "--device", options.device)
    count, seconds, at_once = PACE.search(said).groups()
    return 1000 * float(seconds) / int(count), int(at_once)


def torch_pace(options, model, attack, x, y):
    """The same of PyTorch at its fastest."""
    device = "cpu" if options.device == "cpu" else "cuda"
    model, x, y = model.to(device), x.to(device), y.to(device)
    if attack == "pgd":
        made = torchattacks.PGD(model, eps=EPSILON, alpha=2.5 * EPSILON / PGD_STEPS, steps=PGD_STEPS)
        sizes = [size for size in BATCHES if size <= len(x)]
    else:
        made = torchattacks.AutoAttack(model, norm="Linf", eps=EPSILON, n_classes=10, version="standard")
        sizes = [min(len(x), 128)]
    paces = []
    for size in sizes:
        made(x[:size], y[:size]) if attack == "pgd" else None
        begin = time.perf_counter()
        for x_batch, y_batch in zip(x.split(size), y.split(size), strict=True):
            made(x_batch, y_batch).cpu()
        paces.append((1000 * (time.perf_counter() - begin) / len(x), size))
    return min(paces)


def main():
    options = arguments()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    print("| network | attack | images | torchattacks, ms an image | at once | GREAT Lab, ms an image | at once | ratio |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
    for network, width in NETWORKS + [("resnet-18", 1.0)] * options.all:
        with tempfile.TemporaryDirectory() as scratch:
            run, saved = pathlib.Path(scratch) / "run", pathlib.Path(scratch) / "images.npz"
            lab(options, "train", "--network", network, "--set", f"width={width}", "--mode", "fast-at",
                "--set", f"epsilon={EPSILON}", "--steps", options.train_steps, "--device", options.device,
                "--set", "evaluate_samples=16", "--out", run)
            for attack, count in [("pgd", options.pgd_images), ("autoattack", options.auto_images)]:
                lab(options, "evaluate", run, "--attack", "fgsm", "--epsilon", EPSILON, "--samples", count,
                    "--device", options.device, "--save-examples", saved)
                with numpy.load(saved) as examples:
                    x, y = torch.from_numpy(examples["clean"]).float() / 255, torch.from_numpy(examples["labels"])
                theirs, their_size = torch_pace(options, export.network(run), attack, x, y)
                ours, our_size = lab_pace(options, run, attack, len(x), PGD_STEPS)
                name = network if width == 1 else f"{network} × {width}"
                print(f"| {name} | {attack if attack != 'pgd' else 'PGD-20'} | {len(x)} | {theirs:.1f} | {their_size} | "
                      f"{ours:.1f} | {our_size} | {ours / theirs:.2f} |", flush=True)


if __name__ == "__main__":
    main()
