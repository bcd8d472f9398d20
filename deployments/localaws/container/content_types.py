"""The toolkit's content types: what it exports under this name, for handlers which look at it or change it.

On AWS the module is sagemaker_inference.content_types, loaded before any handler; here this one stands in its place.
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
    """Has handlers find this module where AWS's toolkit has its own."""
    sys.modules.setdefault("sagemaker_inference.content_types", sys.modules[__name__])
