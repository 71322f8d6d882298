"""How long the lab takes for logits and ∇x J of a network of somebody's own, beside eager PyTorch and beside its own layers:

    python time_own.py PROGRAM [NETWORK …]        # needs torch, torchvision and, for vit-tiny, timm

PROGRAM is great-lab. ResNet-18 in the form for CIFAR unless others are named (resnet-18, wide-resnet-28-10, vit-tiny in patches of
4), batches of 64, float32, on the CPU; its file is written by PyTorch, and the lab's own resnet-18, which has group norms in place
of batch norms folded into convolutions, is trained for a step. The data are noise. Each is timed three times, in turns; the least
counts. PyTorch is asked for its best of two memory formats, in evaluation mode and with weights that need no gradient."""

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


class WideBlock(nn.Module):
    """Zagoruyko & Komodakis 2016, as RobustBench has it."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn2, self.conv2 = nn.BatchNorm2d(outputs), nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.shortcut = None if inputs == outputs else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x):
        out = F.relu(self.bn1(x))
        short = x if self.shortcut is None else self.shortcut(out)
        return self.conv2(F.relu(self.bn2(self.conv1(out)))) + short


def wide_resnet(depth=28, factor=10):
    widths = [16, 16 * factor, 32 * factor, 64 * factor]
    blocks = [WideBlock(widths[group] if first else widths[group + 1], widths[group + 1], 2 if first and group else 1)
              for group in range(3) for first in [True] + [False] * ((depth - 4) // 6 - 1)]
    return nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1, bias=False), *blocks, nn.BatchNorm2d(widths[3]), nn.ReLU(), nn.AvgPool2d(8),
                         nn.Flatten(), nn.Linear(widths[3], 10))


def network(name):
    if name == "wide-resnet-28-10":
        model = wide_resnet()
    elif name == "vit-tiny":
        import timm
        model = timm.create_model("vit_tiny_patch16_224", img_size=32, patch_size=4, num_classes=10)
    else:
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


def compare(program, name):
    model = network(name)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        (scratch / "data").mkdir()
        write_data(scratch / "data")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(model, (torch.rand(1, 3, 32, 32),), scratch / "own.onnx", dynamo=False,
                              input_names=["x"], dynamic_axes={"x": {0: "N"}})
        if name == "resnet-18":
            off = [f"--set={knob}_every_steps=0" for knob in ("evaluate", "probe", "histogram")]
            subprocess.run([program, "train", "--data", scratch / "data", "--network", name, "--steps", "1", "--mode", "baseline",
                            "--device", "cpu", "--quiet", "--out", scratch / "run", *off], check=True, stdout=subprocess.DEVNULL)

        def lab(what):
            said = subprocess.run([program, "inspect", scratch / what, "--data", scratch / "data", "--samples", "256", "--device", "cpu"],
                                  check=True, capture_output=True, text=True).stdout
            return float(re.search(r"logits and gradient: ([\d.]+) ms", said)[1])

        ways = {"the lab, from ONNX": lambda: lab("own.onnx"), "the lab, its own layers": lambda: lab("run"),
                "PyTorch, eager": lambda: pytorch(model, torch.contiguous_format),
                "PyTorch, eager, channels last": lambda: pytorch(model, torch.channels_last)}
        if name != "resnet-18":
            del ways["the lab, its own layers"]
        least = {name: float("inf") for name in ways}
        for _ in range(TURNS):
            for name, way in ways.items():
                least[name] = min(least[name], way())
    own = least["the lab, from ONNX"]
    print(f"{name}: PyTorch {torch.__version__}, {torch.get_num_threads()} threads, ms an image")
    for way, took in least.items():
        print(f"    {way}: {took:.2f} ({own / took:.2f})", flush=True)


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    for name in sys.argv[2:] or ["resnet-18"]:
        compare(program, name)


main()
