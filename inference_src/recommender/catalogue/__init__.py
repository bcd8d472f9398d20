"""The catalogue: its items, their embeddings, and the search among them."""
