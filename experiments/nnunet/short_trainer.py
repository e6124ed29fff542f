"""nnU-Net's trainer for half an hour on one CPU core. `train.sh` puts it where nnU-Net finds it.

It runs in nnU-Net's own environment and imports nothing of this repository. Loss, augmentation, optimiser and sampling
are nnU-Net's; what differs is how long it trains, that layers are computed in bfloat16 where nnU-Net on a GPU uses
float16, and that cases are not segmented at the end of the training.
"""

import os

import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

__all__ = ["ShortTrainer"]

EPOCHS = int(os.environ.get("SHORT_EPOCHS", "50"))
STEPS_PER_EPOCH = 10


class ShortTrainer(nnUNetTrainer):
    """`EPOCHS` epochs of `STEPS_PER_EPOCH` steps; the learning rate falls to zero over them as in nnU-Net."""

    def __init__(self, plans, configuration, fold, dataset_json, device):
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs = EPOCHS
        self.num_iterations_per_epoch = STEPS_PER_EPOCH
        # nnU-Net's log wants one; nothing is chosen by it.
        self.num_val_iterations_per_epoch = 1
        self.save_every = 4

    @staticmethod
    def build_network_architecture(
        plans_manager, configuration_manager, num_input_channels, num_output_channels, enable_deep_supervision=True
    ):
        """The planned network, computed in bfloat16 in training and in prediction.

        Parameters and outputs stay float32.
        """
        # nnU-Net has asked for as many threads as the machine has cores, whatever the environment says.
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        network = nnUNetTrainer.build_network_architecture(
            plans_manager, configuration_manager, num_input_channels, num_output_channels, enable_deep_supervision
        )
        network.forward = _in_bfloat16(network.forward)
        return network

    def perform_actual_validation(self, save_probabilities=False):
        """Nothing: with fold `all` this would segment all training cases, which takes longer than the training."""
        self.print_to_log_file("Training cases are not segmented.")


def _in_bfloat16(forward):
    def computed(x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = forward(x)
        return [each.float() for each in output] if isinstance(output, list) else output.float()

    return computed
