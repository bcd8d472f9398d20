import os
import sys
import time


def model_fn(model_dir, context=None):
    print("model_fn", model_dir, context and context.system_properties, file=sys.stderr, flush=True)  # noqa: T201
    return {"w": 2, "dir": model_dir}


def predict_fn(data, model, context=None):
    d = data
    if isinstance(d, dict):
        if d.get("sleep"):
            time.sleep(d["sleep"])
        if d.get("boom"):
            raise RuntimeError("boom happened")
        if d.get("exit"):
            os._exit(3)
        if d.get("ret") == "none":
            return None
    return d
