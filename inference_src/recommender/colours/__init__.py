"""The colours of garments: found in pixels, named, and how well two of them go together."""
