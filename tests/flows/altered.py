"""An artifact whose index has another item's embedding for one item."""

import io
import tarfile

import numpy as np

from tasks.names import S3Location
from tasks.storage import download, upload


def altered(model_uri: str) -> str:
    """Upload a copy of the artifact in which one item has another's embedding, and return the copy's URI."""
    source, target = io.BytesIO(download(model_uri)), io.BytesIO()
    with tarfile.open(fileobj=source) as old, tarfile.open(fileobj=target, mode="w:gz") as new:
        for member in old.getmembers():
            content = old.extractfile(member).read()  # type: ignore[union-attr]
            if member.name == "catalogue/embeddings.npy":
                content = _with_one_row_altered(content)
                member.size = len(content)
            new.addfile(member, io.BytesIO(content))
    where = S3Location.parse(model_uri)
    return upload(target.getvalue(), S3Location(where.bucket, "models/altered/model.tar.gz"))


def _with_one_row_altered(content: bytes) -> bytes:
    rows = np.load(io.BytesIO(content))
    rows[0] = rows[5]
    out = io.BytesIO()
    np.save(out, rows)
    return out.getvalue()
