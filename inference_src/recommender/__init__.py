"""The CLIP fashion recommender: the same code inside the serving container and at packaging time."""

import os
import time

IMPORT_BEGAN_NS = time.perf_counter_ns()
"""When this process began to import the package, and with it numpy and Pillow."""

# ONNX Runtime, as its makers build it, reports the sessions of a process to them, and keeps an id of the machine below
# the home folder. It begins when it is imported, and no later call ends it: disable_telemetry_events() doesn't, and
# neither does this variable. Hence here: whatever of ours imports it has imported this package before.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
