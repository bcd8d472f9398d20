"""Our worker: the handler of an unpacked artifact, called as the model server would call it.

`python -m benchmarks.recommender_worker MODEL PICTURES THREADS`, with MODEL/code on PYTHONPATH.
"""

from __future__ import annotations

import sys

import inference
from benchmarks.serving_loop import moment, read_pictures, serve


def main(model_dir: str, folder: str, threads: str) -> None:
    model = inference.model_fn(model_dir)
    ready = moment()

    def answer(body: bytes) -> str:
        found = inference.predict_fn(inference.input_fn(body, "image/jpeg"), model)
        return inference.output_fn(found, "application/json")[0]

    pictures = read_pictures(folder)
    answer(pictures[0])
    serve(ready, {"handler": answer}, pictures, int(threads))


if __name__ == "__main__":
    main(*sys.argv[1:])
