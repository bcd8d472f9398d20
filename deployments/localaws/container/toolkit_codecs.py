"""The default functions of AWS's PyTorch image, for those that a module does not define: arrays in, arrays out.

numpy is imported only here, and only when such a function runs.
"""

from __future__ import annotations

import importlib
import io
import json
from collections.abc import Callable
from typing import Any

from localaws.container.content_types import CSV, JSON, NPY, NPZ


class UnsupportedFormatError(Exception):
    """A content type without a default codec; the text is the toolkit's."""

    def __init__(self, content_type: str | None) -> None:
        super().__init__(
            f"Content type {content_type} is not supported by this framework.\n\n"
            "            Please implement input_fn to to deserialize the request data or an output_fn to\n"
            "            serialize the response. For more information, see the SageMaker Python SDK README."
        )


def default_input_fn(body: Any, content_type: str | None) -> Any:
    """The body as a numpy array; text becomes 32-bit floats, like the image's tensors."""
    decoders: dict[str | None, Callable[[Any], Any]] = {
        JSON: _from_json,
        CSV: _from_csv,
        NPY: _from_npy,
        NPZ: _from_npz,
    }
    if content_type not in decoders:
        raise UnsupportedFormatError(content_type)
    return decoders[content_type](body)


def default_output_fn(prediction: Any, accept: str) -> Any:
    """The prediction, encoded as the first of the accepted types that is known."""
    encoders: dict[str, Callable[[Any], Any]] = {JSON: json.dumps, CSV: _to_csv, NPY: _to_npy}
    values = prediction.tolist() if hasattr(prediction, "tolist") else prediction
    for content_type in accept.replace(" ", "").split(","):
        if content_type in encoders:
            # The image answers the whole Accept header as the content type, even of a list.
            return encoders[content_type](values)
    raise UnsupportedFormatError(accept)


def _from_json(body: str) -> Any:
    import numpy as np

    array = np.array(json.loads(body))
    if array.dtype.kind not in "biufc":
        raise TypeError(
            f"can't convert np.ndarray of type numpy.{array.dtype.type.__name__}. The only supported types are: "
            "float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, "
            "uint8, and bool."
        )
    return array.astype(np.float32)


def _from_csv(body: str) -> Any:
    import numpy as np

    return np.genfromtxt(io.StringIO(body), dtype=np.float32, delimiter=",")


def _from_npy(body: bytearray) -> Any:
    import numpy as np

    return np.load(io.BytesIO(body), allow_pickle=False)


def _from_npz(body: bytearray) -> Any:
    # scipy ships no types.
    return importlib.import_module("scipy.sparse").load_npz(io.BytesIO(body))


def _to_csv(values: Any) -> str:
    import numpy as np

    stream = io.StringIO()
    np.savetxt(stream, values, delimiter=",", fmt="%s")
    return stream.getvalue()


def _to_npy(values: Any) -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()
