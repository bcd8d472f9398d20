"""Pictures: fetching them, decoding them, and making an encoder's input of them."""
