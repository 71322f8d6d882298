"""Whether networks that the lab writes as ONNX say in ONNX Runtime what they say in the lab:

    python check_onnx.py PROGRAM FOLDER [FOLDER …]

PROGRAM is great-lab, each FOLDER a run. It is written by `great-lab export`, checked by ONNX's own checker, and asked for the
held-out images of `great-lab evaluate --save-examples`; every logit must lie within 1e-5 of the largest."""

import pathlib
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnxruntime

SAMPLES = 100
WITHIN = 1e-5


def difference(program, run):
    """The largest difference of a logit over the largest logit; the operators, and the names of the classes."""
    with tempfile.TemporaryDirectory() as scratch:
        model, examples = pathlib.Path(scratch) / "model.onnx", pathlib.Path(scratch) / "examples.npz"
        subprocess.run([program, "export", run, model], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([program, "evaluate", run, "--attack", "fgsm", "--epsilon", "0.01", "--samples", str(SAMPLES),
                        "--device", "cpu", "--quiet", "--save-examples", examples], check=True, stdout=subprocess.DEVNULL)
        found = numpy.load(examples)
        images = found["clean"].astype(numpy.float32) / 255
        loaded = onnx.load(model)
        onnx.checker.check_model(loaded, full_check=True)
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        said = session.run(["logits"], {"images": images})[0]
        # Another number of images, since N is free.
        few = session.run(["logits"], {"images": images[:3]})[0]
        expected = found["clean_logits"]
        assert said.shape == expected.shape and len(images) == SAMPLES, (said.shape, expected.shape)
        largest = numpy.abs(expected).max()
        off = max(numpy.abs(said - expected).max(), numpy.abs(few - expected[:3]).max()) / largest
        return off, sorted({node.op_type for node in loaded.graph.node}), \
            {entry.key: entry.value for entry in loaded.metadata_props}


def main():
    program, *runs = sys.argv[1:]
    worst = 0
    for run in runs:
        off, operators, words = difference(program, run)
        worst = max(worst, off)
        print(f"{run}: off by {off:.1e} of the largest logit; {', '.join(operators)}; "
              f"{words['network']}, {len(words['classes'].splitlines())} classes")
    print(f"{len(runs)} networks, at most {worst:.1e}")
    if worst > WITHIN:
        sys.exit(1)


main()
