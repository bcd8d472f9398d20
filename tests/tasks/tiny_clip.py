"""A CLIP model small enough to be made in a test."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAME = "stygig-test-tiny"
TINY: dict[str, Any] = {
    "embed_dim": 32,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


@contextmanager
def tiny_clip(folder: Path) -> Iterator[Path]:
    """Write seeded weights into `folder`, of a model that open_clip knows as NAME while the context is open."""
    import open_clip
    import torch

    (folder / f"{NAME}.json").write_text(json.dumps(TINY))
    before = list(open_clip.factory._MODEL_CONFIG_PATHS)
    open_clip.add_model_config(folder / f"{NAME}.json")
    torch.manual_seed(7)
    torch.save(open_clip.create_model(NAME).state_dict(), folder / "tiny.pt")
    yield folder / "tiny.pt"
    open_clip.factory._MODEL_CONFIG_PATHS[:] = before
    open_clip.factory._rescan_model_configs()
