"""The generative half of the paper: pictures of slices that networks invent, clean and complete."""
