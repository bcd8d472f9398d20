"""The CLIP fashion recommender: the same code inside the serving container and at packaging time."""

import os
import time

IMPORT_BEGAN_NS = time.perf_counter_ns()
"""Nanoseconds of perf_counter when this process began to import the package, and with it numpy and Pillow."""

# The published builds of ONNX Runtime report a process's sessions to their makers, and keep an id of the machine below
# the home folder. That begins at the import, and nothing stops it later: neither disable_telemetry_events() nor this
# variable. It is set here because every module of ours that imports ONNX Runtime imports this package first.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
