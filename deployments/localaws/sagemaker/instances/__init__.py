"""Instances: their model data, their worker processes, and their supervision."""
