"""The toolkit's content types, under the names that it exports, for handlers that read or change them.

On AWS the module is sagemaker_inference.content_types, loaded before any handler; here this one takes its place.
"""

from __future__ import annotations

import sys

JSON = "application/json"
CSV = "text/csv"
OCTET_STREAM = "application/octet-stream"
ANY = "*/*"
NPY = "application/x-npy"
NPZ = "application/x-npz"
# Bodies of these types reach input_fn as text.
UTF8_TYPES = [JSON, CSV]


def stand_in() -> None:
    """Register this module under the name that it has in AWS's toolkit, where handlers look for it."""
    sys.modules.setdefault("sagemaker_inference.content_types", sys.modules[__name__])
