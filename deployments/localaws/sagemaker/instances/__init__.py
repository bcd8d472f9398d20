"""Instances: their model data, their worker processes, and what watches over them."""
