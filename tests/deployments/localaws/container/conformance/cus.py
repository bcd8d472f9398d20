import json
import os
import time

import numpy as np

CALLS = []


def model_fn(model_dir, context):
    return {"ctx": type(context).__name__, "sp": {k: str(v) for k, v in context.system_properties.items()}}


def input_fn(body, content_type, context):
    CALLS.append(1)
    rp = context.request_processor[0]
    try:
        d = json.loads(body)
    except Exception:
        d = {"cmd": "raw"}
    headers = dict(rp.get_request_properties())
    d["_in"] = {
        "body_type": type(body).__name__,
        "n": len(body),
        "ct": content_type,
        "headers": headers,
        "rid": context.get_request_id(0),
    }
    return d


def predict_fn(d, model, context=None):
    c = d.get("cmd")
    if c == "boom":
        raise RuntimeError("boom happened\nsecond line")
    if c == "valueerr":
        raise ValueError("bad value")
    if c == "toolkit":
        from sagemaker_inference.errors import GenericInferenceToolkitError

        raise GenericInferenceToolkitError(d.get("code", 415), d.get("msg", "custom toolkit error"), d.get("phrase"))
    if c == "base_err":
        from sagemaker_inference.errors import BaseInferenceToolkitError

        raise BaseInferenceToolkitError(422, "unprocessable", "my phrase")
    if c == "sysexit":
        raise SystemExit(4)
    if c == "os_exit":
        os._exit(3)
    if c == "memerr":
        raise MemoryError("oom")
    if c == "cuda":
        raise RuntimeError("CUDA out of memory")
    if c == "kbd":
        raise KeyboardInterrupt()
    if c == "sleep":
        time.sleep(d["s"])
    if c == "set_status":
        context.set_response_status(code=418, phrase="teapot")
    if c == "set_header":
        context.set_response_header(0, "X-Amzn-SageMaker-Custom-Attributes", "hello=1")
    return d


def output_fn(d, accept, context=None):
    c = d.get("cmd")
    if c == "bytes":
        return b"\x00\xff\x10raw"
    if c == "str":
        return "plain str \u00e9"
    if c == "dict":
        return {"a": 1}
    if c == "list":
        return [1, 2, 3]
    if c == "none":
        return None
    if c == "nparray":
        return np.arange(3)
    if c == "tensor":
        import torch  # only here: it takes seconds

        return torch.arange(3)
    if c == "tuple2":
        return b"tup", "application/x-foo"
    if c == "tuple2rev":
        return "application/x-foo", b"tup"
    if c == "tuple3":
        return b"a", "text/x", 5
    if c == "tuple_dict":
        return {"a": 1}, "application/json"
    if c == "bytearray":
        return bytearray(b"ba")
    if c == "empty":
        return b""
    if c == "emptystr":
        return ""
    if c == "int":
        return 5
    if c == "nan":
        return json.dumps({"x": float("nan")})
    return json.dumps({"in": d.get("_in"), "accept": accept, "calls": len(CALLS), "pid": os.getpid()})
