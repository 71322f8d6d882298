"""Writes a checkpoint's main network as a PyTorch `state_dict` with its definition, where it says what the lab says."""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

import numpy
import torch
from safetensors import SafetensorError, safe_open

import network as definition

IMAGES = 64
# Of the largest logit, or of 1 where that is larger: both sides compute in float32, in another order.
TOLERANCE = 1e-4


class Refusal(Exception):
    """What is wrong with what was given."""


def read_checkpoint(path, transforms=("none",)):
    """What a checkpoint says of its main network, and that network's `state_dict`; refused where it does something else to
    its input than what is named."""
    path = pathlib.Path(path)
    path = path / "checkpoint.safetensors" if path.is_dir() else path
    try:
        with safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {})["great-lab"])
            is_from_file = "network.onnx" in file.keys()
            weights = {name.removeprefix("main."): file.get_tensor(name) for name in file.keys()
                       if name.startswith("main.") and not name.startswith("main.optimizer.")}
        setup = header["config"]["setup"]
        if setup.get("input_transform", "none") not in transforms:
            raise Refusal(f"{path} transforms its input ({setup['input_transform']}), which network.py does not define")
        if is_from_file:
            raise Refusal(f"{path} began as the network of {setup['pretrained']}: great-lab export writes that one, as ONNX")
        kept = {key: setup[key] for key in ["network", "width", "activation"]}
        kept["head"] = setup.get("head", "pooled")
        kept["depth"] = setup.get("depth", 2)
        if "hidden1.weight" in weights:
            # A world has one network, whatever its setup names.
            kept["network"] = "mlp"
        kept |= {key: header[key] for key in ["image", "classes", "step"]}
        statistics = {"mean": torch.tensor(header["mean"]), "std": torch.tensor(header["deviation"])}
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise Refusal(f"{path} cannot be read as a checkpoint: {type(error).__name__}: {error}") from error
    return kept, weights | {f"normalize.{name}": values for name, values in statistics.items()}


def network(path, transforms=("none",)):
    """The main network of a checkpoint, in evaluation mode, without what it does to its input."""
    kept, weights = read_checkpoint(path, transforms)
    try:
        model = definition.main_network(kept["network"], kept["width"], kept["image"][0], len(kept["classes"]),
                                        kept["activation"], kept["head"], kept["image"][1:], kept["depth"])
        model.load_state_dict(weights)
    except (KeyError, RuntimeError) as error:
        raise Refusal(f"{path} holds a network that network.py does not define: {error}") from error
    return model.eval()


def write(checkpoint, folder):
    """The three files."""
    kept, weights = read_checkpoint(checkpoint)
    network(checkpoint)
    (folder / "network.json").write_text(json.dumps(kept, indent=1) + "\n")
    torch.save(weights, folder / "weights.pt")
    shutil.copyfile(definition.__file__, folder / "network.py")


def examples(lab, checkpoint, folder, data):
    """What the lab says of some held-out images and of noisy ones, as its own archive."""
    path = folder / "examples.npz"
    command = [lab, "evaluate", checkpoint, "--attack", "noise", "--epsilon", "0.1", "--samples", str(IMAGES),
               "--device", "cpu", "--quiet", "--save-examples", path, *(["--data", data] if data else [])]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise Refusal(f"the lab does not evaluate the checkpoint: {done.stderr.strip()}")
    try:
        return dict(numpy.load(path))
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise Refusal(f"the lab's examples cannot be read: {error}") from error


def differences(folder, said):
    """The largest difference of a logit in the lab and in the network that the folder holds, and the largest logit."""
    program = "import numpy, sys, torch, network; torch.set_grad_enabled(False); e = numpy.load(sys.argv[1]); " \
        "clean = torch.from_numpy(e['clean']).float() / 255; model = network.load(); " \
        "numpy.save(sys.argv[2], torch.cat([model(clean), model(torch.from_numpy(e['float']))]).numpy())"
    logits = folder.parent / "logits.npy"
    # As a user would: from the folder, with nothing of the lab's at hand.
    command = [sys.executable, "-B", "-c", program, folder.parent / "examples.npz", logits]
    subprocess.run(command, cwd=folder, check=True)
    expected = numpy.concatenate([said["clean_logits"], said["float_logits"]])
    return float(numpy.abs(numpy.load(logits) - expected).max()), float(numpy.abs(expected).max())


def main():
    parser = argparse.ArgumentParser(prog="scripts/export-torch", description=__doc__)
    parser.add_argument("checkpoint", type=pathlib.Path, help="a checkpoint.safetensors, or the run folder that holds one")
    parser.add_argument("folder", type=pathlib.Path, help="where network.py, network.json and weights.pt are to be")
    parser.add_argument("--data", help="where the images are that both are tried on [default: where the run had them]")
    parser.add_argument("--lab", required=True, type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    try:
        if options.folder.exists() and (not options.folder.is_dir() or any(options.folder.iterdir())):
            raise Refusal(f"{options.folder} is there and is no empty folder; name another")
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch) / "exported"
            folder.mkdir()
            write(options.checkpoint, folder)
            said = examples(options.lab, options.checkpoint, pathlib.Path(scratch), options.data)
            apart, largest = differences(folder, said)
            if not apart <= TOLERANCE * max(1, largest):
                raise Refusal(f"PyTorch's logits differ from the lab's by {apart:.1e}; nothing was written")
            shutil.copytree(folder, options.folder, dirs_exist_ok=True)
        count = 2 * len(said["labels"])
        print(f"{options.folder}: logits of {count} images differ by at most {apart:.1e}; the largest is {largest:.1f}")
    except (Refusal, OSError) as refusal:
        sys.exit(f"export-torch: {refusal}")


if __name__ == "__main__":
    main()
