"""A CLIP checkpoint of seeded random weights: as large and as slow as a real one, and nothing to download."""

from pathlib import Path

import open_clip
import torch

PERTURBED = 0.1


def write_random_clip(folder: Path, name: str = "ViT-B-32", seed: int = 0) -> Path:
    """A checkpoint of the architecture `name` in `folder`, usable as NAME:FILE; the same weights for the same seed."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-random-{seed}.pt"
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        weights = open_clip.create_model(name).state_dict()
        for value in weights.values():
            if value.ndim == 1 and value.is_floating_point():  # biases and gains start as zeros and ones: all alike
                value += PERTURBED * torch.randn_like(value)
    torch.save(weights, path)
    return path
