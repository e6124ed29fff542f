"""The chapters after the paper: generated images, related systems, hyper-parameters."""
