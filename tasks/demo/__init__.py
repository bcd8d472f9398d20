"""The demo's catalogue, drawn by code, and its small encoder: a run from a fresh clone needs no download."""
