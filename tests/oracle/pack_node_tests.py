"""ONNX's own tests of single operators, as far as the lab claims to know these, in one archive:

    python pack_node_tests.py        # in this folder; needs onnx

golden/onnx-nodes.zip has for each test NAME/model.onnx, NAME/input_K.pb and NAME/output_K.pb. Left out are tests with other
operators, with types that no network of images has (strings, sequences, 64-bit floats, small integers), and versions of the
operators before 11."""

import pathlib
import re
import zipfile

import onnx
from onnx import TensorProto, numpy_helper
from onnx.backend.test.loader import load_model_tests

HERE = pathlib.Path(__file__).parent
KINDS = {TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL}


def known():
    table = (HERE.parents[1] / "src/nn/onnx/read/operators/table.rs").read_text()
    return set(re.findall(r'"(\w+)"', table[table.index("KNOWN"):table.index("];")]))


def kind(value):
    return value.type.tensor_type.elem_type if value.type.HasField("tensor_type") else None


def main():
    operators, count = known(), 0
    with zipfile.ZipFile(HERE / "golden" / "onnx-nodes.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for test in sorted(load_model_tests(kind="node"), key=lambda test: test.name):
            model = test.model or onnx.load(pathlib.Path(test.model_dir) / "model.onnx")
            graph = model.graph
            opset = next((s.version for s in model.opset_import if s.domain in ("", "ai.onnx")), 0)
            values = [*graph.input, *graph.output]
            if not (11 <= opset and not model.functions and len(graph.node) > 0
                    and all(node.op_type in operators and node.domain in ("", "ai.onnx") for node in graph.node)
                    and all(kind(value) in KINDS for value in values)):
                continue
            inputs, outputs = test.data_sets[0] if test.data_sets else ([], [])
            if test.model_dir:
                folder = pathlib.Path(test.model_dir) / "test_data_set_0"
                read = lambda what, n: [onnx.load_tensor(folder / f"{what}_{k}.pb") for k in range(n)]
                inputs = read("input", len(graph.input))
                outputs = read("output", len(graph.output))
            tensors = [("input", inputs), ("output", outputs)]
            if sum(len(t.SerializeToString()) if hasattr(t, "SerializeToString") else t.nbytes for _, all_ in tensors for t in all_) > 12_000:
                continue
            archive.writestr(f"{test.name}/model.onnx", model.SerializeToString())
            for what, all_ in tensors:
                for at, tensor in enumerate(all_):
                    if not hasattr(tensor, "SerializeToString"):
                        tensor = numpy_helper.from_array(tensor)
                    archive.writestr(f"{test.name}/{what}_{at}.pb", tensor.SerializeToString())
            count += 1
    print(count, "tests,", (HERE / "golden" / "onnx-nodes.zip").stat().st_size, "bytes")


main()
