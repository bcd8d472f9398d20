"""The words for encoders, precisions and engines that commands, flows and artifacts share."""

from typing import Literal

Precision = Literal["fp16", "fp32", "int8"]


DEFAULT_PRECISION: Precision = "fp16"


EngineName = Literal["onnxruntime", "torch"]


DEFAULT_ENGINE: EngineName = "onnxruntime"


DEMO = "demo"


CONFIG = "open_clip_config.json"


HUB = "hf-hub:"
