"""Networks of other people's making as ONNX files, and what PyTorch says of them:

    python make_own.py        # in this folder; needs torch, torchvision, timm, onnx, onnxscript, numpy and safetensors

golden/own/NAME-EXPORTER.onnx and, for both exporters, golden/own/NAME.safetensors with images `x`, labels `y`, `logits` and
`gradient` (∇x J of the summed cross-entropy J) and `curvature` (∇x of Σ v ⊙ ∇x J for the `v` there: double backpropagation);
and of one step of GREAT and GREACE the gradient of every weight, `step.N`, as the lab has the weights of the file: the
metadata say which N the weight NAME of an EXPORTER's file is, and the auxiliary network's weights are `h.NAME`.
Small widths, seeds fixed; norms have statistics of their own. Float64, as the other golden files; the files are float32."""

import json
import pathlib
import warnings

import onnx
import torch
import torchvision
from networks import Auxiliary, gradient_tensor, great_greace_loss
from onnx import numpy_helper
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from timm.models.vision_transformer import VisionTransformer

OUT = pathlib.Path(__file__).parent / "golden" / "own"
CLASSES, SIZE, IMAGES, SEED = 10, 16, 2, 1
# Of the step: what the auxiliary network reads is the gradient tensor times SCALE.
ALPHA, BETA, SCALE, WIDTH = 0.5, 0.3, 30.0, 0.5


class PreActBlock(nn.Module):
    """He et al. 2016, as RobustBench has it."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn2, self.conv2 = nn.BatchNorm2d(outputs), nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.shortcut = None
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x):
        out = F.relu(self.bn1(x))
        short = x if self.shortcut is None else self.shortcut(out)
        out = self.conv2(F.relu(self.bn2(self.conv1(out))))
        return out + short


class PreActResNet(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        widths = [width, width, 2 * width, 4 * width]
        blocks = [PreActBlock(a, b, s) for a, b, s in zip(widths, widths[1:], [1, 2, 2])]
        self.blocks, self.bn = nn.Sequential(*blocks), nn.BatchNorm2d(widths[-1])
        self.linear = nn.Linear(widths[-1], CLASSES)

    def forward(self, x):
        out = F.relu(self.bn(self.blocks(self.conv1(x))))
        return self.linear(F.avg_pool2d(out, 4).view(out.size(0), -1))


class WideResNet(nn.Module):
    """Zagoruyko & Komodakis 2016, with the normalisation inside that robust ones of RobustBench have."""

    def __init__(self, width, activation=nn.ReLU):
        super().__init__()
        self.register_buffer("mu", torch.tensor([0.4914, 0.4822, 0.4465]).view(1, 3, 1, 1))
        self.register_buffer("sigma", torch.tensor([0.2471, 0.2435, 0.2616]).view(1, 3, 1, 1))
        self.conv1 = nn.Conv2d(3, 8, 3, 1, 1, bias=False)
        widths = [8, width, 2 * width]
        layers = []
        for a, b, s in zip(widths, widths[1:], [1, 2]):
            layers += [nn.BatchNorm2d(a), activation(), nn.Conv2d(a, b, 3, s, 1, bias=False)]
        self.layers = nn.Sequential(*layers, nn.BatchNorm2d(widths[-1]), activation())
        self.fc = nn.Linear(widths[-1], CLASSES)

    def forward(self, x):
        out = self.layers(self.conv1((x - self.mu) / self.sigma))
        return self.fc(F.adaptive_avg_pool2d(out, 1).flatten(1))


class Vgg(nn.Module):
    """With a maximum, a dropout, a mean over windows that count no padding, and probabilities at its end."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 12, 3, padding=1), nn.ELU(), nn.MaxPool2d(3, 2, 1),
            nn.Conv2d(12, 12, 5, padding=2, groups=3, dilation=1), nn.LeakyReLU(0.1),
            nn.AvgPool2d(3, 2, 1, count_include_pad=False))
        self.classifier = nn.Sequential(nn.Linear(48, 24), nn.PReLU(), nn.Dropout(), nn.Linear(24, CLASSES))

    def forward(self, x):
        return F.softmax(self.classifier(torch.flatten(self.features(x), 1)), 1)


class Odd(nn.Module):
    """What else the operators have: groups, instances, layers normalised, resized, split, padded, clamped, chosen."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, (3, 5), (1, 2), (2, 1), dilation=(2, 1))
        self.group, self.instance = nn.GroupNorm(4, 8), nn.InstanceNorm2d(8, affine=True)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=0)
        self.layer, self.last = nn.LayerNorm(16), nn.Linear(16, CLASSES)
        self.mixing = nn.Parameter(0.3 * torch.randn(8, 8, generator=torch.Generator().manual_seed(SEED)))

    def forward(self, x):
        x = F.mish(self.group(self.conv1(x)))
        x = F.pad(F.interpolate(x, scale_factor=2, mode="nearest"), (1, 2, 0, 1))
        x = F.hardswish(self.instance(self.conv2(x)))
        a, b = torch.chunk(F.interpolate(x, size=(9, 7), mode="bilinear"), 2, dim=1)
        x = torch.cat([(a.abs() + 0.1).sqrt().add(b.sigmoid()), b.clamp(-0.5, 0.7).exp()], 1)
        x = x + torch.einsum("nchw,cd->ndhw", x, self.mixing) + 0.01 * torch.einsum("nchw,nchv->nhwv", x, x).sum(3)[:, None]
        x = torch.where(x > 0.2, x, 0.1 * x ** 3).mean((2, 3)).unsqueeze(1)
        x = torch.cat([x, x.softmax(-1)], 2).squeeze(1)
        return self.last(F.softplus(self.layer(x)) - torch.tanh(x).amax(1, keepdim=True))


def networks():
    # The channels of torchvision's are fixed.
    block = torchvision.models.resnet.BasicBlock
    yield "resnet", narrowed(lambda: torchvision.models.ResNet(block, [1, 1, 1, 1], CLASSES)), 32
    yield "preact-resnet", PreActResNet(8), SIZE
    yield "wide-resnet", WideResNet(16), SIZE
    yield "wide-resnet-silu", WideResNet(16, nn.SiLU), SIZE
    yield "vgg", Vgg(), SIZE
    yield "densenet", torchvision.models.DenseNet(4, (2, 2), 8, num_classes=CLASSES), 32
    yield "mobilenet-v2", torchvision.models.MobileNetV2(CLASSES, 0.1, [[1, 8, 1, 1], [6, 12, 2, 2], [6, 16, 2, 1]]), 32
    residual = torchvision.models.mobilenetv3.InvertedResidualConfig
    blocks = [residual(8, 3, 16, 8, True, "RE", 2, 1, 1.0), residual(8, 5, 24, 12, True, "HS", 2, 1, 1.0)]
    yield "mobilenet-v3", torchvision.models.MobileNetV3(blocks, 24, CLASSES), 32
    block = torchvision.models.efficientnet.MBConvConfig
    blocks = [block(1, 3, 1, 8, 8, 1, 1.0, 1.0), block(4, 5, 2, 8, 12, 2, 1.0, 1.0)]
    yield "efficientnet", torchvision.models.EfficientNet(blocks, 0.2, num_classes=CLASSES, last_channel=32), 32
    block = torchvision.models.convnext.CNBlockConfig
    yield "convnext", torchvision.models.ConvNeXt([block(8, 16, 1), block(16, None, 1)], num_classes=CLASSES), 32
    yield "vit", VisionTransformer(img_size=SIZE, patch_size=4, embed_dim=16, depth=2, num_heads=2, num_classes=CLASSES), SIZE
    yield "odd", Odd(), SIZE


def narrowed(make):
    """torchvision's ResNet with a sixteenth of its channels."""
    original = nn.Conv2d.__init__, nn.BatchNorm2d.__init__, nn.Linear.__init__
    few = lambda count: count if count <= 16 else max(count // 16, 4)

    def conv(self, inputs, outputs, *rest, **named):
        original[0](self, few(inputs), few(outputs), *rest, **named)

    def norm(self, count, *rest, **named):
        original[1](self, few(count), *rest, **named)

    def linear(self, inputs, outputs, *rest, **named):
        original[2](self, few(inputs), outputs, *rest, **named)

    nn.Conv2d.__init__, nn.BatchNorm2d.__init__, nn.Linear.__init__ = conv, norm, linear
    try:
        return make()
    finally:
        nn.Conv2d.__init__, nn.BatchNorm2d.__init__, nn.Linear.__init__ = original


def settled(network, generator):
    """With statistics, scales and shifts that are no ones and zeros."""
    for module in network.modules():
        for name in ["running_mean", "weight", "bias"]:
            value = getattr(module, name, None)
            if value is not None and value.dim() == 1:
                value.data.add_(0.2 * torch.randn(value.shape, generator=generator))
        if getattr(module, "running_var", None) is not None:
            module.running_var.mul_(0.5 + torch.rand(module.running_var.shape, generator=generator))
        if getattr(module, "layer_scale", None) is not None:
            module.layer_scale.data.fill_(0.5)
    return network.eval()


def gradient_of(network, x, y):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(network(x), y, reduction="sum"), x)[0]


def said(network, x, y, v):
    x = x.clone().requires_grad_()
    logits = network(x)
    if isinstance(network, Vgg):
        # The lab leaves the softmax out.
        logits = network.classifier(torch.flatten(network.features(x), 1))
    loss = F.cross_entropy(logits, y, reduction="sum")
    gradient = torch.autograd.grad(loss, x, create_graph=True)[0]
    try:
        curvature = torch.autograd.grad((gradient * v).sum(), x)[0]
    except RuntimeError:
        # PyTorch has no second derivative of hardsigmoid: the first one's difference, since the second is symmetric.
        step = 1e-6 if x.dtype == torch.float64 else 1e-3
        ahead, behind = (gradient_of(network, x.detach() + sign * step * v, y) for sign in (1, -1))
        curvature = (ahead - behind) / (2 * step) if x.dtype == torch.float64 else None
    return logits.detach(), gradient.detach(), curvature


def step(network, x, y, auxiliary):
    """The gradient of GREAT's and GREACE's objective with respect to each parameter and each constant of the network."""
    leaves = dict(network.named_parameters())
    for name, buffer in network.named_buffers():
        if name in ("mu", "sigma"):
            leaves[name] = buffer.requires_grad_()
    # The fused kernels of attention have no second derivative.
    with sdpa_kernel(SDPBackend.MATH):
        logits, g = gradient_tensor(Logits(network), x, y, create_graph=True)
    loss = great_greace_loss(logits, auxiliary(SCALE * g), y, ALPHA, BETA)
    found = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    for buffer in network.buffers():
        buffer.requires_grad_(False)
    return {name: (leaf.detach(), torch.zeros_like(leaf) if grad is None else grad)
            for (name, leaf), grad in zip(leaves.items(), found)}


class Logits(nn.Module):
    """The network without the softmax that the lab leaves out."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        if isinstance(self.network, Vgg):
            return self.network.classifier(torch.flatten(self.network.features(x), 1))
        return self.network(x)


def as_in_file(model, network, leaves):
    """The same gradients with respect to the weights of a file, by their names: exporters put norms into convolutions, turn
    matrices and leave axes out, and the lab makes of a norm a factor and a term."""
    norms = [(name, module) for name, module in network.named_modules() if isinstance(module, nn.BatchNorm2d)]
    norm = lambda name, module: [leaves[f"{name}.weight"], leaves[f"{name}.bias"],
                                 (module.running_var + module.eps).sqrt(), module.running_mean]

    def same(a, b):
        return a.numel() == b.numel() and torch.allclose(a.reshape(-1), b.reshape(-1), rtol=1e-5, atol=1e-6)

    def found(value):
        for leaf, grad in leaves.values():
            if leaf.shape == value.shape and same(leaf, value):
                return grad
        for leaf, grad in leaves.values():
            if leaf.dim() == 2 and leaf.T.shape == value.shape and same(leaf.T, value):
                return grad.T
            if leaf.numel() == value.numel() and same(leaf, value):
                return grad.reshape(value.shape)
        for name, module in norms:
            (scale, _), (shift, by_shift), deviation, mean = norm(name, module)
            for leaf, grad in leaves.values():
                if value.dim() == 4 and leaf.shape == value.shape and len(scale) == len(leaf):
                    factor = (scale / deviation)[:, None, None, None]
                    if same(leaf * factor, value):
                        return grad / factor
                if value.shape == shift.shape == leaf.shape and same((leaf - mean) * scale / deviation + shift, value):
                    return by_shift
            if value.shape == shift.shape and same(shift - mean * scale / deviation, value):
                return by_shift
        return None

    result, own = {}, set()
    for node in model.graph.node:
        if node.op_type == "BatchNormalization":
            values = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()).double()
                      for tensor in model.graph.initializer if tensor.name in node.input}
            for name, module in norms:
                (scale, by_scale), (shift, by_shift), deviation, mean = norm(name, module)
                if same(scale, values[node.input[1]]) and same(shift, values[node.input[2]]) and same(mean, values[node.input[3]]):
                    result[node.input[1]] = by_scale * deviation + mean * by_shift
                    result[node.input[2]] = by_shift
            own |= set(node.input[1:])
    missing = []
    for tensor in model.graph.initializer:
        value = torch.from_numpy(numpy_helper.to_array(tensor).copy())
        if tensor.name in own or not value.is_floating_point():
            continue
        grad = found(value.double())
        if grad is None and value.numel() == 1:
            continue
        if grad is None:
            missing.append(f"{tensor.name} {list(value.shape)}")
        else:
            result[tensor.name] = grad
    return result, missing


def kept(results, by_file):
    """Every gradient once, and which weight of which file has which."""
    which = {}
    for key, grad in by_file.items():
        grad = grad.float().contiguous()
        name = next((name for name, other in results.items() if name.startswith("step.") and torch.equal(other, grad)), None)
        if name is None:
            name = f"step.{sum(name.startswith('step.') for name in results)}"
            results[name] = grad
        which[key] = name
    return {"step": json.dumps(which)}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for name, network, size in networks():
        for seed in range(SEED, SEED + 200):
            generator = torch.Generator().manual_seed(seed)
            torch.manual_seed(seed)
            for module in network.modules():
                if hasattr(module, "reset_parameters"):
                    module.reset_parameters()
            settled(network, generator)
            x = torch.rand(IMAGES, 3, size, size, generator=generator)
            y = torch.randint(CLASSES, (IMAGES,), generator=generator)
            v = torch.randn(x.shape, generator=generator)
            with torch.no_grad():
                spread = network(x).std(0).mean()
            single = said(network, x, y, v)
            double = said(network.double(), x.double(), y, v.double())
            network.float()
            off = [((a - b).abs().max() / b.abs().max()).item() for a, b in zip(single, double) if a is not None]
            if max(off) < 5e-6 and spread > 1e-6:
                break
        else:
            raise SystemExit(f"{name}: no seed is clear of all edges: {off}")
        results = dict(zip(["logits", "gradient", "curvature"], (tensor.float().contiguous() for tensor in double)))
        results = {"x": x, "y": y, "v": v, **results}
        torch.manual_seed(SEED)
        auxiliary = Auxiliary(WIDTH, x.shape[1:], CLASSES).double()
        results.update({f"h.{key}": value.float().contiguous() for key, value in auxiliary.state_dict().items()})
        auxiliary.load_state_dict({key: value.float().double() for key, value in auxiliary.state_dict().items()})
        leaves = None if name == "mobilenet-v3" else step(network.double(), x.double(), y, auxiliary)
        by_file, sizes = {}, []
        for exporter in ["script", "dynamo"]:
            path = OUT / f"{name}-{exporter}.onnx"
            network.float()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if exporter == "dynamo":
                    torch.onnx.export(network, (x,), path, dynamo=True, external_data=False, verbose=False, input_names=["x"],
                                      dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
                else:
                    torch.onnx.export(network, (x,), path, dynamo=False, opset_version=17, input_names=["x"],
                                      output_names=["y"], dynamic_axes={"x": {0: "N"}})
                # What only tells where it came from is a third of the file.
                model = onnx.load(path)
                for node in model.graph.node:
                    del node.metadata_props[:]
                    node.doc_string = ""
                del model.graph.value_info[:]
                onnx.save(model, path)
            sizes.append(path.stat().st_size)
            # PyTorch has no second derivative of MobileNetV3's hardsigmoid.
            if leaves is not None:
                found, missing = as_in_file(model, network.double(), leaves)
                by_file.update({f"{exporter}:{key}": grad for key, grad in found.items()})
                print(f"{name}-{exporter}: {len(found)} weights, not found: {missing}", flush=True)
        save_file(results, OUT / f"{name}.safetensors", metadata=kept(results, by_file))
        operators = sorted({node.op_type for node in onnx.load(path).graph.node})
        print(f"{name}: seed {seed}, {sizes} bytes, {' '.join(operators)}", flush=True)


main()
