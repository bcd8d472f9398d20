"""The fitting of the projection and the text tower on cached features; every true caption is a positive."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray

from tools.demo_encoder.captions import Facts, caption
from tools.demo_encoder.towers import Floats, Towers

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Schedule:
    """The length of a fitting, and its hyperparameters."""

    steps: int = 1200
    batch: int = 192
    captions: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.1
    dropout: float = 0.2
    seed: int = 7


@dataclass(frozen=True)
class Examples:
    """Cached features, row-aligned with what their pictures show and where they come from."""

    features: Floats
    facts: tuple[Facts, ...]
    sources: tuple[str, ...]


def fit(towers: Towers, examples: Examples, schedule: Schedule) -> None:
    """Fit the model's projection, text tower and temperature in place."""
    torch.manual_seed(schedule.seed)
    model = towers.model
    rng, draws = Random(schedule.seed), np.random.default_rng(schedule.seed)  # noqa: S311 - sampling, no secret
    fitted = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(fitted, lr=schedule.learning_rate, weight_decay=schedule.weight_decay)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, schedule.steps)
    chances = sampling_chances(examples)
    rows = torch.from_numpy(examples.features)
    for step in range(schedule.steps):
        picked = draws.choice(len(rows), schedule.batch, p=chances)
        shown = [examples.facts[index] for index in picked]
        captions, said = zip(*(caption(facts, rng) for facts in shown[: schedule.captions]), strict=True)
        thinned = torch.nn.functional.dropout(rows[picked], schedule.dropout)
        loss = contrastive_loss(model, thinned, towers.tokenize(list(captions)), *matches(shown, said))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        cosine.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, np.log(100))  # CLIP's own limit
        if (step + 1) % 200 == 0:
            log.info("step %d of %d: loss %.3f", step + 1, schedule.steps, loss.item())


def contrastive_loss(
    model: torch.nn.Module, features: torch.Tensor, tokens: torch.Tensor, true: torch.Tensor, unknown: torch.Tensor
) -> torch.Tensor:
    """Return CLIP's loss both ways, spread evenly over all true captions, without pairs that can't be judged."""
    pictures = torch.nn.functional.normalize(model.visual.head(features), dim=-1)
    texts = torch.nn.functional.normalize(model.encode_text(tokens), dim=-1)
    logits = (model.logit_scale.exp() * pictures @ texts.T).masked_fill(unknown, -1e4)
    return (_one_way(logits, true) + _one_way(logits.T, true.T)) / 2


def _one_way(logits: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    described = true.sum(dim=1) > 0
    share = true[described] / true[described].sum(dim=1, keepdim=True)
    return -(share * logits[described].log_softmax(dim=1)).sum(dim=1).mean()


def matches(shown: Sequence[Facts], said: Sequence[Facts]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return two arrays [pictures, captions]: the caption is true of the picture; and it can't be told."""
    pictures = np.array([facts.values() for facts in shown])[:, None, :]
    captions = np.array([facts.values() for facts in said])[None, :, :]
    unsaid, equal, unseen = captions == "", pictures == captions, pictures == ""
    true = (unsaid | equal).all(axis=2)
    contradicted = (~unsaid & ~unseen & ~equal).any(axis=2)
    return torch.from_numpy(true.astype(np.float32)), torch.from_numpy(~true & ~contradicted)


def sampling_chances(examples: Examples) -> NDArray[np.float64]:
    """Return each row's chance: most of a batch are photographs, and rare categories come nearly as often as others."""
    shares = {"photograph": 0.7, "drawn": 0.24, "fashion_mnist": 0.06}
    kinds = [f"{source} {facts.category}" for source, facts in zip(examples.sources, examples.facts, strict=True)]
    _, which, counts = np.unique(kinds, return_inverse=True, return_counts=True)
    weights = 1 / counts[which] ** 0.6
    for source, share in shares.items():
        rows = np.array(examples.sources) == source
        weights[rows] *= share / max(weights[rows].sum(), 1e-12)
    chances: NDArray[np.float64] = weights / weights.sum()
    return chances
