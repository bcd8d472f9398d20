"""The colours of garments: finding them in pixels, naming them, and scoring how well two go together."""
