"""How long the lab takes for logits and ∇x J of a network of somebody's own, beside eager PyTorch and beside its own layers:

    python time_own.py PROGRAM        # needs torch and torchvision

PROGRAM is great-lab. ResNet-18 in the form for CIFAR, batches of 64, float32, on the CPU; its file is written by PyTorch, and the
lab's own resnet-18, which has group norms in place of batch norms folded into convolutions, is trained for a step. The data are
noise. Each is timed three times, in turns; the least counts. PyTorch is asked for its best of two memory formats, in evaluation
mode and with weights that need no gradient."""

import pathlib
import re
import subprocess
import sys
import tempfile
import time
import warnings

import numpy
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

BATCH, TURNS = 64, 3


def network():
    model = torchvision.models.resnet18(num_classes=10)
    model.conv1, model.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()
    return model.eval().requires_grad_(False)


def write_data(folder):
    generator = numpy.random.default_rng(0)
    for name in [*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"]:
        labels, pixels = generator.integers(0, 10, (300, 1)), generator.integers(0, 256, (300, 3072))
        numpy.concatenate([labels, pixels], 1).astype(numpy.uint8).tofile(folder / name)
    (folder / "batches.meta.txt").write_text("\n".join(f"class {k}" for k in range(10)) + "\n")


def pytorch(model, memory):
    model = model.to(memory_format=memory)
    x = torch.rand(BATCH, 3, 32, 32).contiguous(memory_format=memory).requires_grad_()
    y = torch.randint(10, (BATCH,))
    step = lambda: torch.autograd.grad(F.cross_entropy(model(x), y, reduction="sum"), x)
    step()
    begin = time.perf_counter()
    for _ in range(3):
        step()
    return 1000 * (time.perf_counter() - begin) / 3 / BATCH


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    model = network()
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        (scratch / "data").mkdir()
        write_data(scratch / "data")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(model, (torch.rand(1, 3, 32, 32),), scratch / "own.onnx", dynamo=False,
                              input_names=["x"], dynamic_axes={"x": {0: "N"}})
        off = [f"--set={knob}_every_steps=0" for knob in ("evaluate", "probe", "histogram")]
        subprocess.run([program, "train", "--data", scratch / "data", "--network", "resnet-18", "--steps", "1", "--mode", "baseline",
                        "--device", "cpu", "--quiet", "--out", scratch / "run", *off], check=True, stdout=subprocess.DEVNULL)

        def lab(what):
            said = subprocess.run([program, "inspect", scratch / what, "--data", scratch / "data", "--samples", "256", "--device", "cpu"],
                                  check=True, capture_output=True, text=True).stdout
            return float(re.search(r"logits and gradient: ([\d.]+) ms", said)[1])

        ways = {"the lab, from ONNX": lambda: lab("own.onnx"), "the lab, its own layers": lambda: lab("run"),
                "PyTorch, eager": lambda: pytorch(model, torch.contiguous_format),
                "PyTorch, eager, channels last": lambda: pytorch(model, torch.channels_last)}
        least = {name: float("inf") for name in ways}
        for _ in range(TURNS):
            for name, way in ways.items():
                least[name] = min(least[name], way())
    own = least["the lab, from ONNX"]
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads, ms an image")
    for name, took in least.items():
        print(f"{name}: {took:.2f} ({own / took:.2f})")


main()
