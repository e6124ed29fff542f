"""nnU-Net on the same simulated patients as chapter 10's systems: cases on disk, a training that fits a CPU core."""
