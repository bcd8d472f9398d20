"""The demo's catalogue, drawn by code, and its small encoder: a run from one clone needs no download."""
