"""``python experiments/nnunet/facts.py FOLD WORK``: size, arithmetic and cost of the trained nnU-Net, as `facts.json`.

Minutes and seconds are the processor's, of all processes together, unless they are called the clock's.
Runs in nnU-Net's own environment and imports nothing of this repository but the trainer beside it.
"""

import argparse
import importlib.metadata
import json
import math
import platform

import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from short_trainer import STEPS_PER_EPOCH

from brats_lib.files import home_path

__all__ = ["main", "multiply_adds"]


def multiply_adds(network, channels, patch):
    """Multiply-adds of the convolutions in one forward pass of one patch, counted by hooks.

    Parameters
    ----------
    network : torch.nn.Module
    channels : int
        Of the input.
    patch : sequence of int
        Its size.

    Returns
    -------
    int
    """
    counted = []

    def count(layer, inputs, output):
        # A convolution weighs kernel x input channels per output number, a transposed one spreads each input number.
        numbers = inputs[0] if isinstance(layer, torch.nn.ConvTranspose3d) else output
        counted.append(numbers.numel() // numbers.shape[1] * layer.weight.numel())

    kinds = (torch.nn.Conv3d, torch.nn.ConvTranspose3d)
    # The encoder is reached twice, by itself and through the decoder; modules() names each layer once.
    hooks = [layer.register_forward_hook(count) for layer in network.modules() if isinstance(layer, kinds)]
    with torch.no_grad():
        network(torch.zeros(1, channels, *patch))
    for hook in hooks:
        hook.remove()
    return sum(counted)


def _spent(path):
    """Seconds of the clock and of the processor in a file of lines `real user system`, one per run."""
    runs = [[float(number) for number in line.split()] for line in path.read_text().splitlines()]
    return sum(real for real, _, _ in runs), sum(user + system for _, user, system in runs)


def main():
    """Write `facts.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fold", type=home_path, help="folder of the training, with checkpoint_final.pth")
    parser.add_argument("work", type=home_path, help="folder that has predictions/ and gets facts.json")
    options = parser.parse_args()
    torch.set_num_threads(1)

    about = json.loads((options.fold.parent / "dataset.json").read_text())
    plans = PlansManager(str(options.fold.parent / "plans.json"))
    configuration = plans.get_configuration("3d_fullres")
    channels = determine_num_input_channels(plans, configuration, about)
    heads = plans.get_label_manager(about).num_segmentation_heads
    network = nnUNetTrainer.build_network_architecture(plans, configuration, channels, heads, False)
    arithmetic = multiply_adds(network, channels, configuration.patch_size)

    checkpoint = torch.load(options.fold / "checkpoint_final.pth", map_location="cpu", weights_only=False)
    log = checkpoint["logging"]
    clock, training = _spent(options.work / "train.seconds")
    masks = list((options.work / "predictions").glob("*/*.nii.gz"))
    predicting = [_spent(path) for path in (options.work / "predictions").glob("*.seconds")]
    facts = {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "multiply_adds_per_voxel": round(arithmetic / math.prod(configuration.patch_size)),
        "train_minutes": round(training / 60, 1),
        "train_clock_minutes": round(clock / 60, 1),
        "train_steps": STEPS_PER_EPOCH * len(log["train_losses"]),
        "train_losses": [round(float(loss), 4) for loss in log["train_losses"]],
        "seconds_per_case": round(sum(processor for _, processor in predicting) / len(masks), 1),
        "clock_seconds_per_case": round(sum(clock for clock, _ in predicting) / len(masks), 1),
        "patch": list(configuration.patch_size),
        "batch": configuration.batch_size,
        "versions": {
            "nnunetv2": importlib.metadata.version("nnunetv2"),
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "configuration": "3d_fullres, fold all, no test-time mirroring, bfloat16",
        "device": "one CPU core",
    }
    (options.work / "facts.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
