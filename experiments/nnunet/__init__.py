"""nnU-Net on the same simulated patients as chapter 8's systems: cases on disk, a training that fits a CPU core."""
