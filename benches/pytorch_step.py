"""Times the lab's training steps in PyTorch: the competitor of `scripts/bench`. Prints one line of JSON.

The plain step is cross-entropy and Adam. The full step is GREAT+GREACE: the auxiliary network's step, then the main
network's against its new weights, through double backpropagation. Each runs in a process of its own, so that
time to first step and peak memory are its own too.

Eager steps use torch.optim's fused Adam. `torch.compile` cannot take a second derivative through a compiled backward
pass, so with `--compile` the whole step is one function that holds both derivatives (torch.func) and Adam's arithmetic.
"""

import argparse
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import time

ALPHA, BETA, MAIN_RATE, AUXILIARY_RATE = 0.1, 0.2, 2e-3, 1e-3


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="cnn-small", choices=["cnn-small", "cnn-medium", "resnet-18"])
    parser.add_argument("--width", type=float, default=1.0, help="factor on the main network's channels")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", default="1,28,28", help="C,H,W of an image")
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--steps", type=int, default=30, help="timed steps, after 5 that are not")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--compile", action="store_true", help="compile the whole step")
    parser.add_argument("--compile-mode", default="default", help="mode of torch.compile")
    parser.add_argument("--step", choices=["plain", "full"], help="only this one")
    parser.add_argument("--started", type=float, help=argparse.SUPPRESS)
    return parser.parse_args()


def networks_and_batch(options):
    """Both networks and one batch, on the device."""
    import torch
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "oracle"))
    import networks

    torch.set_num_threads(options.threads)
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    shape = [int(n) for n in options.size.split(",")]
    main = networks.main_network(options.network, options.width, shape[0], options.classes)
    auxiliary = networks.Auxiliary(1.0, shape, options.classes)
    x = torch.rand(options.batch, *shape)
    y = torch.randint(options.classes, [options.batch])
    return [value.to(options.device) for value in (main, auxiliary, x, y)]


def eager_step(main, auxiliary, x, y, full):
    """A step in the ordinary way; answers a function that takes it and returns the cross-entropy."""
    import networks
    import torch
    from torch.nn import functional as F

    main_optimiser = torch.optim.Adam(main.parameters(), lr=MAIN_RATE, fused=True)
    auxiliary_optimiser = torch.optim.Adam(auxiliary.parameters(), lr=AUXILIARY_RATE, fused=True)
    weights = list(main.parameters())

    def plain_step():
        loss = F.cross_entropy(main(x), y)
        main_optimiser.zero_grad()
        loss.backward()
        main_optimiser.step()
        return loss

    def full_step():
        logits, g = networks.gradient_tensor(main, x, y, create_graph=True)
        auxiliary_optimiser.zero_grad()
        F.cross_entropy(auxiliary(networks.normalized(g.detach())), y).backward()
        auxiliary_optimiser.step()
        loss = networks.great_greace_loss(logits, auxiliary(networks.normalized(g)), y, ALPHA, BETA)
        main_optimiser.zero_grad()
        # Not autograd.grad: its gradients may have strides of their own, which the fused Adam misreads.
        loss.backward(inputs=weights)
        main_optimiser.step()
        return F.cross_entropy(logits.detach(), y)

    return full_step if full else plain_step


def adam(state, gradients, count, rate):
    """New (weights, first moments, second moments) after one step of Adam."""
    weights, first, second = state
    first = {name: 0.9 * first[name] + 0.1 * gradients[name] for name in weights}
    second = {name: 0.999 * second[name] + 0.001 * gradients[name].square() for name in weights}
    scale, bias = rate / (1 - 0.9**count), 1 - 0.999**count
    moved = {name: weights[name] - scale * first[name] / ((second[name] / bias).sqrt() + 1e-8) for name in weights}
    return moved, first, second


def compiled_step(main, auxiliary, x, y, full, mode):
    """The same step as one compiled function from the old state to the new one."""
    import networks
    import torch
    from torch.func import functional_call, grad
    from torch.nn import functional as F

    buffers = dict(main.named_buffers())

    def cross_entropy(weights, x):
        logits = functional_call(main, (weights, buffers), (x,))
        return F.cross_entropy(logits, y), logits

    def plain_step(main_state, auxiliary_state, count):
        gradients, logits = grad(lambda weights: cross_entropy(weights, x), has_aux=True)(main_state[0])
        return adam(main_state, gradients, count, MAIN_RATE), auxiliary_state, F.cross_entropy(logits, y)

    def full_step(main_state, auxiliary_state, count):
        def read(weights, g):
            return functional_call(auxiliary, (weights,), (networks.normalized(g),))

        def objective(weights):
            def summed(x):
                loss, logits = cross_entropy(weights, x)
                return loss * len(x), logits

            g, logits = grad(summed, has_aux=True)(x)
            seen = g.detach()
            gradients = grad(lambda weights: F.cross_entropy(read(weights, seen), y))(auxiliary_state[0])
            stepped = adam(auxiliary_state, gradients, count, AUXILIARY_RATE)
            loss = networks.great_greace_loss(logits, read(stepped[0], g), y, ALPHA, BETA)
            return loss, (stepped, F.cross_entropy(logits, y))

        gradients, (stepped, loss) = grad(objective, has_aux=True)(main_state[0])
        return adam(main_state, gradients, count, MAIN_RATE), stepped, loss

    def fresh(network):
        weights = {name: weight.detach().clone() for name, weight in network.named_parameters()}
        zeros = [{name: torch.zeros_like(weight) for name, weight in weights.items()} for _ in range(2)]
        return weights, *zeros

    run = torch.compile(full_step if full else plain_step, mode=mode, fullgraph=True)
    state = [fresh(main), fresh(auxiliary)]
    count = torch.zeros((), device=x.device)

    def step():
        count.add_(1)
        torch.compiler.cudagraph_mark_step_begin()
        *state[:], loss = run(*state, count)
        return loss

    return step


def measure(options):
    """Time to first step, median step and peak memory of one kind of step."""
    import torch

    def resident():
        """The most memory the process has held, in bytes."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

    cuda = options.device == "cuda"
    before = 0 if cuda else resident()
    main, auxiliary, x, y = networks_and_batch(options)
    full = options.step == "full"

    def finished():
        if cuda:
            torch.cuda.synchronize()

    if options.compile:
        step = compiled_step(main, auxiliary, x, y, full, options.compile_mode)
        try:
            step()
        except Exception as error:
            reason = (str(error).strip() or repr(error)).splitlines()[0]
            return {"form": f"not possible: {type(error).__name__}: {reason}"}
        form = f"torch.compile({options.compile_mode}) of one torch.func function"
    else:
        step, form = eager_step(main, auxiliary, x, y, full), "eager"
        step()
    finished()
    first = time.time() - options.started
    for _ in range(5):
        step()
    finished()
    # On a GPU several steps are timed together: nobody waits for the device after each.
    burst = 10 if cuda else 1
    times = []
    for _ in range(max(1, options.steps // burst)):
        begin = time.perf_counter()
        for _ in range(burst):
            loss = step()
        finished()
        times.append((time.perf_counter() - begin) / burst)
    peak = torch.cuda.max_memory_allocated() if cuda else resident()
    return {
        "form": form, "ms": 1e3 * statistics.median(times), "fastest_ms": 1e3 * min(times),
        "first_step_ms": 1e3 * first,
        "peak_bytes": peak, "of_it_import_torch_bytes": before, "last_loss": loss.item(),
        "torch": torch.__version__, "device": torch.cuda.get_device_name() if cuda else "cpu",
    }


def main():
    options = arguments()
    if options.started is not None:
        print(json.dumps(measure(options)))
        return
    kept = ["network", "width", "batch", "size", "classes", "steps", "threads", "compile"]
    result = {key: getattr(options, key) for key in kept}
    for step in [options.step] if options.step else ["plain", "full"]:
        command = [sys.executable, *sys.argv, "--step", step, "--started", str(time.time())]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        result[step] = json.loads(output.splitlines()[-1])
    print(json.dumps(result))


if __name__ == "__main__":
    main()
