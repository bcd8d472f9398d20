"""From pictures to embeddings: the engines that run an image tower."""
