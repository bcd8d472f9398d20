import json


def model_fn(model_dir):
    return 1


def transform_fn(model, body, content_type, accept):
    return json.dumps({"t": type(body).__name__, "ct": content_type, "a": accept}), "application/vnd.x+json"
