"""The CLIP fashion recommender: the same code inside the serving container and at packaging time."""
