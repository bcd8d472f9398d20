"""The CLIP fashion recommender: the same code inside the serving container and at packaging time."""

import time

IMPORT_BEGAN = time.perf_counter()
"""When this process began to import the package, and with it numpy and Pillow."""
